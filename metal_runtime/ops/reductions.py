"""An array and axes in, what its elements along them come to out: sums, extremes, means, places."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from metal_runtime.array_reductions import Axis
from metal_runtime.array_views import checked_axes
from metal_runtime.buffer import MetalBuffer
from metal_runtime.dtype import DType
from metal_runtime.errors import DTypeError, ShapeError
from metal_runtime.ops.moments import squared_distances
from metal_runtime.ops.operands import as_buffer
from metal_runtime.ops.promotion import dtype_name, floating
from metal_runtime.runtime.sessions import session_of

Array = MetalBuffer | np.ndarray[Any, Any]


def reduced(
    name: str, x: Array, axis: Axis, keepdims: bool, result: DType | None = None
) -> MetalBuffer:
    """A reduction of ops/reduction_table.py. Raises ShapeError for an axis that is not there."""
    session = session_of((x,))
    public = _PUBLIC.get(name, name)
    buffer = as_buffer(session, public, x)
    try:
        axes = tuple(sorted(checked_axes(buffer.shape, axis)))
        return session.graph.reduce(name, buffer, axes, keepdims, result)
    except ShapeError as error:
        raise ShapeError(f"ops.{public}: {error.message}", hint=error.hint) from None


_PUBLIC = {"max": "amax", "min": "amin"}
"""Names that mean elementwise operators in ``metal_runtime.ops``."""


def sum(x: Array, axis: Axis = None, keepdims: bool = False) -> MetalBuffer:
    """The sum along ``axis``; 0 of no elements. Integers and bool give int64 or uint64.

    Floats are added in float32, in 128 chains a row side by side that are added up every 4,096 elements, few rows longer
    than 8,192 in blocks of at most 65,536: the error is at most about 39 + n / 4096 roundings of the sum of magnitudes, and
    55 a step where there are blocks. On a GPU threads share a row: at most 126 roundings a step, n / 1024 + 62 where many
    rows are longer than 65,536. Columns are added in order, as NumPy does.
    """
    return reduced("sum", x, axis, keepdims)


def prod(x: Array, axis: Axis = None, keepdims: bool = False) -> MetalBuffer:
    """The product along ``axis``; 1 of no elements. Integers and bool give int64 or uint64."""
    return reduced("prod", x, axis, keepdims)


def amax(x: Array, axis: Axis = None, keepdims: bool = False) -> MetalBuffer:
    """The greatest element along ``axis``; NaN if one is NaN. Raises ShapeError where there is none."""
    return reduced("max", x, axis, keepdims)


def amin(x: Array, axis: Axis = None, keepdims: bool = False) -> MetalBuffer:
    """The least element along ``axis``; NaN if one is NaN. Raises ShapeError where there is none."""
    return reduced("min", x, axis, keepdims)


def any(x: Array, axis: Axis = None, keepdims: bool = False) -> MetalBuffer:
    """Whether an element along ``axis`` is nonzero."""
    return reduced("any", x, axis, keepdims)


def all(x: Array, axis: Axis = None, keepdims: bool = False) -> MetalBuffer:
    """Whether every element along ``axis`` is nonzero."""
    return reduced("all", x, axis, keepdims)


def argmax(x: Array, axis: int | None = None, keepdims: bool = False) -> MetalBuffer:
    """The place (int64) of the greatest element along ``axis``, or among all; the first of equal ones, or a NaN's."""
    return reduced("argmax", x, axis, keepdims)


def argmin(x: Array, axis: int | None = None, keepdims: bool = False) -> MetalBuffer:
    """The place (int64) of the least element along ``axis``, or among all; the first of equal ones, or a NaN's."""
    return reduced("argmin", x, axis, keepdims)


def mean(x: Array, axis: Axis = None, keepdims: bool = False) -> MetalBuffer:
    """The sum divided by the number of elements, in float32; integers and bool give float32."""
    buffer, axes, count = _described("mean", x, axis)
    total = _float_sum(buffer, axes, keepdims)
    return _rounded(total / float(count), floating(buffer.dtype))


def var(x: Array, axis: Axis = None, keepdims: bool = False, ddof: float = 0) -> MetalBuffer:
    """The sum of the squared distances from the mean, divided by ``n - ddof``, in float32."""
    return _rounded(*_variance("var", x, axis, keepdims, ddof))


def std(x: Array, axis: Axis = None, keepdims: bool = False, ddof: float = 0) -> MetalBuffer:
    """The square root of the variance."""
    variance, dtype = _variance("std", x, axis, keepdims, ddof)
    return _rounded(variance.sqrt(), dtype)


