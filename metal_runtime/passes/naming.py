"""Which expressions are worth a name, and what name: expressions in, a verdict or a fresh name out."""

from __future__ import annotations

from metal_runtime.ir.effects import Effects
from metal_runtime.ir.nodes import (
    Apply,
    Call,
    Constant,
    Declare,
    Expr,
    For,
    Function,
    Kernel,
    Load,
    Read,
)
from metal_runtime.ir.walk import walk

LARGE = 5
"""From so many operators on an expression is costly, whatever they are."""

_DIVISIONS = frozenset({"div", "rem", "floordiv", "mod", "fmod"})
_NAMES = {"div": "quotient", "floordiv": "quotient", "rem": "rest", "mod": "rest", "fmod": "rest"}


def is_costly(node: Expr) -> bool:
    """Whether computing the expression again costs more than a name does to a reader."""
    if isinstance(node, Load | Call):
        return True
    if not isinstance(node, Apply):
        return False
    operator = node.operator
    if not operator.exact or operator.name in _DIVISIONS | {"sqrt", "ipow"}:
        return True
    return sum(isinstance(n, Apply) for n in walk(node)) >= LARGE


def name_for(node: Expr) -> str:
    """A name that says what the value is."""
    if isinstance(node, Load):
        suffix = node.index.name if isinstance(node.index, Read) else "value"
        return f"{node.pointer}_{suffix}"
    if isinstance(node, Call):
        return f"{node.function}_value"
    if isinstance(node, Apply):
        name = node.operator.name
        return _NAMES.get(name, "common" if name in _PLAIN else f"{name}_value")
    return "common"


_PLAIN = frozenset(
    {
        *("add", "sub", "mul", "neg", "abs", "min", "max", "clamp", "bit_and", "bit_or", "bit_xor"),
        *("bit_not", "shl", "shr", "eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or"),
        "logical_not",
    }
)


class FreshNames:
    """Names that a function does not have yet."""

    def __init__(self, owner: Kernel | Function) -> None:
        self._taken = {p.name for p in owner.params}
        self._taken.update(a.name for a in owner.arrays)
        self._taken.update(n.name for n in walk(*owner.body) if isinstance(n, Declare | For))

    def __call__(self, wanted: str) -> str:
        """A new name like ``wanted``; ``take`` it, or the next call may give it again."""
        name, number = wanted, 1
        while name in self._taken:
            number += 1
            name = f"{wanted}_{number}"
        return name

    def take(self, name: str) -> None:
        self._taken.add(name)


def is_steady(node: Expr, effects: Effects) -> bool:
    """Whether the value depends on variables and memory alone, so that it may be kept."""
    steady = effects.is_pure(node) and not effects.meets(node)
    return steady and not isinstance(node, Constant | Read)
