"""MSL tokens become C++17: a library and a kernel's name in, the translation unit of that one kernel out."""

from __future__ import annotations

from dataclasses import dataclass, replace

from metal_runtime.msl.address_spaces import merged_overloads
from metal_runtime.msl.declarations import Function
from metal_runtime.msl.edits import EditedText, TextEditor
from metal_runtime.msl.library import KernelModel, Library
from metal_runtime.msl.spelling import THREADGROUP_MEMORY, cpp_tokens, spellings
from metal_runtime.msl.strategy import FIBERS, choose_strategy
from metal_runtime.msl.tokens import LineTable
from metal_runtime.source import SourceSpan

_PROLOGUE = "#include <metal_stdlib>\n"
_MEMORY_OF_FIBERS = f"#define {THREADGROUP_MEMORY} IRIS_FIBER_MEMORY\n"
USER_TEXT = "msl"
"""What diagnostics of the compiler call the user's text."""

_INSTANCE = "__iris_instance"
"""The variable that points to an instance of a kernel template, where the text instantiates it."""


@dataclass(frozen=True, slots=True)
class TranslationUnit:
    """The C++ text of one kernel, and what gives a place in it back to the user.

    ``key_text`` is what the compiled code depends on: it is the same wherever the kernel stands in its
    text, and whatever other kernels stand beside it.
    """

    kernel: KernelModel
    library: Library
    strategy: str
    """How a threadgroup runs: see strategy.py."""

    symbol: str
    """A C++ expression of the kernel's address."""

    edited: EditedText
    key_text: str

    def cpp_text(self, entry: str) -> str:
        """The whole translation unit, with ``entry``, the code through which a device calls the kernel."""
        memory = _MEMORY_OF_FIBERS if self.strategy == FIBERS else ""
        return f'{_PROLOGUE}{memory}#line 1 "{USER_TEXT}"\n{self.edited.text}\n#line 1 "entry"\n{entry}'

    def user_span(self, line: int, column: int) -> SourceSpan | None:
        """The user's place for a line and column that the compiler gives within ``USER_TEXT``."""
        prepared = self.library.prepared
        table = LineTable(self.edited.text, USER_TEXT)
        offset = self.edited.original_offset(table.offset(line, column))
        before = prepared.token_ending_at(offset)
        if before is not None:  # something is missing after it
            span = prepared.span(before)
            return replace(span, column=span.end_column, end_column=span.end_column + 1)
        token = prepared.token_at(offset)
        return prepared.span(token) if token is not None else None


def translate(library: Library, name: str, wish: str | None = None) -> TranslationUnit:
    """The translation unit of the kernel ``name``: all text but the other kernels.

    ``wish`` is the strategy that somebody wants; see strategy.py.

    Raises:
        MslError: no such kernel, or one that cannot run; or overloads that only address spaces tell apart.
        LaunchError: the kernel cannot run as wished.
    """
    kernel = library.kernel(name)
    prepared = library.prepared
    strategy = choose_strategy(library, kernel, wish)
    editor = TextEditor(prepared.text)
    left_out = _left_out(library, kernel) | merged_overloads(library)
    cut: set[int] = set()
    for index in left_out:
        cut.update(range(library.functions[index].start, library.functions[index].end))
    symbol = "&::" + "::".join((*kernel.function.scope, kernel.function.name))
    for instance in library.instantiations:
        cut.update(instance.tokens)
    kept = _edit(library, editor, cut)
    if strategy != FIBERS:
        for index in _functions_to_inline(library) - left_out:
            start = prepared.tokens[library.functions[index].name_index].start
            editor.replace(start, start, "IRIS_FN ")
    if kernel.instance is not None:
        symbol = "::" + "::".join((*kernel.instance.scope, _INSTANCE))
        text = _instance_text(library, kernel)
        first = prepared.tokens[kernel.instance.tokens.start]
        editor.replace(first.start, first.end, text)
        kept.append(text)
    kept.append(strategy)
    if strategy == FIBERS:  # the code tells the places where threads meet by line and column
        kept += [
            str(prepared.lines.position(prepared.tokens[m.index].start)) for m in kernel.meetings
        ]
    return TranslationUnit(
        kernel, library, strategy, symbol, editor.apply(), "\0".join([*prepared.directives, *kept])
    )


def _instance_text(library: Library, kernel: KernelModel) -> str:
    """A pointer to the instance, in place of its explicit instantiation: names mean there what they should."""
    instance = kernel.instance
    assert instance is not None
    name = cpp_tokens(library, instance.qualified)
    if instance.arguments is not None:
        return f"static constexpr auto {_INSTANCE} = &{name}<{cpp_tokens(library, instance.arguments)}>;"
    assert instance.parameters is not None
    types = cpp_tokens(library, instance.parameters)
    return f"static void (*const {_INSTANCE})({types}) = &{name};"


def _left_out(library: Library, kernel: KernelModel) -> set[int]:
    """The functions that are not part of the unit: other kernels, and what nobody calls and cannot compile."""
    entries = {i for i in library.entries if library.functions[i] is not kernel.function}
    unreached = set(range(len(library.functions))) - kernel.reached - set(library.entries)
    return (entries - kernel.reached) | {i for i in unreached if library.unsupported(i)}


def _functions_to_inline(library: Library) -> set[int]:
    """The functions to mark with the header's IRIS_FN: inlined, and vectors passed as components.

    A call, or a vector passed as two halves, would keep the loop over threads from being vectorised.
    """
    defined = {(f.scope, f.name) for f in library.functions if f.defined}
    return {
        index
        for index, f in enumerate(library.functions)
        if (f.scope, f.name) in defined
        and f.name not in f.scope
        and not _is_instantiation(library, f)
    }


def _is_instantiation(library: Library, function: Function) -> bool:
    tokens = library.prepared.tokens
    return tokens[function.start].text == "template" and tokens[function.start + 1].text != "<"


def _edit(library: Library, editor: TextEditor, cut: set[int]) -> list[str]:
    """Replaces the tokens that C++ spells differently, takes those in ``cut`` away; returns the texts that stay."""
    replacements = spellings(library)
    kept: list[str] = []
    for index, token in enumerate(library.prepared.tokens):
        if index in cut:
            editor.blank(token.start, token.end)
            continue
        replacement = replacements.get(index)
        kept.append(token.text if replacement is None else replacement)
        if replacement is not None:
            editor.replace(token.start, token.end, replacement)
    return kept
