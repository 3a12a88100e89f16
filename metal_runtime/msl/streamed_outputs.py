"""Which outputs of a kernel may bypass the caches: a kernel's tokens in, the parameters that are only ever stored to out.

A store to memory that is not in a cache first reads the line it falls in. Where the arrays of a launch
exceed the caches, that is a third of an addition's traffic. An output of which each thread stores its own
element, once, is gathered in a block that stays in the first-level cache and then streamed to memory. Blocks
in which some thread did not store (a guard at the end of the grid) run again with ordinary stores, which is
sound because such a kernel reads nothing that it writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from metal_runtime.msl.library import KernelModel, Library
from metal_runtime.msl.parameters import Parameter
from metal_runtime.msl.tokens import Token
from metal_runtime.msl_types import Pointer, type_name
from metal_runtime.program import ArgumentKind

MOST_OUTPUTS = (
    4  # blocks of 1,024 elements of 16 bytes each must fit beside each other on the stack
)
_JUMPS = frozenset(["for", "while", "do", "goto", "switch", "asm", "__asm__"])
_OTHER_STORES = frozenset(
    ["device", "reinterpret_cast", "const_cast", "volatile", "__builtin_memcpy"]
)
_ASSIGNMENTS = frozenset(
    ["=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>=", "++", "--"]
)
_STATEMENT_ENDS = frozenset([";", "{", "}", ")", "else"])


@dataclass(frozen=True, slots=True)
class StreamedOutput:
    """A parameter that can be streamed: its number, the tokens of its type, and the element's MSL name."""

    number: int
    type_tokens: range
    element: str


def streamed_outputs(library: Library, kernel: KernelModel) -> tuple[StreamedOutput, ...]:
    """The outputs that can be streamed: all that the kernel may write to, or none."""
    tokens = library.prepared.tokens
    function = kernel.function
    body = [tokens[i] for i in function.body]
    index = _thread_index(kernel.parameters)
    written = [i for i, p in enumerate(kernel.parameters) if _is_output(p)]
    if index is None or not 1 <= len(written) <= MOST_OUTPUTS or not _is_plain(library, kernel):
        return ()
    words = {token.text for token in body}
    if words & _JUMPS or words & _OTHER_STORES or _is_assigned(body, index):
        return ()
    if any(_may_store(library, reached) for reached in kernel.reached):
        return ()
    if not all(_stored_once(body, kernel.parameters[i].name, index) for i in written):
        return ()
    places = _parameter_tokens(library, kernel)
    outputs = [_output(library, kernel.parameters[i], i, places[i]) for i in written]
    return tuple(output for output in outputs if output is not None) if all(outputs) else ()


def _is_plain(library: Library, kernel: KernelModel) -> bool:
    """Whether the kernel is one function that can become a template: no template yet, and declared once."""
    function = kernel.function
    if kernel.instance is not None or function.template_names or not function.defined:
        return False
    return sum(f.name == function.name for f in library.functions) == 1


def _parameter_tokens(library: Library, kernel: KernelModel) -> list[range]:
    """The tokens of each parameter, split at the commas outside of brackets."""
    parts, depth = [], 0
    where = kernel.function.parameters
    start = where.start
    for i in where:
        text = library.prepared.tokens[i].text
        depth += (text in ("(", "[", "{", "<")) - (text in (")", "]", "}", ">"))
        if text == "," and depth == 0:
            parts.append(range(start, i))
            start = i + 1
    return [*parts, range(start, where.stop)]


def _output(
    library: Library, parameter: Parameter, number: int, where: range
) -> StreamedOutput | None:
    """The parameter, if it is written ``device T* name`` with a scalar or vector T."""
    tokens = library.prepared.tokens
    type_ = parameter.argument.type if parameter.argument is not None else None
    stars = [i for i in where if tokens[i].text == "*"]
    if not isinstance(type_, Pointer) or len(stars) != 1 or stars[0] + 1 not in where:
        return None
    if tokens[stars[0] + 1].text != parameter.name:
        return None
    return StreamedOutput(number, range(where.start, stars[0] + 1), type_name(type_.element))


def _thread_index(parameters: Sequence[Parameter]) -> str | None:
    """The name of the one `uint` that holds the thread's position along x."""
    builtins = [p for p in parameters if p.builtin is not None]
    if len(builtins) != 1 or builtins[0].builtin != "thread_position_in_grid":
        return None
    only = builtins[0]
    return only.name if only.components == 1 and only.scalar == "uint" else None


def _is_output(parameter: Parameter) -> bool:
    argument = parameter.argument
    return argument is not None and argument.kind is ArgumentKind.BUFFER and argument.written


def _is_assigned(body: Sequence[Token], name: str) -> bool:
    """Whether the variable may change, its address be taken, or a reference be bound to it."""
    texts = ["", "", "", *(t.text for t in body), ""]
    return any(
        text == name
        and (
            texts[i + 1] in _ASSIGNMENTS
            or texts[i - 1] in ("++", "--", "&")
            or (texts[i - 3] in ("&", "&&") and texts[i - 1] in ("=", "(", "{"))
        )
        for i, text in enumerate(texts)
    )


def _may_store(library: Library, reached: int) -> bool:
    """Whether a function that the kernel calls may write to memory, or to what is passed to it."""
    function, tokens = library.functions[reached], library.prepared.tokens
    spelled = {tokens[i].text for i in range(function.start, function.end)}
    return bool(spelled & _OTHER_STORES) or any(
        tokens[i].text in ("&", "*", "&&") for i in function.parameters
    )


def _stored_once(body: Sequence[Token], name: str, index: str) -> bool:
    """Whether the one place that names the output is a statement ``name[index] = ...``."""
    places = [i for i, token in enumerate(body) if token.text == name]
    if len(places) != 1:
        return False
    at = places[0]
    before = body[at - 1].text if at else "{"
    after = [token.text for token in body[at + 1 : at + 5]]
    return before in _STATEMENT_ENDS and after == ["[", index, "]", "="]
