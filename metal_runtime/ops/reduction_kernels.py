"""A reduction and its dtypes in, the two kernels that compute it out: along a line, and along columns.

Each makes many elements into few, block by block; they run until one is left. Neither needs a barrier: a launch ends before the next one reads what it wrote.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

from metal_runtime.dtype import DType
from metal_runtime.ir.nodes import (
    Assign,
    Block,
    Constant,
    Construct,
    Declare,
    Expr,
    For,
    If,
    Kernel,
    Load,
    Param,
    Read,
    Swizzle,
)
from metal_runtime.msl_types import Vector
from metal_runtime.ops.compiled import kernel_program
from metal_runtime.ops.expressions import (
    apply,
    convert,
    functions_called,
    maximum,
    minimum,
)
from metal_runtime.ops.kernels import UINT, pointer, position
from metal_runtime.ops.promotion import dtype_name
from metal_runtime.program import MslProgram

BLOCK = 4096
"""How many neighbours one thread combines."""

ROWS = 256
"""How many rows one thread combines, of 16 columns side by side."""

ULONG = DType.UINT64

Combine = Callable[[Expr, Expr], Expr]


@dataclass(frozen=True, slots=True)
class Reduction:
    """``name`` is what the kernels are called after."""

    name: str
    combine: Combine
    is_sum: bool

    def accumulator(self, dtype: DType) -> DType:
        """The dtype of partial results: float32 for floats, 64 bits for sums of integers."""
        if dtype.is_float:
            return DType.FLOAT32
        if self.is_sum:
            return DType.INT64 if dtype.is_signed or dtype is DType.BOOL else DType.UINT64
        return DType.UINT8 if dtype is DType.BOOL else dtype

    def result(self, dtype: DType) -> DType:
        """The dtype of the result: that of the elements, and 64 bits for sums of integers."""
        return self.accumulator(dtype) if self.is_sum and not dtype.is_float else dtype

    def identity(self, dtype: DType) -> Constant:
        """What changes nothing when combined with it."""
        if self.is_sum:
            return Constant(0.0 if dtype.is_float else 0, dtype)
        least = self.name == "max"
        if dtype.is_float:
            return Constant(float("-inf") if least else float("inf"), dtype)
        low = -(1 << (dtype.bits - 1)) if dtype.is_signed else 0
        return Constant(low if least else low + (1 << dtype.bits) - 1, dtype)


SUM = Reduction("sum", lambda a, b: apply("add", a, b), True)
MAX = Reduction("max", maximum, False)
MIN = Reduction("min", minimum, False)


@functools.cache
def line_program(reduction: Reduction, source: DType, out: DType) -> MslProgram:
    """``a`` is (outer, length), ``out`` is (outer, blocks): each element of it combines BLOCK of ``a``'s.

    Grid: (blocks, outer). Sixteen accumulators a thread hide the latency of one operation, and shorten
    the chain of roundings.
    """
    held = reduction.accumulator(source)
    first = apply("mul", _ulong(position("x")), _constant(BLOCK))
    end = apply("min", apply("add", _u("first"), _constant(BLOCK)), _ulong(_uint("length")))
    whole = apply(
        "sub", _u("end"), apply("rem", apply("sub", _u("end"), _u("first")), _constant(16))
    )
    line = apply("mul", _ulong(position("y")), _ulong(_uint("length")))

    def element(index: Expr) -> Expr:
        return convert(Load("a", apply("add", _u("line"), index), source), held)

    total = Read("total", held)
    body: Block = (
        Declare("line", ULONG, line),
        Declare("first", ULONG, first),
        Declare("end", ULONG, end),
        Declare("whole", ULONG, whole),
        *_start_vectors(reduction, held),
        For("k", ULONG, _u("first"), _u("whole"), _constant(16), _advance_vectors(reduction, held, element)),
        Declare("total", held, _combined_vectors(reduction, held)),
        For("k", ULONG, _u("whole"), _u("end"), _constant(1), (Assign(total, reduction.combine(total, element(_u("k")))),)),
        Assign(Load("out", apply("add", apply("mul", position("y"), _uint("blocks")), position("x")), out), convert(total, out)),
    )  # fmt: skip
    params = _params(source, out, ("length", "blocks"))
    return _program(f"{reduction.name}_{dtype_name(source)}", params, body, reduction, held)


@functools.cache
def column_program(reduction: Reduction, source: DType, out: DType) -> MslProgram:
    """``a`` is (outer, rows, columns), ``out`` is (outer, blocks, columns): each row of it combines ROWS of ``a``'s.

    Grid: (columns / 16 rounded up, blocks, outer). A thread takes 16 columns side by side, or what is
    left of them.
    """
    held = reduction.accumulator(source)
    row = apply("mul", _ulong(position("y")), _constant(ROWS))
    end = apply("min", apply("add", _u("row"), _constant(ROWS)), _ulong(_uint("rows")))
    columns = _ulong(_uint("columns"))
    line = apply("mul", _ulong(position("z")), _ulong(_uint("rows")))
    place = apply("add", apply("mul", position("z"), _uint("blocks")), position("y"))

    def element(column: Expr) -> Expr:
        start = apply("mul", apply("add", _u("line"), _u("r")), columns)
        return convert(Load("a", apply("add", start, column), source), held)

    def store(column: Expr, value: Expr) -> Assign:
        return Assign(Load("out", apply("add", _u("place"), column), out), convert(value, out))

    def across(offset: Expr) -> Expr:
        return element(apply("add", _u("column"), offset))

    many: Block = (
        *_start_vectors(reduction, held),
        For("r", ULONG, _u("row"), _u("end"), _constant(1), _advance_vectors(reduction, held, across, _constant(0))),
        *(
            store(apply("add", _u("column"), _constant(4 * v + k)), Swizzle(_vector(v, held), c, held))
            for v in range(4)
            for k, c in enumerate("xyzw")
        ),
    )  # fmt: skip
    total = Read("total", held)
    few = For(
        "c", ULONG, _u("column"), columns, _constant(1),
        (
            Declare("total", held, reduction.identity(held)),
            For("r", ULONG, _u("row"), _u("end"), _constant(1), (Assign(total, reduction.combine(total, element(_u("c")))),)),
            store(_u("c"), total),
        ),
    )  # fmt: skip
    body: Block = (
        Declare("line", ULONG, line),
        Declare("row", ULONG, row),
        Declare("end", ULONG, end),
        Declare("place", ULONG, apply("mul", _ulong(place), columns)),
        Declare("column", ULONG, apply("mul", _ulong(position("x")), _constant(16))),
        If(apply("le", apply("add", _u("column"), _constant(16)), columns), many, (few,)),
    )
    params = _params(source, out, ("rows", "columns", "blocks"))
    return _program(f"{reduction.name}_columns_{dtype_name(source)}", params, body, reduction, held)


# --- sixteen accumulators, as four vectors ---------------------------------------------------------


def _vector(number: int, held: DType) -> Read:
    return Read(f"total{number}", Vector(held, 4))


def _start_vectors(reduction: Reduction, held: DType) -> list[Declare]:
    four = Vector(held, 4)
    start = Construct((reduction.identity(held),), four)
    return [Declare(f"total{v}", four, start) for v in range(4)]


def _advance_vectors(
    reduction: Reduction, held: DType, element: Callable[[Expr], Expr], base: Expr | None = None
) -> tuple[Assign, ...]:
    """Combines 16 elements, ``k`` (or ``base``) and those after it, with the accumulators."""
    steps = []
    for v in range(4):
        total = _vector(v, held)
        indices = [apply("add", base or _u("k"), _constant(4 * v + k)) for k in range(4)]
        steps.append(
            Assign(total, _combine_vectors(reduction, total, [element(i) for i in indices]))
        )
    return tuple(steps)


def _combine_vectors(reduction: Reduction, total: Expr, elements: list[Expr]) -> Expr:
    held = elements[0].type
    assert isinstance(held, DType)
    four = Vector(held, 4)
    if reduction.is_sum or not held.is_float:
        return reduction.combine(total, Construct(tuple(elements), four))
    parts = [Swizzle(total, c, held) for c in "xyzw"]
    pairs = zip(parts, elements, strict=True)
    return Construct(tuple(reduction.combine(a, b) for a, b in pairs), four)


def _combined_vectors(reduction: Reduction, held: DType) -> Expr:
    """The 16 accumulators as one, pair by pair."""
    parts: list[Expr] = [Swizzle(_vector(v, held), c, held) for v in range(4) for c in "xyzw"]
    while len(parts) > 1:
        half = len(parts) // 2
        parts = [reduction.combine(a, b) for a, b in zip(parts[:half], parts[half:], strict=True)]
    return parts[0]


# --- names and types -------------------------------------------------------------------------------


def _params(source: DType, out: DType, numbers: tuple[str, ...]) -> tuple[Param, ...]:
    arrays = (Param("a", pointer(source, const=True)), Param("out", pointer(out)))
    return (*arrays, *(Param(n, UINT) for n in numbers))


def _program(
    name: str, params: tuple[Param, ...], body: Block, reduction: Reduction, held: DType
) -> MslProgram:
    called = functions_called(reduction.combine(Read("a", held), Read("b", held)))
    return kernel_program(Kernel(name, params, body, called))


def _u(name: str) -> Read:
    """A variable that indexes: 64 bits, for a 32-bit index may wrap, and what may wrap is not vectorised."""
    return Read(name, ULONG)


def _uint(name: str) -> Read:
    return Read(name, UINT)


def _ulong(value: Expr) -> Expr:
    return convert(value, ULONG)


def _constant(value: int) -> Constant:
    return Constant(value, ULONG)
