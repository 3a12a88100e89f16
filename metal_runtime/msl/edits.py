"""Edits of a text that keep its lines: replacements in, the new text and the map from its positions back out."""

from __future__ import annotations

import bisect
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EditedText:
    """A text after edits, with the offsets at which new and old text part."""

    text: str
    _new_starts: tuple[int, ...]
    _old_starts: tuple[int, ...]

    def original_offset(self, offset: int) -> int:
        """The offset in the old text that ``offset`` in the new text came from."""
        index = bisect.bisect_right(self._new_starts, offset) - 1
        moved = offset - self._new_starts[index] + self._old_starts[index]
        following = self._old_starts[index + 1] if index + 1 < len(self._old_starts) else moved
        return min(moved, following)


class TextEditor:
    """Collects replacements of ranges of a text. A range is given once; none overlap."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._replacements: dict[tuple[int, int], str] = {}

    def replace(self, start: int, end: int, replacement: str) -> None:
        """Puts ``replacement``, which has no newline, in place of ``[start, end)``."""
        self._replacements[start, end] = replacement

    def blank(self, start: int, end: int) -> None:
        """Puts spaces in place of ``[start, end)``; newlines stay."""
        lines = self._text[start:end].split("\n")
        self._replacements[start, end] = "\n".join(" " * len(line) for line in lines)

    def apply(self) -> EditedText:
        """The text with all replacements made."""
        pieces: list[str] = []
        new_starts, old_starts = [0], [0]
        position = length = 0
        for (start, end), replacement in sorted(self._replacements.items()):
            pieces += (self._text[position:start], replacement)
            length += start - position
            new_starts += (length, length + len(replacement))
            old_starts += (start, end)
            length += len(replacement)
            position = end
        pieces.append(self._text[position:])
        return EditedText("".join(pieces), tuple(new_starts), tuple(old_starts))
