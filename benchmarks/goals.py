"""Goals: a measured figure and its limit enter, a verdict leaves."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number; with a limit, a goal: at most the limit, or at least it."""

    name: str
    value: float
    unit: str
    limit: float | None = None
    at_least: bool = False
    note: str = ""

    @property
    def met(self) -> bool | None:
        """None when no goal is set."""
        if self.limit is None:
            return None
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    @property
    def goal_text(self) -> str:
        """The goal in words, empty without one."""
        if self.limit is None:
            return ""
        return f"{'at least' if self.at_least else 'at most'} {self.limit:g} {self.unit}"

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"met": self.met}
