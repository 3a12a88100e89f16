"""What Apple's compiler says: an NSError's text in, one MslError at the user's own Python or MSL line out."""

from __future__ import annotations

from pathlib import Path

from metal_runtime.backends.metal.protocols import NSError
from metal_runtime.errors import InternalError, IrisError, MslError, Note
from metal_runtime.msl.diagnostics import Diagnostic, in_users_words, parse, python_span
from metal_runtime.msl.standalone import USER_FILE
from metal_runtime.msl.tokens import LineTable, tokenize
from metal_runtime.program import MslProgram
from metal_runtime.source import SourceSpan

_MOST_NOTES = 4


def library_error(error: NSError | None, program: MslProgram) -> IrisError:
    """Why a library was not made. Only the first error: those behind it may come from it."""
    if error is None:
        return InternalError("Metal made no library and gave no reason")
    text = error.localizedDescription()
    found = parse(text)
    first = next((i for i, diagnostic in enumerate(found) if diagnostic.severity == "error"), None)
    if first is None:
        return MslError(f"Metal does not take the text: {text.strip()[:2000]}")
    place = _span(found[first], program)
    shown = tuple(
        Note(in_users_words(note.text), span)
        for note in _notes_behind(found, first)
        if (span := _span(note, program)) is not None
    )
    message = in_users_words(found[first].text)
    python = python_span(place, program) if found[first].file == USER_FILE else None
    if place is not None and python is not None:
        return MslError(message, python, notes=(Note("in the MSL made from it", place), *shown))
    return MslError(message, place, notes=shown)


def warnings(error: NSError | None, program: MslProgram) -> list[str]:
    """The compiler's warnings, each with its place; a library may come with them."""
    if error is None:
        return []
    found = [d for d in parse(error.localizedDescription()) if d.severity == "warning"]
    return [f"{_span(d, program) or program.file}: {in_users_words(d.text)}" for d in found]


def _notes_behind(found: list[Diagnostic], first: int) -> list[Diagnostic]:
    notes: list[Diagnostic] = []
    for diagnostic in found[first + 1 :]:
        if diagnostic.severity != "note" or len(notes) == _MOST_NOTES:
            break
        notes.append(diagnostic)
    return notes


def _span(diagnostic: Diagnostic, program: MslProgram) -> SourceSpan | None:
    """The place in the user's file, as wide as the token there; None in Apple's own headers."""
    if diagnostic.file == USER_FILE:
        text, name = program.source, program.file
    else:
        name = diagnostic.file
        try:
            text = Path(name).read_text(errors="replace")
        except OSError:
            return None
    table = LineTable(text, name)
    if not 1 <= diagnostic.line <= len(table.lines):
        return None
    start = table.offset(diagnostic.line, diagnostic.column)
    token = next((t for t in tokenize(table.lines[diagnostic.line - 1][diagnostic.column - 1 :]) if t.start == 0), None)  # fmt: skip
    return table.span(start, start + (len(token.text) if token else 1))
