"""The reductions under the original iris' names: an array and axes in, sums and extremes out."""

from __future__ import annotations

from metal_runtime.array_reductions import Axis
from metal_runtime.buffer import MetalBuffer
from metal_runtime.ops.reductions import Array, amax, amin
from metal_runtime.ops.reductions import sum as total


def reduce_sum(buf: Array, axis: Axis = None, keepdims: bool = False) -> MetalBuffer:
    """``ops.sum``: the sum along ``axis``. Raises ShapeError where there is no such axis."""
    return total(buf, axis, keepdims)


def reduce_max(buf: Array, axis: Axis = None, keepdims: bool = False) -> MetalBuffer:
    """``ops.amax``: the greatest element along ``axis``. Raises ShapeError where there is none."""
    return amax(buf, axis, keepdims)


def reduce_min(buf: Array, axis: Axis = None, keepdims: bool = False) -> MetalBuffer:
    """``ops.amin``: the least element along ``axis``. Raises ShapeError where there is none."""
    return amin(buf, axis, keepdims)
