"""What the threads of a simdgroup or quadgroup compute together: for each function its type rule and its meaning in NumPy.

The meaning takes values as (groups, lanes), with a last axis for vectors, and which lanes are active, and
gives a value for every lane. An inactive or missing lane gives nothing: a shuffle from it gives the lane's
own value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from metal_runtime.dtype import DType
from metal_runtime.ir import numpy_reference as reference
from metal_runtime.ir.operators import OperatorTypeError
from metal_runtime.msl_types import ValueType, element_of, type_name

Array = Any
Rule = Callable[[Sequence[ValueType]], ValueType]
LANE = DType.UINT16
"""The type of a lane number, of a distance between lanes, and of a mask of lane numbers."""


@dataclass(frozen=True, slots=True, eq=False)
class CollectiveOperation:
    """A row of the table. Rows are interned: compare them with ``is``."""

    name: str
    """MSL's, with ``simd_`` or ``quad_``."""

    arity: int
    rule: Rule
    numpy: Callable[..., Array]
    width: int
    """Lanes of a group: 32 or 4."""

    exact: bool = True
    """False where the order of a float sum or product is open."""

    def result_type(self, args: Sequence[ValueType]) -> ValueType:
        if len(args) != self.arity:
            raise OperatorTypeError(f"takes {self.arity} arguments, not {len(args)}")
        return self.rule(args)

    def __repr__(self) -> str:
        return self.name

    def __reduce__(self) -> tuple[Any, ...]:
        return _by_name, (self.name,)


# --- rules ---------------------------------------------------------------------------------------


def numbers(args: Sequence[ValueType]) -> ValueType:
    """A number of at most 32 bits, scalar or vector, gives its type."""
    (type_,) = args
    element = element_of(type_)
    if element is DType.BOOL or element.bits > 32:
        raise OperatorTypeError(f"takes numbers of at most 32 bits, not {type_name(type_)}")
    return type_


def integers(args: Sequence[ValueType]) -> ValueType:
    """An integer of at most 32 bits, scalar or vector, gives its type."""
    type_ = numbers(args)
    if element_of(type_).is_float:
        raise OperatorTypeError(f"takes integers, not {type_name(type_)}")
    return type_


def from_lane(args: Sequence[ValueType]) -> ValueType:
    """A number and a lane give the number's type."""
    if args[-1] is not LANE:
        raise OperatorTypeError(f"takes a lane as ushort, not {type_name(args[-1])}")
    return numbers(args[:1])


def with_filling(args: Sequence[ValueType]) -> ValueType:
    """Two numbers of one type and a lane give that type."""
    if args[0] != args[1]:
        raise OperatorTypeError(f"takes two of one type, not {type_name(args[0])} and {type_name(args[1])}")  # fmt: skip
    return from_lane(args[1:])


def truth(args: Sequence[ValueType]) -> ValueType:
    """A bool, or nothing, gives a bool."""
    for type_ in args:
        if type_ is not DType.BOOL:
            raise OperatorTypeError(f"takes bool, not {type_name(type_)}")
    return DType.BOOL


def vote(args: Sequence[ValueType]) -> ValueType:
    """A bool, or nothing, gives one bit for each lane."""
    truth(args)
    return DType.UINT64


# --- meanings ------------------------------------------------------------------------------------


def _fold(combine: Callable[[Array, Array], Array], values: Array, active: Array) -> Array:
    """All active values combined, from the first lane to the last."""
    result, any_before = np.zeros_like(values[:, 0]), np.zeros(len(values), bool)
    for lane in range(values.shape[1]):
        here, value = active[:, lane], values[:, lane]
        both = combine(result, value).astype(values.dtype)
        result = _where(here, _where(any_before, both, value), result)
        any_before = any_before | here
    return np.broadcast_to(result[:, None], values.shape)


def _scan(
    combine: Callable[[Array, Array], Array],
    neutral: int,
    inclusive: bool,
    values: Array,
    active: Array,
) -> Array:
    running = np.full_like(values[:, 0], neutral)
    result = np.zeros_like(values)
    for lane in range(values.shape[1]):
        following = combine(running, values[:, lane]).astype(values.dtype)
        result[:, lane] = following if inclusive else running
        running = _where(active[:, lane], following, running)
    return result


def _where(mask: Array, then: Array, orelse: Array) -> Array:
    return np.where(mask[:, None] if then.ndim > 1 else mask, then, orelse)


