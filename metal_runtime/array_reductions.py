"""Reductions as methods of an array, each handed on by its name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

Axis = int | Sequence[int] | None
"""One axis, several, or all; negative ones count from the last."""


class ArrayReductions:
    """Mixin: ``_reduced`` runs a function of ``metal_runtime.ops`` by name."""

    __slots__ = ()

    def _reduced(self, name: str, axis: Axis, keepdims: bool, **options: Any) -> Self:
        raise NotImplementedError

    def sum(self, axis: Axis = None, keepdims: bool = False) -> Self:
        return self._reduced("sum", axis, keepdims)

    def prod(self, axis: Axis = None, keepdims: bool = False) -> Self:
        return self._reduced("prod", axis, keepdims)

    def max(self, axis: Axis = None, keepdims: bool = False) -> Self:
        return self._reduced("max", axis, keepdims)

    def min(self, axis: Axis = None, keepdims: bool = False) -> Self:
        return self._reduced("min", axis, keepdims)

    def mean(self, axis: Axis = None, keepdims: bool = False) -> Self:
        return self._reduced("mean", axis, keepdims)

    def var(self, axis: Axis = None, keepdims: bool = False, ddof: float = 0) -> Self:
        return self._reduced("var", axis, keepdims, ddof=ddof)

    def std(self, axis: Axis = None, keepdims: bool = False, ddof: float = 0) -> Self:
        return self._reduced("std", axis, keepdims, ddof=ddof)

    def any(self, axis: Axis = None, keepdims: bool = False) -> Self:
        return self._reduced("any", axis, keepdims)

    def all(self, axis: Axis = None, keepdims: bool = False) -> Self:
        return self._reduced("all", axis, keepdims)

    def argmax(self, axis: int | None = None, keepdims: bool = False) -> Self:
        return self._reduced("argmax", axis, keepdims)

    def argmin(self, axis: int | None = None, keepdims: bool = False) -> Self:
        return self._reduced("argmin", axis, keepdims)