def _variance(
    name: str, x: Array, axis: Axis, keepdims: bool, ddof: float
) -> tuple[MetalBuffer, DType]:
    buffer, axes, count = _described(name, x, axis)
    total = squared_distances(_rounded(buffer, DType.FLOAT32), axes, keepdims)
    return total / float(count - ddof), floating(buffer.dtype)


def _described(name: str, x: Array, axis: Axis) -> tuple[MetalBuffer, tuple[int, ...], int]:
    buffer = as_buffer(session_of((x,)), name, x)
    try:
        axes = tuple(sorted(checked_axes(buffer.shape, axis)))
    except ShapeError as error:
        raise ShapeError(f"ops.{name}: {error.message}", hint=error.hint) from None
    return buffer, axes, math.prod(buffer.shape[a] for a in axes)


def _float_sum(buffer: MetalBuffer, axes: tuple[int, ...], keepdims: bool) -> MetalBuffer:
    if not buffer.dtype.is_float:
        buffer = _rounded(buffer, DType.FLOAT32)
    return session_of((buffer,)).graph.reduce("sum", buffer, axes, keepdims, DType.FLOAT32)


def _rounded(buffer: MetalBuffer, dtype: DType) -> MetalBuffer:
    return buffer if buffer.dtype is dtype else buffer.astype(dtype)


# --- normalisations ------------------------------------------------------------------------------------


def softmax(x: Array, axis: Axis = -1) -> MetalBuffer:
    """``exp(x - max) / sum(exp(x - max))`` along ``axis``, in float32, rounded once."""
    buffer = _float_input("softmax", x)
    wide = _rounded(buffer, DType.FLOAT32)
    weights = (wide - amax(wide, axis, keepdims=True)).exp()
    return _rounded(weights / sum(weights, axis, keepdims=True), buffer.dtype)


def log_softmax(x: Array, axis: Axis = -1) -> MetalBuffer:
    """The logarithm of ``softmax``, without its loss of small numbers."""
    buffer = _float_input("log_softmax", x)
    wide = _rounded(buffer, DType.FLOAT32)
    distance = wide - amax(wide, axis, keepdims=True)
    return _rounded(distance - sum(distance.exp(), axis, keepdims=True).log(), buffer.dtype)


def logsumexp(x: Array, axis: Axis = None, keepdims: bool = False) -> MetalBuffer:
    """``log(sum(exp(x)))`` along ``axis``, without overflow; of infinities the infinity."""
    buffer = _float_input("logsumexp", x)
    wide = _rounded(buffer, DType.FLOAT32)
    session = session_of((wide,))
    greatest = amax(wide, axis, keepdims=True)
    finite = session.graph.elementwise("isfinite", (greatest,))
    shift = session.graph.elementwise("where", (finite, greatest, 0.0))
    total = sum((wide - shift).exp(), axis, keepdims=True).log() + shift
    if not keepdims:
        total = total.squeeze(checked_axes(buffer.shape, axis))
    return _rounded(total, buffer.dtype)


def layer_norm(
    x: Array,
    weight: Array | None = None,
    bias: Array | None = None,
    axis: Axis = -1,
    eps: float = 1e-5,
) -> MetalBuffer:
    """``(x - mean) / sqrt(var + eps) * weight + bias`` along ``axis``, in float32, rounded once."""
    buffer = _float_input("layer_norm", x)
    wide = _rounded(buffer, DType.FLOAT32)
    distance = wide - mean(wide, axis, keepdims=True)
    scale = (mean(distance * distance, axis, keepdims=True) + eps).rsqrt()
    return _affine(distance * scale, weight, bias, buffer.dtype)


def rms_norm(
    x: Array, weight: Array | None = None, axis: Axis = -1, eps: float = 1e-5
) -> MetalBuffer:
    """``x / sqrt(mean(x * x) + eps) * weight`` along ``axis``, in float32, rounded once."""
    buffer = _float_input("rms_norm", x)
    wide = _rounded(buffer, DType.FLOAT32)
    scale = (mean(wide * wide, axis, keepdims=True) + eps).rsqrt()
    return _affine(wide * scale, weight, None, buffer.dtype)


def _affine(x: MetalBuffer, weight: Array | None, bias: Array | None, dtype: DType) -> MetalBuffer:
    if weight is not None:
        x = x * weight
    if bias is not None:
        x = x + bias
    return _rounded(x, dtype)


def _float_input(name: str, x: Array) -> MetalBuffer:
    buffer = as_buffer(session_of((x,)), name, x)
    if not buffer.dtype.is_float:
        raise DTypeError(
            f"ops.{name} does not take {dtype_name(buffer.dtype)}",
            hint="it is defined for floating-point numbers: ops.cast one first",
        )
    return buffer
