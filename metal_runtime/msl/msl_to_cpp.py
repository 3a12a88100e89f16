"""MSL tokens become C++17: a library and a kernel's name in, the translation unit of that one kernel out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from metal_runtime.msl.address_spaces import erased_spaces, merged_classes
from metal_runtime.msl.declarations import Function
from metal_runtime.msl.edits import EditedText, TextEditor
from metal_runtime.msl.library import KernelModel, Library
from metal_runtime.msl.region_plan import RegionPlan
from metal_runtime.msl.space_twins import SpaceEdits
from metal_runtime.msl.spelling import THREADGROUP_MEMORY, cpp_tokens, spellings
from metal_runtime.msl.strategy import FIBERS, LOOPS, REGIONS, choose_strategy
from metal_runtime.msl.streamed_outputs import StreamedOutput, streamed_outputs
from metal_runtime.msl.tokens import LineTable, TokenKind
from metal_runtime.source import SourceSpan

_PROLOGUE = "#include <metal_stdlib>\n"
_MEMORY = {
    LOOPS: "",
    REGIONS: f"#define {THREADGROUP_MEMORY} __memory\n",
    FIBERS: f"#define {THREADGROUP_MEMORY} IRIS_FIBER_MEMORY\n",
}
_REGION_PARAMETERS = "metal::__regions::group& __group, char* __restrict __memory"
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
    streamed: tuple[StreamedOutput, ...] = ()
    """Outputs whose type is a parameter of the kernel, so that they can bypass the caches."""

    def cpp_text(self, entry: str) -> str:
        """The whole translation unit, with ``entry``, the code through which a device calls the kernel."""
        return f'{_PROLOGUE}{_MEMORY[self.strategy]}#line 1 "{USER_TEXT}"\n{self.edited.text}\n#line 1 "entry"\n{entry}'

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
    strategy, plan = choose_strategy(library, kernel, wish)
    editor = TextEditor(prepared.text)
    spaces = erased_spaces(library)
    _require_decided(library, kernel, spaces.edits)
    unreached = set(spaces.edits.undecided) - kernel.reached
    left_out = _left_out(library, kernel) | spaces.merged | unreached
    cut = [range(f.start, f.end) for f in (library.functions[i] for i in left_out)]
    cut += [*(i.tokens for i in library.instantiations), *merged_classes(library)]
    cut += _types_of(library, left_out, cut)
    streamed = streamed_outputs(library, kernel) if strategy == LOOPS else ()
    cut += [output.type_tokens for output in streamed]
    symbol = "&::" + "::".join((*kernel.function.scope, kernel.function.name))
    markers: dict[int, str] = {}
    if strategy != FIBERS:
        for index in _functions_to_inline(library) - left_out:
            markers[_place_of_marker(library, library.functions[index])] = "IRIS_FN "
        for start in _function_pointers(library, cut):
            editor.replace(start, start, "IRIS_CALL ")
    kept = _edit(library, editor, cut, plan, markers)
    if kernel.instance is not None:
        symbol = "::" + "::".join((*kernel.instance.scope, _INSTANCE))
        text = _instance_text(library, kernel, strategy)
        first = prepared.tokens[kernel.instance.tokens.start]
        editor.replace(first.start, first.start, text)
        kept.append(text)
    if streamed:
        _open_types(library, kernel, streamed, editor)
        kept += [f"{output.number} {output.element}" for output in streamed]
        symbol += f"<{', '.join(f'{output.element} *' for output in streamed)}>"
    kept.append(strategy)
    if strategy == FIBERS:  # the code tells the places where threads meet by line and column
        kept += [
            str(prepared.lines.position(prepared.tokens[m.index].start)) for m in kernel.meetings
        ]
    key_text = "\0".join([*prepared.directives, *kept])
    return TranslationUnit(kernel, library, strategy, symbol, editor.apply(), key_text, streamed)


def _open_types(
    library: Library, kernel: KernelModel, streamed: tuple[StreamedOutput, ...], editor: TextEditor
) -> None:
    """Makes the kernel a template over the types of its streamed outputs."""
    tokens = library.prepared.tokens
    names = [f"__iris_output{output.number}" for output in streamed]
    head = tokens[kernel.function.start].start
    editor.replace(head, head, f"template <{', '.join(f'class {name}' for name in names)}> ")
    for output, name in zip(streamed, names, strict=True):
        first = tokens[output.type_tokens.start]
        editor.replace(first.start, first.start, f"{name} ")


def _region_edits(library: Library, plan: RegionPlan) -> dict[int, str]:
    """The body as loops over the threads, with what these loops need as further parameters."""
    tokens, spelled, edits = library.prepared.tokens, spellings(library), plan.edits
    texts = {}
    for i in {*edits.before, *edits.instead, *edits.after}:
        text = edits.instead.get(i, spelled.get(i, tokens[i].text))
        texts[i] = edits.before.get(i, "") + text + edits.after.get(i, "")
    comma = ", " if plan.has_parameters else ""
    texts[plan.parameters_end] = f"{comma}{_REGION_PARAMETERS})"
    return texts


def _instance_text(library: Library, kernel: KernelModel, strategy: str) -> str:
    """A pointer to the instance, in place of its explicit instantiation: names mean there what they should."""
    instance = kernel.instance
    assert instance is not None
    name = cpp_tokens(library, instance.qualified)
    if instance.arguments is not None:
        return f"static constexpr auto {_INSTANCE} = &{name}<{cpp_tokens(library, instance.arguments)}>;"
    assert instance.parameters is not None
    types = cpp_tokens(library, instance.parameters)
    if strategy == REGIONS:
        types += f"{', ' if types else ''}{_REGION_PARAMETERS}"
    call = "" if strategy == FIBERS else "IRIS_CALL "
    return f"static constexpr void ({call}*{_INSTANCE})({types}) = &{name};"


def _require_decided(library: Library, kernel: KernelModel, spaces: SpaceEdits) -> None:
    """Raises MslError for a call that the kernel may reach and whose overload is not known."""
    index = library.functions.index(kernel.function)
    for undecided in (-1, index, *sorted(kernel.reached)):
        if undecided in spaces.undecided:
            raise spaces.undecided[undecided]


def _left_out(library: Library, kernel: KernelModel) -> set[int]:
    """The functions that are not part of the unit: other kernels, and what nobody calls and cannot compile."""
    entries = {i for i in library.entries if library.functions[i] is not kernel.function}
    unreached = set(range(len(library.functions))) - kernel.reached - set(library.entries)
    return (entries - kernel.reached) | {i for i in unreached if library.unsupported(i)}


def _function_pointers(library: Library, cut: list[range]) -> list[int]:
    """Where the type of a function is written: its pointer `void (*f)(int)`, or a typedef `void (f_t)(int)`.

    Functions are called through it as they are directly.
    """
    tokens = library.prepared.tokens
    texts = [token.text for token in tokens]
    in_typedefs = {i for where in library.typedefs for i in where}
    found = []
    for i in range(1, len(texts) - 4):
        if texts[i] != "(":
            continue
        is_pointer = texts[i + 1] == "*" and texts[i + 3 : i + 5] == [")", "("]
        is_type = i in in_typedefs and texts[i + 2 : i + 4] == [")", "("]
        after_type = tokens[i - 1].kind is TokenKind.IDENTIFIER or texts[i - 1] in (">", "*", "&")
        is_declared = after_type and texts[i - 1] not in ("return", "decltype")
        is_cut = any(part.start <= i < part.stop for part in cut)
        if (is_pointer or is_type) and is_declared and not is_cut:
            found.append(tokens[i + 1].start)
    return found


def _types_of(library: Library, left_out: set[int], cut: list[range]) -> list[range]:
    """Names for the types of functions that are not part of the unit: `typedef decltype(f<int>) f_t;`."""
    tokens = library.prepared.tokens
    names = {library.functions[i].name for i in left_out}
    return [
        where
        for where in library.typedefs
        if any(tokens[i].text == "decltype" for i in where)
        and any(tokens[i].text in names for i in where)
        and not any(part.start <= where.start < part.stop for part in cut)
    ]


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
        and not f.name.startswith(
            "__"
        )  # an expression among template arguments, taken for a function
        and not _is_instantiation(library, f)
    }


def _place_of_marker(library: Library, function: Function) -> int:
    """Before the name; where a declarator's sign or a scope stands before it, at the head's beginning."""
    tokens = library.prepared.tokens
    if tokens[function.name_index - 1].text not in ("*", "&", "::", "&&"):
        return function.name_index
    index = function.start
    while tokens[index].text == "template" or tokens[index].text == "[":
        opener = tokens[index].text if tokens[index].text == "[" else "<"
        closer = "]" if opener == "[" else ">"
        depth = 0
        index += tokens[index].text == "template"
        while index < function.name_index:
            depth += (tokens[index].text == opener) - (tokens[index].text == closer)
            index += 1
            if depth == 0:
                break
    return index


def _is_instantiation(library: Library, function: Function) -> bool:
    tokens = library.prepared.tokens
    return tokens[function.start].text == "template" and tokens[function.start + 1].text != "<"


def _edit(
    library: Library,
    editor: TextEditor,
    cut: list[range],
    plan: RegionPlan | None,
    markers: dict[int, str],
) -> list[str]:
    """Replaces the tokens that C++ spells differently, takes those in ``cut`` away; returns the texts that stay."""
    replacements = spellings(library)
    if plan is not None:
        replacements = {**replacements, **_region_edits(library, plan)}
    tokens = library.prepared.tokens
    spaces = erased_spaces(library).edits
    inserted = {
        i: spaces.before.get(i, "") + markers.get(i, "") for i in {*spaces.before, *markers}
    }
    replacements = {
        **replacements,
        **{i: replacements.get(i, tokens[i].text) + text for i, text in spaces.after.items()},
    }
    ends = {r.start: r.stop for r in sorted(cut, key=lambda r: r.stop)}
    kept: list[str] = []
    for where in _between(cut, len(tokens)):
        for index in where:
            token, replacement = tokens[index], replacements.get(index)
            kept += [inserted[index]] if index in inserted else []
            kept.append(token.text if replacement is None else replacement)
            if index in inserted:
                editor.replace(token.start, token.start, inserted[index])
            if replacement is not None:
                editor.replace(token.start, token.end, replacement)
        if where.stop < len(tokens):  # with the pragmas among the tokens
            end = ends[where.stop]
            editor.blank(tokens[where.stop].start, tokens[end - 1].end)
    return kept


def _between(cut: list[range], count: int) -> Iterator[range]:
    """What lies before, between and after the ranges; a range within another is none of its own."""
    start = 0
    for where in sorted(cut, key=lambda r: (r.start, -r.stop)):
        if where.start >= start:
            yield range(start, where.start)
            start = where.stop
    yield range(start, count)
