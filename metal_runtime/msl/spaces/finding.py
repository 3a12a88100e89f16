"""What a check finds: a rule's name and a place enter, a Finding that renders like a compiler's message leaves."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from metal_runtime.errors import MslError, Note
from metal_runtime.msl.tokens import Token
from metal_runtime.source import SourceSpan


class Severity(enum.Enum):
    """Whether Metal refuses the text, or takes it and something is worth knowing."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Found:
    """What a rule saw, in tokens; ``related`` are places that the message speaks of, each with its own words."""

    token: Token
    message: str
    hint: str | None = None
    related: tuple[tuple[str, Token], ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """A broken rule at the user's place."""

    rule: str
    severity: Severity
    message: str
    span: SourceSpan | None
    hint: str | None = None
    notes: tuple[Note, ...] = ()

    def render(self) -> str:
        """``file:line:column: error: message [rule]``, the line, a caret, the hint, the notes."""
        place = f"{self.span}: " if self.span is not None else ""
        lines = [f"{place}{self.severity.value}: {self.message} [{self.rule}]"]
        if self.span is not None and self.span.text:
            lines.append(self.span.excerpt())
        if self.hint is not None:
            lines.append(f"  hint: {self.hint}")
        for note in self.notes:
            lines.append(f"{note.span}: note: {note.message}")
            lines += [note.span.excerpt()] if note.span.text else []
        return "\n".join(lines)

    def error(self) -> MslError:
        """The same as an exception."""
        return MslError(self.message, self.span, hint=self.hint, notes=self.notes)