def _taken(values: Array, active: Array, wanted: Array) -> Array:
    """The value of the lane ``wanted``, the own one where that takes no part."""
    size = values.shape[1]
    inside = (wanted >= 0) & (wanted < size)
    own = np.broadcast_to(np.arange(size), wanted.shape)
    source = np.where(inside, wanted, own)
    source = np.where(np.take_along_axis(active, source, axis=1), source, own)
    return _along(values, source)


def _along(values: Array, source: Array) -> Array:
    return np.take_along_axis(values, source[..., None] if values.ndim > 2 else source, axis=1)


def _shuffle(
    where: Callable[[Array, Array, int], Array], values: Array, active: Array, by: Array
) -> Array:
    lanes = np.broadcast_to(np.arange(values.shape[1]), by.shape)
    return _taken(values, active, where(lanes, by.astype(np.int64), values.shape[1]))


def _shuffle_and_fill(
    direction: int, values: Array, active: Array, filling: Array, delta: Array
) -> Array:
    size = values.shape[1]
    wanted = np.arange(size) + direction * delta.astype(np.int64)
    inside = (wanted >= 0) & (wanted < size)
    wrapped = np.where(inside, wanted, wanted % size)
    taken, fill = (_taken(v, active, wrapped) for v in (values, filling))
    return np.where(inside[..., None] if values.ndim > 2 else inside, taken, fill)


def _broadcast_first(values: Array, active: Array) -> Array:
    first = np.broadcast_to(np.argmax(active, axis=1)[:, None], active.shape)
    return _along(values, first)


def _ballot(values: Array, active: Array) -> Array:
    bits = np.uint64(1) << np.arange(values.shape[1], dtype=np.uint64)
    votes: Array = np.where(values & active, bits, np.uint64(0)).sum(axis=1, dtype=np.uint64)
    return np.broadcast_to(votes[:, None], values.shape)


def _is_first(active: Array) -> Array:
    return np.arange(active.shape[1]) == np.argmax(active, axis=1)[:, None]


# --- the table -----------------------------------------------------------------------------------

_SHUFFLES: dict[str, Callable[[Array, Array, int], Array]] = {
    "broadcast": lambda lane, by, size: by,
    "shuffle": lambda lane, by, size: by,
    "shuffle_up": lambda lane, by, size: lane - by,
    "shuffle_down": lambda lane, by, size: lane + by,
    "shuffle_xor": lambda lane, by, size: lane ^ by,
    "shuffle_rotate_up": lambda lane, by, size: (lane - by) % size,
    "shuffle_rotate_down": lambda lane, by, size: (lane + by) % size,
}


def _rows(group: str, width: int) -> list[CollectiveOperation]:
    def row(
        name: str, arity: int, rule: Rule, numpy: Callable[..., Array], exact: bool = True
    ) -> CollectiveOperation:
        return CollectiveOperation(f"{group}_{name}", arity, rule, numpy, width, exact)

    scans = [
        row(f"prefix_{kind}_{name}", 1, numbers, partial(_scan, combine, neutral, inclusive), False)
        for name, combine, neutral in (("sum", np.add, 0), ("product", np.multiply, 1))
        for kind, inclusive in (("inclusive", True), ("exclusive", False))
    ]
    return [
        row("sum", 1, numbers, partial(_fold, np.add), False),
        row("product", 1, numbers, partial(_fold, np.multiply), False),
        row("min", 1, numbers, partial(_fold, reference.minimum)),
        row("max", 1, numbers, partial(_fold, reference.maximum)),
        row("and", 1, integers, partial(_fold, np.bitwise_and)),
        row("or", 1, integers, partial(_fold, np.bitwise_or)),
        row("xor", 1, integers, partial(_fold, np.bitwise_xor)),
        *scans,
        *(row(n, 2, from_lane, partial(_shuffle, f)) for n, f in _SHUFFLES.items()),
        row("shuffle_and_fill_up", 3, with_filling, partial(_shuffle_and_fill, -1)),
        row("shuffle_and_fill_down", 3, with_filling, partial(_shuffle_and_fill, 1)),
        row("broadcast_first", 1, numbers, _broadcast_first),
        row("all", 1, truth, partial(_fold, np.logical_and)),
        row("any", 1, truth, partial(_fold, np.logical_or)),
        row("ballot", 1, vote, _ballot),
        row("active_threads_mask", 0, vote, lambda active: _ballot(active, active)),
        row("is_first", 0, truth, _is_first),
    ]


COLLECTIVES: dict[str, CollectiveOperation] = {
    row.name: row for row in (*_rows("simd", 32), *_rows("quad", 4))
}
"""Every function by name."""


def _by_name(name: str) -> CollectiveOperation:
    return COLLECTIVES[name]
