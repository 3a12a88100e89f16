"""Dtypes in, the kernels that read and write at places that other arrays name out.

Indices are checked by a kernel of their own before others use them, as 32 bits without a sign.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from metal_runtime import language as metal
from metal_runtime.dtype import DType
from metal_runtime.ops.compiled import python_program
from metal_runtime.ops.programs.places import (
    LONG,
    UINT,
    metal_type,
    place_reader,
    read,
    written,
)
from metal_runtime.ops.promotion import dtype_name
from metal_runtime.program import MslProgram

COLUMNS = 16
"""Neighbours that one thread of ``scatter_program`` writes."""


@functools.cache
def index_program(dtype: DType, mode: str) -> MslProgram:
    """``found[i]``: the place that ``indices[i]`` names on an axis of ``size``; ``wrong[0]``: the first i that names none.

    Modes: "raise" counts negative ones from the end, "wrap" goes round, "clip" takes the nearest end. Grid: (n).
    """
    clip, wrap, signed = mode == "clip", mode == "wrap", dtype.is_signed

    def check(indices, found, wrong, size):
        i = metal.thread_id_x()
        last = size - 1
        if signed:
            index = metal.long(indices[i])
            if clip:
                found[i] = metal.uint(min(max(index, metal.long(0)), last))
            elif wrap:
                found[i] = metal.uint(index % size)
            else:
                index = index + size if index < 0 else index
                found[i] = metal.uint(index)
                if index < 0 or index > last:
                    metal.atomic_fetch_min(wrong, 0, i)
        else:
            place = metal.ulong(indices[i])
            if clip:
                found[i] = metal.uint(min(place, metal.ulong(last)))
            elif wrap:
                found[i] = metal.uint(place % metal.ulong(size))
            else:
                found[i] = metal.uint(place)
                if place > metal.ulong(last):
                    metal.atomic_fetch_min(wrong, 0, i)

    name = f"indices_{mode}_{dtype_name(dtype)}"
    return python_program(check, name, read(dtype), written(UINT), written(UINT), LONG)


@functools.cache
def take_along_program(dtype: DType, along_memory: bool) -> MslProgram:
    """``out[o, k, x] = a[o, indices[o, k, x], x]``. Grid: ``Lines.grid(count)``."""
    place = place_reader(along_memory)

    def take(a, indices, out, n, count, inner):
        k, o, x = place()
        i = (metal.ulong(o) * count + k) * inner + x
        out[i] = a[(metal.ulong(o) * n + indices[i]) * inner + x]

    name = f"take_along_{dtype_name(dtype)}" + ("" if along_memory else "_rows")
    return python_program(take, name, read(dtype), read(UINT), written(dtype), UINT, UINT, UINT)


@functools.cache
def put_along_program(dtype: DType) -> MslProgram:
    """``out[o, indices[o, k, x], x] = values[o, k, x]`` for one k after the other. Grid: (inner, outer)."""

    def put(indices, values, out, n, count, inner):
        x, o, _ = metal.thread_id_3d()
        for k in range(count):
            i = (metal.ulong(o) * count + k) * inner + x
            out[(metal.ulong(o) * n + indices[i]) * inner + x] = values[i]

    name = f"put_along_{dtype_name(dtype)}"
    types = (read(UINT), read(dtype), written(dtype), UINT, UINT, UINT)
    return python_program(put, name, *types)


@functools.cache
def scatter_program(dtype: DType, operation: str, along_memory: bool) -> MslProgram:
    """``out[o, indices[k], x]`` combined with ``values[o, k, x]`` for one k after the other.

    A thread does so for ``share`` places along the axis: no two write one element, and the order of the
    operations on it is that of the indices, whatever the device. Grid: (inner / COLUMNS rounded up,
    shares, outer).
    """
    combine = _COMBINATIONS[operation, dtype is DType.BOOL]
    to = metal_type(dtype)

    def scatter(indices, values, out, n, count, inner, share):
        x, part, o = metal.thread_id_3d()
        first = metal.ulong(part) * share
        column = metal.ulong(x) * COLUMNS
        width = min(metal.ulong(COLUMNS), inner - column)
        for k in range(count):
            place = indices[k]
            if place >= first and place - first < share:
                target = (metal.ulong(o) * n + place) * inner + column
                source = (metal.ulong(o) * count + k) * inner + column
                if along_memory:
                    out[target] = to(combine(out[target], values[source]))
                else:
                    for c in range(width):
                        out[target + c] = to(combine(out[target + c], values[source + c]))

    name = f"scatter_{operation}_{dtype_name(dtype)}" + ("" if along_memory else "_rows")
    types = (read(UINT), read(dtype), written(dtype), UINT, UINT, UINT, UINT)
    return python_program(scatter, name, *types)


def _add(a, b):
    return a + b


def _greatest(a, b):
    """NumPy's: a NaN stays, and a NaN is taken, for it is greater than nothing."""
    return a if a != a or a > b else b


def _least(a, b):
    return a if a != a or a < b else b


def _or(a, b):
    return a | b


def _and(a, b):
    return a & b


_COMBINATIONS: dict[tuple[str, bool], Callable[..., Any]] = {
    ("add", False): _add,
    ("max", False): _greatest,
    ("min", False): _least,
    ("max", True): _or,
    ("min", True): _and,
}
"""By operation, and whether the elements are bool."""
