"""Sums, maxima and minima along axes of an array, for any size.

Each thread combines a block of 4096 neighbours, 16 side by side, or of 256 rows; what comes out is
reduced in the same way until one element is left. So the error of a float32 sum is at most
``280 * passes * 2**-24 * sum(abs(a))``, with 1 pass up to 4096 elements (256 rows), 2 up to 16 million
(65,536 rows). float16
and bfloat16 are summed in float32 and rounded once; integers and bool are summed in 64 bits, as in
NumPy. A NaN makes the result NaN, in maxima and minima too, as in NumPy.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from metal_runtime.buffer import MetalBuffer
from metal_runtime.device.launch_config import MAX_GRID
from metal_runtime.errors import ShapeError
from metal_runtime.ops.compiled import launch
from metal_runtime.ops.layout import Shape
from metal_runtime.ops.operands import as_buffer
from metal_runtime.ops.reduction_kernels import (
    BLOCK,
    MAX,
    MIN,
    ROWS,
    SUM,
    Reduction,
    column_program,
    line_program,
)
from metal_runtime.runtime.session import Session
from metal_runtime.runtime.sessions import session_of

Axes = int | tuple[int, ...] | list[int] | None
"""One axis, several, or all; negative ones count from the last."""


def reduce_sum(
    buf: MetalBuffer | np.ndarray[Any, Any], axis: Axes = None, keepdims: bool = False
) -> MetalBuffer:
    """The sum along ``axis``; 0 where there are no elements. Integers and bool give int64 or uint64.

    Raises:
        ShapeError: there is no such axis.
    """
    return _reduce(SUM, buf, axis, keepdims)


def reduce_max(
    buf: MetalBuffer | np.ndarray[Any, Any], axis: Axes = None, keepdims: bool = False
) -> MetalBuffer:
    """The greatest element along ``axis``; NaN if one is NaN.

    Raises:
        ShapeError: there is no such axis, or no element along it.
    """
    return _reduce(MAX, buf, axis, keepdims)


def reduce_min(
    buf: MetalBuffer | np.ndarray[Any, Any], axis: Axes = None, keepdims: bool = False
) -> MetalBuffer:
    """The least element along ``axis``; NaN if one is NaN.

    Raises:
        ShapeError: there is no such axis, or no element along it.
    """
    return _reduce(MIN, buf, axis, keepdims)


def _reduce(reduction: Reduction, given: Any, axis: Axes, keepdims: bool) -> MetalBuffer:
    name = f"reduction.reduce_{reduction.name}"
    session = session_of((given,))
    buffer = as_buffer(session, name, given)
    shape = buffer.shape
    axes = _checked_axes(name, shape, axis)
    if buffer.size > MAX_GRID:
        raise ShapeError(
            f"ops.{name}: {buffer.size:,} elements are more than the {MAX_GRID:,} that 32 bits index",
            hint="reduce it in parts",
        )
    kept = tuple(1 if k in axes else n for k, n in enumerate(shape))
    result_shape = kept if keepdims else tuple(n for k, n in enumerate(shape) if k not in axes)
    out = session.empty(result_shape, reduction.result(buffer.dtype))
    if out.size == 0:
        return out
    if buffer.size == 0:
        if not reduction.is_sum:
            raise ShapeError(f"ops.{name}: shape {shape} has no elements along axis {axis}")
        out.numpy()[...] = 0
        return out
    runs = list(_runs(axes)) or [(0, 0)]
    source, sizes = buffer, list(shape)
    for start, stop in reversed(runs):
        last = (start, stop) == runs[0]
        view = (math.prod(sizes[:start]), math.prod(sizes[start:stop]), math.prod(sizes[stop:]))
        sizes[start:stop] = [1] * (stop - start)
        held = reduction.accumulator(buffer.dtype)
        target = out if last else session.empty(tuple(sizes), held)
        _reduce_middle(session, reduction, source, view, target)
        source = target
    return out


def _checked_axes(name: str, shape: Shape, axis: Axes) -> frozenset[int]:
    if axis is None:
        return frozenset(range(len(shape)))
    axes = list(axis) if isinstance(axis, tuple | list) else [axis]
    for one in axes:
        if not isinstance(one, int | np.integer) or not -len(shape) <= one < len(shape):
            raise ShapeError(
                f"ops.{name}: shape {shape} has no axis {one!r}",
                hint=f"axes of it are {-len(shape)} to {len(shape) - 1}" if shape else None,
            )
    found = frozenset(int(one) % len(shape) for one in axes)
    if len(found) < len(axes):
        raise ShapeError(f"ops.{name}: axis {axis} names one axis twice")
    return found


def _runs(axes: frozenset[int]) -> Iterator[tuple[int, int]]:
    """Neighbouring axes as one: (first, one after the last)."""
    for start in sorted(axes):
        if start - 1 not in axes:
            stop = start
            while stop in axes:
                stop += 1
            yield start, stop


def _reduce_middle(
    session: Session,
    reduction: Reduction,
    source: MetalBuffer,
    view: tuple[int, int, int],
    out: MetalBuffer,
) -> None:
    """Reduces the middle axis of ``source`` seen as ``view`` = (outer, length, inner) into ``out``."""
    outer, length, inner = view
    held = reduction.accumulator(source.dtype)
    while True:
        blocks = max(-(-length // (BLOCK if inner == 1 else ROWS)), 1)
        target = out if blocks == 1 else session.empty((outer, blocks, inner), held)
        if inner == 1:
            program = line_program(reduction, source.dtype, target.dtype)
            launch(session, program, (blocks, outer, 1), (source, target), (length, blocks))
        else:
            program = column_program(reduction, source.dtype, target.dtype)
            grid = (-(-inner // 16), blocks, outer)
            launch(session, program, grid, (source, target), (length, inner, blocks))
        if blocks == 1:
            return
        source, length = target, blocks
