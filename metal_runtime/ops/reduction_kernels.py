"""A reduction and its dtypes in, the two kernels that compute it out: many threads each take a few rows, then one the rest.

Neither needs a barrier: a launch ends before the next one reads what it wrote.
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
    Declare,
    Expr,
    For,
    Kernel,
    Load,
    Param,
    Read,
    Select,
)
from metal_runtime.ops.compiled import kernel_program
from metal_runtime.ops.expressions import (
    apply,
    convert,
    functions_called,
    maximum,
    minimum,
)
from metal_runtime.ops.kernels import UINT, pointer, position, uint
from metal_runtime.ops.promotion import dtype_name
from metal_runtime.program import MslProgram

ROWS_PER_THREAD = 16
"""How many elements one thread of a partial pass combines, each a row apart from the next."""

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
def partial_program(reduction: Reduction, source: DType, out: DType) -> MslProgram:
    """``a`` is (outer, rows, width), ``out`` is (outer, blocks, width): each row of it is 16 of ``a``'s.

    Grid: (width, blocks, outer). ``stride`` is the distance in elements between two outer indices of
    ``a``. Rows beyond the last count as nothing.
    """
    held = reduction.accumulator(source)
    row = apply("add", apply("mul", position("y"), uint(ROWS_PER_THREAD)), _u("k"))
    last = apply("min", _u("row"), apply("sub", _u("rows"), uint(1)))
    start = apply("mul", position("z"), _u("stride"))
    index = apply("add", apply("add", start, apply("mul", last, _u("width"))), position("x"))
    value: Expr = Read("value", held)
    if reduction.is_sum:  # a row taken twice does not change a maximum, but it changes a sum
        present = apply("lt", _u("row"), _u("rows"))
        value = Select(present, value, reduction.identity(held), held)
    loop = For(
        "k", UINT, uint(0), uint(ROWS_PER_THREAD), uint(1),
        (
            Declare("row", UINT, row),
            Declare("value", held, convert(Load("a", index, source), held)),
            Assign(Read("total", held), reduction.combine(Read("total", held), value)),
        ),
    )  # fmt: skip
    out_row = apply("add", apply("mul", position("z"), _u("blocks")), position("y"))
    place = apply("add", apply("mul", out_row, _u("width")), position("x"))
    body: Block = (
        Declare("total", held, reduction.identity(held)),
        loop,
        Assign(Load("out", place, out), convert(Read("total", held), out)),
    )
    params = (
        Param("a", pointer(source, const=True)),
        Param("out", pointer(out)),
        *(Param(n, UINT) for n in ("rows", "blocks", "width", "stride")),
    )
    name = f"partial_{reduction.name}_{dtype_name(source)}"
    called = functions_called(reduction.combine(Read("a", held), Read("b", held)))
    return kernel_program(Kernel(name, params, body, called))


@functools.cache
def final_program(reduction: Reduction, source: DType, out: DType) -> MslProgram:
    """``out`` is (outer, inner): the combination of ``partials``, (outer, count, inner), with the elements
    ``tail …`` of ``a``, (outer, length, inner), along the axis.

    Grid: (outer * inner).
    """
    held = reduction.accumulator(source)
    i = Declare("i", UINT, position("x"))
    column = Declare("column", UINT, apply("rem", _u("i"), _u("inner")))
    row = Declare("outer", UINT, apply("div", _u("i"), _u("inner")))

    def along(array: str, dtype: DType, start: Expr, stop: str, step: str) -> For:
        line = apply("add", apply("mul", _u("outer"), _u(stop)), _u(step))
        index = apply("add", apply("mul", line, _u("inner")), _u("column"))
        value = convert(Load(array, index, dtype), held)
        total = Read("total", held)
        body = (Assign(total, reduction.combine(total, value)),)
        return For(step, UINT, start, _u(stop), uint(1), body)

    body: Block = (
        i, column, row,
        Declare("total", held, reduction.identity(held)),
        along("partials", held, uint(0), "count", "j"),
        along("a", source, _u("tail"), "length", "k"),
        Assign(Load("out", _u("i"), out), convert(Read("total", held), out)),
    )  # fmt: skip
    params = (
        Param("partials", pointer(held, const=True)),
        Param("a", pointer(source, const=True)),
        Param("out", pointer(out)),
        *(Param(n, UINT) for n in ("count", "tail", "length", "inner")),
    )
    name = f"{reduction.name}_{dtype_name(source)}"
    called = functions_called(reduction.combine(Read("a", held), Read("b", held)))
    return kernel_program(Kernel(name, params, body, called))


def _u(name: str) -> Read:
    return Read(name, UINT)
