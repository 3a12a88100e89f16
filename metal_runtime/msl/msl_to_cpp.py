"""MSL tokens become C++17: a library and a kernel's name in, the translation unit of that one kernel out."""

from __future__ import annotations

from dataclasses import dataclass, replace

from metal_runtime.msl.address_spaces import ADDRESS_SPACES, merged_overloads
from metal_runtime.msl.declarations import Function
from metal_runtime.msl.edits import EditedText, TextEditor
from metal_runtime.msl.library import KernelModel, Library
from metal_runtime.msl.literals import cpp_number
from metal_runtime.msl.tokens import LineTable, TokenKind
from metal_runtime.source import SourceSpan

_KEPT_ATTRIBUTES = frozenset(
    [
        "maybe_unused",
        "nodiscard",
        "noreturn",
        "fallthrough",
        "likely",
        "unlikely",
        "deprecated",
        "clang",
    ]
)
_PROLOGUE = "#include <metal_stdlib>\n"
USER_TEXT = "msl"
"""What diagnostics of the compiler call the user's text."""


@dataclass(frozen=True, slots=True)
class TranslationUnit:
    """The C++ text of one kernel, and what gives a place in it back to the user.

    ``key_text`` is what the compiled code depends on: it is the same wherever the kernel stands in its
    text, and whatever other kernels stand beside it.
    """

    kernel: KernelModel
    library: Library
    edited: EditedText
    key_text: str

    def cpp_text(self, entry: str) -> str:
        """The whole translation unit, with ``entry``, the code through which a device calls the kernel."""
        return f'{_PROLOGUE}#line 1 "{USER_TEXT}"\n{self.edited.text}\n#line 1 "entry"\n{entry}'

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


def translate(library: Library, name: str) -> TranslationUnit:
    """The translation unit of the kernel ``name``: all text but the other kernels.

    Raises:
        MslError: no such kernel, or one that cannot run; or overloads that only address spaces tell apart.
    """
    kernel = library.kernel(name)
    prepared = library.prepared
    editor = TextEditor(prepared.text)
    left_out = _left_out(library, kernel) | merged_overloads(library)
    for index in left_out:
        tokens = prepared.tokens[library.functions[index].start : library.functions[index].end]
        editor.blank(tokens[0].start, tokens[-1].end)
    for index in _functions_to_inline(library) - left_out:
        start = prepared.tokens[library.functions[index].name_index].start
        editor.replace(start, start, "IRIS_FN ")
    cut = {
        i
        for index in left_out
        for i in range(library.functions[index].start, library.functions[index].end)
    }
    kept = _edit_tokens(library, editor, cut)
    return TranslationUnit(
        kernel, library, editor.apply(), "\0".join([*prepared.directives, *kept])
    )


def _left_out(library: Library, kernel: KernelModel) -> set[int]:
    """The functions that are not part of the unit: other kernels, and what nobody calls and cannot compile."""
    entries = {i for i in library.entries if library.functions[i] is not kernel.function}
    unreached = set(range(len(library.functions))) - kernel.reached - set(library.entries)
    return entries | {i for i in unreached if library.unsupported(i)}


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


def _edit_tokens(library: Library, editor: TextEditor, cut: set[int]) -> list[str]:
    """Replaces the tokens that C++ spells differently; returns the texts of the tokens that stay."""
    tokens = library.prepared.tokens
    undefined = _function_constant_declarations(library)
    kept: list[str] = []
    index = 0
    while index < len(tokens):
        token = tokens[index]
        if index in cut:
            index += 1
            continue
        if token.text == "[" and index + 1 < len(tokens) and tokens[index + 1].text == "[":
            end = _attribute_end(library, index)
            if tokens[index + 2].text not in _KEPT_ATTRIBUTES:
                editor.blank(token.start, tokens[end - 1].end)
                if any(t.text == "kernel" for t in tokens[index:end]):
                    editor.replace(token.start, tokens[end - 1].end, "static")
                index = end
                continue
        replacement = "extern const" if index in undefined else _spelling(token.kind, token.text)
        if replacement is None:
            kept.append(token.text)
        else:
            kept.append(replacement)
            editor.replace(token.start, token.end, replacement)
        index += 1
    return kept


def _function_constant_declarations(library: Library) -> set[int]:
    """The ``constant`` of each variable that gets its value later: no kernel compiled now reads it."""
    tokens = library.prepared.tokens
    return {
        next(i for i in declared.tokens if tokens[i].text == "constant")
        for declared in library.constants.declared.values()
    }


def _attribute_end(library: Library, index: int) -> int:
    depth = 0
    for end in range(index, len(library.prepared.tokens)):
        text = library.prepared.tokens[end].text
        depth += (text == "[") - (text == "]")
        if depth == 0:
            return end + 1
    return len(library.prepared.tokens)


def _spelling(kind: TokenKind, text: str) -> str | None:
    """The C++ spelling of a token, None when it is the same."""
    if kind is TokenKind.NUMBER:
        number = cpp_number(text)
        return number if number != text else None
    if kind is not TokenKind.IDENTIFIER:
        return None
    if text == "constant":
        return "const"
    if text == "kernel":
        return "static"
    return "" if text in ADDRESS_SPACES else None
