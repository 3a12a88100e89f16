"""Which functions a function may reach: tokens and functions in, sets of functions by index out. Never too few."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from metal_runtime.msl.declarations import Function
from metal_runtime.msl.preprocess import PreparedText


@dataclass(frozen=True, slots=True)
class _Closure:
    """What one function reaches, and the members of classes that nothing reached has named so far."""

    reached: frozenset[int]
    classes: frozenset[str]
    waiting: frozenset[int]


class CallGraph:
    """Functions reach those whose names they mention; members, when something names their class besides."""

    def __init__(self, prepared: PreparedText, functions: Sequence[Function]) -> None:
        tokens = prepared.tokens
        texts = [token.text for token in tokens]
        classes = _guarded_classes(texts, functions)
        self._class_of = [_class_of(function, classes) for function in functions]
        self._by_name: dict[str, set[int]] = {}
        for index, function in enumerate(functions):
            self._by_name.setdefault(function.name, set()).add(index)
            # naming a class reaches its constructors and operators
            for enclosing in function.scope:
                if function.name == enclosing or function.name.startswith("operator"):
                    self._by_name.setdefault(enclosing, set()).add(index)
        self._mentioned: list[frozenset[int]] = []
        self._classes: list[frozenset[str]] = []
        for function in functions:
            names = set(texts[function.parameters.start : function.parameters.stop])
            names.update(texts[function.body.start : function.body.stop])
            self._mentioned.append(self._named(names))
            names.update(texts[function.start : function.body.start], function.scope)
            self._classes.append(frozenset(names & classes))
        self._closures: dict[int, _Closure] = {}

    def reached_from(self, index: int, names: Iterable[str] = ()) -> frozenset[int]:
        """All functions that the function at ``index``, given these further names, may reach; not itself."""
        given = set(names)
        parts = [self._closure(index), *(self._closure(i) for i in self._named(given))]
        reached = set(self._named(given)).union(*(part.reached for part in parts))
        classes = given.union(*(part.classes for part in parts))
        waiting: set[int] = set().union(*(part.waiting for part in parts)) - reached
        while released := {i for i in waiting if self._class_of[i] in classes}:
            parts = [self._closure(i) for i in released]
            reached.update(released, *(part.reached for part in parts))
            classes.update(*(part.classes for part in parts))
            waiting = waiting.union(*(part.waiting for part in parts)) - reached
        return frozenset(reached - {index})

    def _closure(self, index: int) -> _Closure:
        known = self._closures.get(index)
        if known is None:
            known = self._closures[index] = self._closed(index)
        return known

    def _closed(self, index: int) -> _Closure:
        reached: set[int] = set()
        classes: set[str] = set()
        mentioned: set[int] = set()
        fresh = {index}
        while fresh:
            for i in fresh:
                classes |= self._classes[i]
                mentioned |= self._mentioned[i]
            fresh = {i for i in mentioned if self._class_of[i] in classes or not self._class_of[i]}
            fresh -= reached
            reached |= fresh
        return _Closure(frozenset(reached), frozenset(classes), frozenset(mentioned - reached))

    def _named(self, names: Iterable[str]) -> frozenset[int]:
        found: set[int] = set()
        for name in names:
            found |= self._by_name.get(name, set())
        return frozenset(found)


def _guarded_classes(texts: Sequence[str], functions: Sequence[Function]) -> set[str]:
    """The classes with members that nothing outside functions names but their own definitions.

    Of others, a base or the type of a variable, members may be called where the name is not seen.
    """
    defined: set[str] = set()
    elsewhere: set[str] = set()
    position = 0
    ends = sorted((f.start, f.end) for f in functions)
    for start, end in [*ends, (len(texts), len(texts))]:
        for i in range(position, start):
            if texts[i - 1 : i] in (["struct"], ["class"]) and texts[i + 1 : i + 2] in (
                ["{"],
                [":"],
            ):
                defined.add(texts[i])
            else:
                elsewhere.add(texts[i])
        position = max(position, end)
    return defined - elsewhere


def _class_of(function: Function, classes: set[str]) -> str:
    """The innermost class around the function if it is one of these; empty otherwise."""
    innermost = function.scope[-1] if function.scope else ""
    return innermost if innermost in classes else ""
