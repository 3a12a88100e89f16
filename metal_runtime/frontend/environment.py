"""The names that a function uses but does not assign: what each stands for outside, when the kernel is compiled."""

from __future__ import annotations

import builtins
import difflib
import types
from collections.abc import Iterable
from typing import Any

from metal_runtime import language


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"


MISSING = _Missing()
"""What ``lookup`` gives for a name that stands for nothing."""


class Environment:
    """Closure, then globals, then built-in names; ``metal`` is known without an import."""

    def __init__(self, function: types.FunctionType) -> None:
        self._cells = dict(
            zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        )
        self._globals = function.__globals__

    def lookup(self, name: str) -> Any:
        """The object called ``name``, or MISSING."""
        if name in self._cells:
            try:
                return self._cells[name].cell_contents
            except ValueError:
                return MISSING  # the outer function has not assigned it yet
        if name in self._globals:
            return self._globals[name]
        if hasattr(builtins, name):
            return getattr(builtins, name)
        return language if name == "metal" else MISSING

    def names(self) -> set[str]:
        """All names that ``lookup`` knows of, the built-in ones aside."""
        return {*self._cells, *self._globals, "metal"}


BUILT_IN = ("abs", "bool", "divmod", "float", "int", "len", "max", "min", "pow", "range", "round")
"""Python's built-in functions that a kernel can call."""


def closest(name: str, known: Iterable[str]) -> str | None:
    """The known name that ``name`` is probably a misspelling of."""
    found = difflib.get_close_matches(name, [k for k in known if k != name], n=1, cutoff=0.6)
    return found[0] if found else None
