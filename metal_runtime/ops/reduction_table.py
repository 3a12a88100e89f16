"""The reductions: what many elements become, as IR expressions of accumulators, elements and their places."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from metal_runtime.dtype import DType
from metal_runtime.ir.nodes import Constant, Expr, Function
from metal_runtime.ops.expressions import apply, constant, convert, maximum, minimum, select

States = tuple[Expr, ...]

NO_PLACE = 0xFFFF_FFFF
"""The place of the best element before the first was seen; no axis is as long."""


@dataclass(frozen=True, eq=False, slots=True)
class Reduction:
    """How elements of one dtype are combined. Every function takes the element's dtype where it matters.

    ``merge`` is associative and commutative but for rounding; ``step`` is a merge with one element.
    """

    name: str
    accumulators: Callable[[DType], tuple[DType, ...]]
    """The dtypes of the accumulators: float32 for floats, 64 bits for sums of integers."""

    identity: Callable[[tuple[DType, ...]], tuple[Constant, ...]]
    step: Callable[[States, Expr, Expr], States]
    """Accumulators, an element and its place along the reduced axes -> accumulators."""

    merge: Callable[[States, States], States]
    result: Callable[[DType], DType]
    empty: bool
    """Whether no elements have a result: the identity."""

    collective: str = ""
    """The function of ir/collectives.py that merges the accumulators of a simdgroup, if they have 32 bits or fewer."""

    functions: tuple[Function, ...] = ()
    """What ``step`` and ``merge`` call, besides the functions of ops/expressions.py."""


def _summed(dtype: DType) -> DType:
    if dtype.is_float:
        return DType.FLOAT32
    return DType.INT64 if dtype.is_signed or dtype is DType.BOOL else DType.UINT64


def _sum_result(dtype: DType) -> DType:
    return dtype if dtype.is_float else _summed(dtype)


def _held(dtype: DType) -> DType:
    if dtype.is_float:
        return DType.FLOAT32
    return DType.UINT8 if dtype is DType.BOOL else dtype


def _folding(
    name: str,
    combine: Callable[[Expr, Expr], Expr],
    accumulator: Callable[[DType], DType],
    identity: Callable[[DType], Constant],
    result: Callable[[DType], DType],
    empty: bool,
    collective: str = "",
) -> Reduction:
    """A reduction with one accumulator."""

    def step(states: States, value: Expr, _: Expr) -> States:
        (held,) = states
        return (combine(held, _as(value, held)),)

    return Reduction(
        name,
        lambda dtype: (accumulator(dtype),),
        lambda dtypes: (identity(dtypes[0]),),
        step,
        lambda a, b: (combine(a[0], b[0]),),
        result,
        empty,
        collective,
    )


def _as(value: Expr, like: Expr) -> Expr:
    assert isinstance(like.type, DType)
    return convert(value, like.type)


def _number(value: float) -> Callable[[DType], Constant]:
    return lambda dtype: Constant(float(value) if dtype.is_float else int(value), dtype)


def _least(dtype: DType) -> Constant:
    if dtype.is_float:
        return Constant(float("-inf"), dtype)
    return Constant(-(1 << (dtype.bits - 1)) if dtype.is_signed else 0, dtype)


def _greatest(dtype: DType) -> Constant:
    if dtype.is_float:
        return Constant(float("inf"), dtype)
    return Constant((1 << (dtype.bits - dtype.is_signed)) - 1, dtype)


def _truth(combine: str) -> Callable[[States, Expr, Expr], States]:
    def step(states: States, value: Expr, _: Expr) -> States:
        return (apply(combine, states[0], _as(convert(value, DType.BOOL), states[0])),)

    return step


def _logical(name: str, operator: str, start: int) -> Reduction:
    return Reduction(
        name,
        lambda _: (DType.UINT8,),
        lambda dtypes: (Constant(start, dtypes[0]),),
        _truth(operator),
        lambda a, b: (apply(operator, a[0], b[0]),),
        lambda _: DType.BOOL,
        True,
        {"bit_or": "simd_or", "bit_and": "simd_and"}[operator],
    )


def _arg(name: str, before: str, worst: Callable[[DType], Constant]) -> Reduction:
    """The place of an extreme element: the first of equal ones, or of the NaNs if there are any."""

    def is_nan(value: Expr) -> Expr:
        assert isinstance(value.type, DType)
        return apply("isnan", value) if value.type.is_float else Constant(False, DType.BOOL)

    def beats(value: Expr, held: Expr) -> Expr:
        new_nan = apply("bit_and", is_nan(value), apply("logical_not", is_nan(held)))
        return apply("bit_or", apply(before, value, held), new_nan)

    def step(states: States, value: Expr, place: Expr) -> States:
        held, at = states
        value = _as(value, held)
        first = apply("eq", at, constant(NO_PLACE, at))
        taken = apply("bit_or", first, beats(value, held))
        return select(taken, value, held), select(taken, _as(place, at), at)

    def merge(a: States, b: States) -> States:
        either_nan = apply("bit_and", is_nan(a[0]), is_nan(b[0]))
        even = apply("bit_or", apply("eq", a[0], b[0]), either_nan)
        earlier = apply("bit_and", even, apply("lt", b[1], a[1]))
        known = apply("ne", b[1], constant(NO_PLACE, b[1]))
        unknown = apply("eq", a[1], constant(NO_PLACE, a[1]))
        better = apply("bit_or", unknown, apply("bit_or", beats(b[0], a[0]), earlier))
        taken = apply("bit_and", known, better)
        return select(taken, b[0], a[0]), select(taken, b[1], a[1])

    return Reduction(
        name,
        lambda dtype: (_held(dtype), DType.UINT32),
        lambda dtypes: (worst(dtypes[0]), Constant(NO_PLACE, DType.UINT32)),
        step,
        merge,
        lambda _: DType.INT64,
        False,
    )


def _same(dtype: DType) -> DType:
    return dtype


def _operator(name: str) -> Callable[[Expr, Expr], Expr]:
    return lambda a, b: apply(name, a, b)


REDUCTIONS: dict[str, Reduction] = {
    row.name: row
    for row in (
        _folding("sum", _operator("add"), _summed, _number(0), _sum_result, True, "simd_sum"),
        _folding("prod", _operator("mul"), _summed, _number(1), _sum_result, True, "simd_product"),
        _folding("max", maximum, _held, _least, _same, False),
        _folding("min", minimum, _held, _greatest, _same, False),
        _logical("any", "bit_or", 0),
        _logical("all", "bit_and", 1),
        _arg("argmax", "gt", _least),
        _arg("argmin", "lt", _greatest),
    )
}
"""Every reduction by name."""
