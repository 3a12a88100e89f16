"""The standard's reductions and scans: an array and axes in, what its elements along them come to out."""

from __future__ import annotations

from collections.abc import Sequence

from metal_runtime import ops
from metal_runtime.buffer import MetalBuffer
from metal_runtime.dtype import DType
from metal_runtime.ops.reductions import reduced

Axis = int | Sequence[int] | None
"""One axis, several, or all."""


def sum(
    x: MetalBuffer,
    /,
    *,
    axis: Axis = None,
    dtype: DType | None = None,
    keepdims: bool = False,
) -> MetalBuffer:
    """The sum: integers give int64 or uint64, unless ``dtype`` says otherwise."""
    return reduced("sum", x, axis, keepdims, dtype)


def prod(
    x: MetalBuffer,
    /,
    *,
    axis: Axis = None,
    dtype: DType | None = None,
    keepdims: bool = False,
) -> MetalBuffer:
    """The product: integers give int64 or uint64, unless ``dtype`` says otherwise."""
    return reduced("prod", x, axis, keepdims, dtype)


def max(x: MetalBuffer, /, *, axis: Axis = None, keepdims: bool = False) -> MetalBuffer:
    """The greatest element; NaN if one is NaN."""
    return ops.amax(x, axis, keepdims)


def min(x: MetalBuffer, /, *, axis: Axis = None, keepdims: bool = False) -> MetalBuffer:
    """The least element; NaN if one is NaN."""
    return ops.amin(x, axis, keepdims)


def mean(x: MetalBuffer, /, *, axis: Axis = None, keepdims: bool = False) -> MetalBuffer:
    """The sum divided by the number of elements."""
    return ops.mean(x, axis, keepdims)


def var(
    x: MetalBuffer, /, *, axis: Axis = None, correction: float = 0.0, keepdims: bool = False
) -> MetalBuffer:
    """The squared distances from the mean, summed and divided by ``n - correction``."""
    return ops.var(x, axis, keepdims, correction)


def std(
    x: MetalBuffer, /, *, axis: Axis = None, correction: float = 0.0, keepdims: bool = False
) -> MetalBuffer:
    """The square root of the variance."""
    return ops.std(x, axis, keepdims, correction)


def all(x: MetalBuffer, /, *, axis: Axis = None, keepdims: bool = False) -> MetalBuffer:
    """Whether every element is nonzero."""
    return ops.all(x, axis, keepdims)


def any(x: MetalBuffer, /, *, axis: Axis = None, keepdims: bool = False) -> MetalBuffer:
    """Whether an element is nonzero."""
    return ops.any(x, axis, keepdims)


def count_nonzero(x: MetalBuffer, /, *, axis: Axis = None, keepdims: bool = False) -> MetalBuffer:
    """How many elements are nonzero (int64)."""
    return ops.sum(x.astype(DType.BOOL), axis, keepdims)


def argmax(x: MetalBuffer, /, *, axis: int | None = None, keepdims: bool = False) -> MetalBuffer:
    """The place (int64) of the greatest element: the first of equal ones, or a NaN's."""
    return ops.argmax(x, axis, keepdims)


def argmin(x: MetalBuffer, /, *, axis: int | None = None, keepdims: bool = False) -> MetalBuffer:
    """The place (int64) of the least element: the first of equal ones, or a NaN's."""
    return ops.argmin(x, axis, keepdims)
