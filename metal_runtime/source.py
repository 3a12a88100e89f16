"""Places in a user's text: what a diagnostic points at."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SourceSpan:
    """A range of a user's file. Lines and columns count from 1, as editors do; the end is exclusive."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int
    text: str = ""
    """The whole of line ``line``, without its newline: what the caret stands under."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"

    def excerpt(self) -> str:
        """The source line with its number, and a caret line ``^~~~`` below it; empty without text."""
        if not self.text:
            return ""
        number = f"{self.line:5d}"
        start = max(self.column - 1, 0)
        end = self.end_column - 1 if self.end_line == self.line else len(self.text.rstrip())
        padding = "".join("\t" if c == "\t" else " " for c in self.text[:start])
        underline = "^" + "~" * max(min(end, len(self.text)) - start - 1, 0)
        return f"{number} | {self.text.rstrip()}\n{' ' * len(number)} | {padding}{underline}"
