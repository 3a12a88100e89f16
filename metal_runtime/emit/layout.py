"""Lines of MSL: text with an indent in, lines of at most 100 columns out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from metal_runtime.source import SourceSpan

WIDTH = 100
INDENT = "    "
_OPERATORS = (" || ", " && ", " ? ", " : ", " == ", " != ", " < ", " > ", " <= ", " >= ")
_ARITHMETIC = (" | ", " ^ ", " & ", " << ", " >> ", " + ", " - ", " * ", " / ", " % ")
_BREAK_BEFORE = _OPERATORS + _ARITHMETIC


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the program, and the place in the user's Python that it came from."""

    text: str
    span: SourceSpan | None = None


def indent(lines: list[Line]) -> list[Line]:
    """The lines one level deeper."""
    return [Line(INDENT + line.text if line.text else "", line.span) for line in lines]


def wrap(line: Line) -> Iterator[Line]:
    """The line, broken before operators or after commas, outermost first, where it is too long."""
    text = line.text
    margin = " " * (len(text) - len(text.lstrip())) + INDENT * 2
    while len(text) > WIDTH:
        place = _break_at(text)
        if place is None:
            break
        yield Line(text[:place].rstrip(), line.span)
        text = margin + text[place:].lstrip()
    yield Line(text, line.span)


def _break_at(text: str) -> int | None:
    """The best place for a break within the width: at the lowest depth of brackets, as far right as can be."""
    start = len(text) - len(text.lstrip())
    if text[start:].startswith("//"):
        return None
    assignment = text.find(" = ")
    start = max(start, assignment + 3 if 0 < assignment < WIDTH // 2 else 0)
    depth, best, best_rank = 0, None, (99, 99)
    for position in range(start, min(len(text), WIDTH)):
        character = text[position]
        depth += (character in "([") - (character in ")]")
        if position < 32:  # nothing is gained by a stub
            continue
        rank = _rank(text, position)
        if rank is not None and (depth, rank) <= best_rank:
            best_rank = (depth, rank)
            best = position + 1 if character == "," else position
    return best


def _rank(text: str, position: int) -> int | None:
    """How good a break is here: 0 is best; None where none may be."""
    if text[position] == ",":
        return 0
    for rank, group in enumerate(((" || ", " && ", " ? ", " : "), _OPERATORS, (" + ", " - "))):
        if any(text.startswith(symbol, position) for symbol in group):
            return rank
    return 3 if any(text.startswith(symbol, position) for symbol in _BREAK_BEFORE) else None
