"""The compiler's messages: clang's text in, one MslError at the user's own place out."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from metal_runtime.errors import InternalError, IrisError, MslError, Note
from metal_runtime.msl.msl_to_cpp import USER_TEXT, TranslationUnit
from metal_runtime.program import MslProgram
from metal_runtime.source import SourceSpan

_LINE = re.compile(
    r"(?P<file>[^:\n]+):(?P<line>\d+):(?P<column>\d+): (?P<severity>fatal error|error|note|warning): (?P<text>.*)"
)
_MOST_NOTES = 4

# The compiler's words -> the user's, in this order.
_WORDING: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r" \(aka '[^']*'\)", ""),
        (r"\[-W[\w,=+-]*\]$", ""),
        (r"\b(?:metal::)?(?:__impl::)?packed_vec<([\w ]+), ([234])>", r"packed_\1\2"),
        (r"\b(?:metal::)?vec<([\w ]+), ([234])>", r"\1\2"),
        (r"\bmetal::", ""),
        (r" __attribute__\(\(\w+\)\)", ""),
        (r"\b_Float16\b", "half"),
        (r"\bunsigned char\b", "uchar"),
        (r"\bunsigned short\b", "ushort"),
        (r"\bunsigned int\b", "uint"),
        (r"\bunsigned long\b", "ulong"),
        (r"\bunsigned (char|short|int|long)(?=[234]\b)", r"u\1"),
    )
)


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One line of the compiler's output that speaks of a place."""

    severity: str
    text: str
    file: str
    line: int
    column: int

    @property
    def in_user_text(self) -> bool:
        return self.file == USER_TEXT


def parse(output: str) -> list[Diagnostic]:
    """The diagnostics in the order given."""
    matches = (_LINE.fullmatch(line) for line in output.splitlines())
    return [
        Diagnostic(
            m["severity"].removeprefix("fatal "),
            m["text"],
            m["file"],
            int(m["line"]),
            int(m["column"]),
        )
        for m in matches
        if m
    ]


def in_users_words(text: str) -> str:
    """A message without the compiler's own names for Metal's types."""
    for pattern, replacement in _WORDING:
        text = pattern.sub(replacement, text)
    return text.strip()


def compile_error(output: str, unit: TranslationUnit, program: MslProgram) -> IrisError:
    """The first error of the compiler's output at the user's place, with the notes that lie in the user's text.

    An error inside our headers is told at the place in the user's text that led there. When the program
    was made from Python, the place is the Python line and a note shows the MSL.
    """
    found = parse(output)
    first = next((i for i, diagnostic in enumerate(found) if diagnostic.severity == "error"), None)
    if first is None:
        return InternalError(f"the compiler failed without saying why: {output.strip()[:2000]}")
    following = next(
        (i for i in range(first + 1, len(found)) if found[i].severity in ("error", "warning")),
        len(found),
    )
    error, notes = (
        found[first],
        [note for note in found[first + 1 : following] if note.in_user_text],
    )
    if not error.in_user_text:
        if not notes:
            return InternalError(f"the generated C++ does not compile: {output.strip()[:2000]}")
        error = replace(notes.pop(0), text=error.text)
    place = unit.user_span(error.line, error.column)
    shown = tuple(
        Note(in_users_words(note.text), span)
        for note in notes[:_MOST_NOTES]
        if (span := unit.user_span(note.line, note.column)) is not None
    )
    message = in_users_words(error.text)
    python = python_span(place, program)
    if place is not None and python is not None:
        in_msl = Note("in the MSL made from it", place)
        return MslError(message, python, notes=(in_msl, *shown))
    return MslError(message, place, notes=shown)


def python_span(place: SourceSpan | None, program: MslProgram) -> SourceSpan | None:
    """The place in the user's Python from which a place in generated MSL came; None for other MSL."""
    if place is None or not 1 <= place.line <= len(program.line_spans):
        return None
    return program.line_spans[place.line - 1]
