"""The dtype of an array in, the kernels that gather and scatter along its axis out.

Arrays are (outer, n, inner). Where inner is 1, threads advance along the axis instead, so that
neighbouring threads always write neighbouring elements.
"""

from __future__ import annotations

import functools

from metal_runtime.dtype import DType
from metal_runtime.ir.nodes import Assign, Block, Declare, Expr, Kernel, Load, Param, Read, Select
from metal_runtime.ops.compiled import kernel_program
from metal_runtime.ops.expressions import apply
from metal_runtime.ops.kernels import UINT, pointer, position, uint
from metal_runtime.ops.promotion import dtype_name
from metal_runtime.program import MslProgram


@functools.cache
def gather_program(dtype: DType, along_axis: bool) -> MslProgram:
    """``out[o, k, x] = a[o, indices[k], x]``. Grid: (inner, count, outer), or (count, outer) along the axis."""
    k, outer, x = _coordinates(along_axis)
    chosen = Load("indices", k, UINT)
    body: Block = (
        Assign(
            Load("out", _at(outer, "count", k, x), dtype),
            Load("a", _at(outer, "length", chosen, x), dtype),
        ),
    )
    params = (
        Param("a", pointer(dtype, const=True)),
        Param("indices", pointer(UINT, const=True)),
        Param("out", pointer(dtype)),
        *(Param(n, UINT) for n in ("length", "count", "inner")),
    )
    return kernel_program(Kernel(_name("gather", dtype, along_axis), params, body))


@functools.cache
def scatter_program(dtype: DType, along_axis: bool) -> MslProgram:
    """``out[o, k, x]`` is ``values[o, sources[k], x]``, or ``a[o, k, x]`` where ``sources[k]`` is UNSELECTED.

    Grid: (inner, length, outer), or (length, outer) along the axis.
    """
    k, outer, x = _coordinates(along_axis)
    source = Read("source", UINT)
    place = Read("place", UINT)
    kept = apply("eq", source, uint(0xFFFF_FFFF))
    value = Load("values", _at(outer, "count", source, x), dtype)
    body: Block = (
        Declare("source", UINT, Load("sources", k, UINT)),
        Declare("place", UINT, _at(outer, "length", k, x)),
        Assign(Load("out", place, dtype), Select(kept, Load("a", place, dtype), value, dtype)),
    )
    params = (
        Param("a", pointer(dtype, const=True)),
        Param("sources", pointer(UINT, const=True)),
        Param("values", pointer(dtype, const=True)),
        Param("out", pointer(dtype)),
        *(Param(n, UINT) for n in ("length", "count", "inner")),
    )
    return kernel_program(Kernel(_name("scatter", dtype, along_axis), params, body))


def _coordinates(along_axis: bool) -> tuple[Expr, Expr, Expr | None]:
    """The place along the axis, the outer index, and the inner one unless it is always 0."""
    if along_axis:
        return position("x"), position("y"), None
    return position("y"), position("z"), position("x")


def _at(outer: Expr, size: str, k: Expr, x: Expr | None) -> Expr:
    """The index of (outer, k, x) in an array of (…, size, inner)."""
    line = apply("add", apply("mul", outer, Read(size, UINT)), k)
    return line if x is None else apply("add", apply("mul", line, Read("inner", UINT)), x)


def _name(what: str, dtype: DType, along_axis: bool) -> str:
    return f"{what}_{dtype_name(dtype)}" if along_axis else f"{what}_rows_{dtype_name(dtype)}"
