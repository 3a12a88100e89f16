"""The standard's reductions and scans: an array and axes in, what its elements along them come to out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from metal_runtime import ops
from metal_runtime.array_api.creation import full
from metal_runtime.array_views import checked_axes
from metal_runtime.buffer import MetalBuffer
from metal_runtime.dtype import DType
from metal_runtime.errors import ShapeError
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


# --- along one axis ----------------------------------------------------------------------------------


def cumulative_sum(
    x: MetalBuffer,
    /,
    *,
    axis: int | None = None,
    dtype: DType | None = None,
    include_initial: bool = False,
) -> MetalBuffer:
    """The sums of the elements up to each, after a 0 if it is asked for; an array of one axis needs no ``axis``."""
    return _scanned(ops.cumsum, 0, x, axis, dtype, include_initial)


def cumulative_prod(
    x: MetalBuffer,
    /,
    *,
    axis: int | None = None,
    dtype: DType | None = None,
    include_initial: bool = False,
) -> MetalBuffer:
    """The products of the elements up to each, after a 1 if it is asked for; an array of one axis needs no ``axis``."""
    return _scanned(ops.cumprod, 1, x, axis, dtype, include_initial)


def _scanned(
    scan: Callable[[MetalBuffer, int], MetalBuffer],
    initial: int,
    x: MetalBuffer,
    axis: int | None,
    dtype: DType | None,
    include_initial: bool,
) -> MetalBuffer:
    if axis is None and x.ndim != 1:
        raise ShapeError(f"shape {x.shape} has no axis by default", hint="name one with axis=")
    (along,) = checked_axes(x.shape, 0 if axis is None else axis)
    wide = dtype is not None and dtype.is_float and not x.dtype.is_float
    result = scan(x.astype(dtype) if wide else x, along)
    if dtype is not None and result.dtype is not dtype:
        result = result.astype(dtype)
    if not include_initial:
        return result
    shape = tuple(1 if k == along else n for k, n in enumerate(x.shape))
    return ops.concatenate(
        [full(shape, initial, dtype=result.dtype, device=result.device), result], along
    )


def diff(
    x: MetalBuffer,
    /,
    *,
    axis: int = -1,
    n: int = 1,
    prepend: MetalBuffer | None = None,
    append: MetalBuffer | None = None,
) -> MetalBuffer:
    """The differences of neighbours along an axis, ``n`` times, with arrays put before and after it."""
    parts = [part for part in (prepend, x, append) if part is not None]
    return ops.diff(x if len(parts) == 1 else ops.concatenate(parts, axis), n, axis)
