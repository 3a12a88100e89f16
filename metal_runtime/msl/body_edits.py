"""What the splitter of regions leaves behind: the texts to put at tokens, or why there are none."""

from __future__ import annotations

from dataclasses import dataclass, field


class Unsplittable(Exception):
    """The body runs on fibers; ``reason`` says why, ``index`` is the token that made it so."""

    def __init__(self, reason: str, index: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.index = index


@dataclass(slots=True)
class BodyEdits:
    """Texts to put before, after and in place of tokens, by the token's index. None has a newline."""

    before: dict[int, str] = field(default_factory=dict)
    after: dict[int, str] = field(default_factory=dict)
    instead: dict[int, str] = field(default_factory=dict)

    def put_before(self, index: int, text: str) -> None:
        self.before[index] = self.before.get(index, "") + text

    def put_after(self, index: int, text: str) -> None:
        self.after[index] = self.after.get(index, "") + text

    def remove(self, tokens: range) -> None:
        self.instead.update(dict.fromkeys(tokens, ""))


@dataclass(frozen=True, slots=True)
class Row:
    """A variable that has one value a thread."""

    name: str
    index: int
    """Of the token that declares it: names alone may repeat."""

    recomputed: str = ""
    """The declaration, where each region computes the variable anew: it only says where a thread stands."""

    @property
    def storage(self) -> str:
        return f"__row_{self.name}_{self.index}"

    @property
    def binding(self) -> str:
        return self.recomputed or f"auto& {self.name} = {self.storage}[__index]; "
