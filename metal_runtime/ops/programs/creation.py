"""Dtypes in, the kernels that make arrays of their elements' positions out."""

from __future__ import annotations

import functools

from metal_runtime import language as metal
from metal_runtime.dtype import DType
from metal_runtime.ops.compiled import python_program
from metal_runtime.ops.programs.places import LONG, UINT, metal_type, read, written
from metal_runtime.ops.promotion import dtype_name
from metal_runtime.program import MslProgram

FLOAT = DType.FLOAT32


@functools.cache
def steps_program(dtype: DType) -> MslProgram:
    """``out[i] = start + i * step``, integers in 64 bits, wrapping. Grid: (n)."""
    to = metal_type(dtype)

    def steps(out, start, step):
        i = metal.thread_id_x()
        out[i] = to(start + metal.long(i) * step)

    return python_program(steps, f"arange_{dtype_name(dtype)}", written(dtype), LONG, LONG)


@functools.cache
def float_steps_program(dtype: DType) -> MslProgram:
    """``start + i * step``, both given as a float and what it lacks; ``last`` at place ``end``. Grid: (n)."""
    to = metal_type(dtype)

    def steps(out, start, start_rest, step, step_rest, end, last):
        i = metal.thread_id_x()
        # Two parts of 16 bits: each is exact in a float.
        high = metal.float(i & 0xFFFF0000)
        low = metal.float(i & 0xFFFF)
        rest = metal.fma(high + low, step_rest, start_rest)
        value = metal.fma(low, step, metal.fma(high, step, start)) + rest
        out[i] = to(last if i == end else value)

    types = (written(dtype), FLOAT, FLOAT, FLOAT, FLOAT, UINT, FLOAT)
    return python_program(steps, f"steps_{dtype_name(dtype)}", *types)


@functools.cache
def diagonal_program(dtype: DType, below: bool) -> MslProgram:
    """1 where ``column - row`` is ``k`` (or at most ``k``: ``below``), 0 elsewhere. Grid: (columns, rows)."""
    to = metal_type(dtype)

    def diagonal(out, columns, k):
        x, y, _ = metal.thread_id_3d()
        offset = metal.long(x) - metal.long(y)
        one = offset <= k if below else offset == k
        out[metal.ulong(y) * columns + x] = to(1) if one else to(0)

    name = f"{'tri' if below else 'eye'}_{dtype_name(dtype)}"
    return python_program(diagonal, name, written(dtype), UINT, LONG)


@functools.cache
def triangle_program(dtype: DType, below: bool) -> MslProgram:
    """``a`` where ``column - row`` is at most ``k`` (or at least: not ``below``), 0 elsewhere.

    Grid: (columns, rows, matrices).
    """
    to = metal_type(dtype)

    def triangle(a, out, columns, rows, k):
        x, y, z = metal.thread_id_3d()
        offset = metal.long(x) - metal.long(y)
        kept = offset <= k if below else offset >= k
        i = (metal.ulong(z) * rows + y) * columns + x
        value = a[i]
        out[i] = value if kept else to(0)

    name = f"{'tril' if below else 'triu'}_{dtype_name(dtype)}"
    return python_program(triangle, name, read(dtype), written(dtype), UINT, UINT, LONG)
