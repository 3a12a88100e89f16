"""The overloads of a name that only address spaces tell apart: functions enter, what decides between them leaves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from metal_runtime.msl.declarations import Function
from metal_runtime.msl.spaces.checked_text import CheckedText
from metal_runtime.msl.spaces.parameter_spaces import ANY, WIDTH, Key, masks_of_overloads

PARAMETER = "__iris_spaces"
"""The template parameter that carries the spaces of a call's arguments."""


@dataclass(frozen=True, slots=True)
class OverloadSet:
    """All functions of one name, and the levels of their parameters that a call must tell."""

    functions: Mapping[int, Function]
    masks: Mapping[int, Mapping[Key, int]]
    keys: tuple[Key, ...]
    passed_on: frozenset[Key]
    """Levels that a template does not restrict itself, but hands on to such overloads."""

    def accepts(self, index: int, codes: Mapping[Key, int | Key]) -> bool:
        """Whether a function can take what a call gives; what is known in C++ only may be anything."""
        for key, code in codes.items():
            mask = self.masks[index].get(key, ANY)
            if isinstance(code, int) and mask != ANY and not code & mask:
                return False
        return True

    def decides(self, key: Key, among: Iterable[int]) -> bool:
        """Whether a call that may mean these functions depends on the space at ``key``."""
        return key in self.passed_on or len({self.masks[i].get(key, ANY) for i in among}) > 1

    def shift(self, key: Key) -> int:
        """The place of a level's bits in PARAMETER."""
        return self.keys.index(key) * WIDTH

    def condition(self, index: int) -> str:
        """The C++ condition under which a function takes a call; empty when it always does."""
        terms = [
            f"({PARAMETER} >> {self.shift(key)} & {mask})"
            for key, mask in sorted(self.masks[index].items())
            if key in self.keys and mask != ANY
        ]
        return " && ".join(terms)


def overload_set(
    text: CheckedText, functions: Mapping[int, Function], passed_on: frozenset[Key]
) -> OverloadSet:
    """The set of these functions, which have one name. Raises UnreadParameter."""
    masks = masks_of_overloads(text, functions)
    mentioned = {key for found in masks.values() for key in found}
    differ = {key for key in mentioned if len({m.get(key, ANY) for m in masks.values()}) > 1}
    return OverloadSet(functions, masks, tuple(sorted(differ | passed_on)), passed_on)


def own_template_lists(text: CheckedText, function: Function) -> Iterator[range]:
    """The template lists before a function, from `<` to `>`."""
    index = function.start
    while text.texts[index : index + 2] == ["template", "<"]:
        close = text.closing_angle(index + 1, limit=2000)
        if close is None:
            return
        yield range(index + 1, close + 1)
        index = close + 1


def own_template_names(text: CheckedText, function: Function) -> frozenset[str]:
    """The template parameters of a function itself, without those of its class."""
    listed = {text.texts[i] for where in own_template_lists(text, function) for i in where}
    return function.template_names & listed
