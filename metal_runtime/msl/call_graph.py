"""Which functions a function may reach: tokens and functions in, sets of functions by index out. Never too few."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from metal_runtime.msl.declarations import Function
from metal_runtime.msl.preprocess import PreparedText


class CallGraph:
    """Functions reach those whose names they mention."""

    def __init__(self, prepared: PreparedText, functions: Sequence[Function]) -> None:
        self._by_name: dict[str, set[int]] = {}
        for index, function in enumerate(functions):
            self._by_name.setdefault(function.name, set()).add(index)
            # naming a class reaches its constructors and operators
            for enclosing in function.scope:
                if function.name == enclosing or function.name.startswith("operator"):
                    self._by_name.setdefault(enclosing, set()).add(index)
        tokens = prepared.tokens
        self._mentioned: list[frozenset[int]] = []
        for function in functions:
            names = {tokens[i].text for i in (*function.parameters, *function.body)}
            self._mentioned.append(self._named(names))
        self._reached: dict[int, frozenset[int]] = {}

    def reached_from(self, index: int, names: Iterable[str] = ()) -> frozenset[int]:
        """All functions that the function at ``index``, given these further names, may reach; not itself."""
        found = self._closure(index)
        further = self._named(names)
        if not further <= found:
            found = found.union(further, *(self._closure(i) for i in further))
        return found - {index}

    def _closure(self, index: int) -> frozenset[int]:
        known = self._reached.get(index)
        if known is None:
            reached: set[int] = set()
            waiting = [index]
            while waiting:
                following = self._mentioned[waiting.pop()] - reached
                reached |= following
                waiting += following
            known = self._reached[index] = frozenset(reached)
        return known

    def _named(self, names: Iterable[str]) -> frozenset[int]:
        found: set[int] = set()
        for name in names:
            found |= self._by_name.get(name, set())
        return frozenset(found)
