"""Arrays and the axes that are summed in, ``tensordot`` and ``vecdot`` out: products made of views of the operands."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from metal_runtime.array_views import checked_axes
from metal_runtime.buffer import MetalBuffer
from metal_runtime.dtype import DType
from metal_runtime.errors import DTypeError, ShapeError
from metal_runtime.ops.matmul import matmul
from metal_runtime.ops.operands import as_buffer
from metal_runtime.ops.promotion import promote_pair
from metal_runtime.ops.reductions import reduced
from metal_runtime.runtime.sessions import session_of

Array = MetalBuffer | np.ndarray[Any, Any]


def tensordot(
    a: Array, b: Array, axes: int | tuple[Sequence[int], Sequence[int]] = 2
) -> MetalBuffer:
    """``np.tensordot``: products summed over the last ``axes`` of a and the first of b, or over pairs of axes.

    One matrix product (see ``matmul``): the axes that are left of a, then those of b.

    Raises:
        ShapeError: there is no such axis, or two that make a pair differ in length.
        DTypeError: the dtypes have no common one.
    """
    session = session_of((a, b))
    left, right = (as_buffer(session, "tensordot", value) for value in (a, b))
    summed, with_ = _pairs(left, right, axes)
    lengths = [left.shape[axis] for axis in summed]
    if lengths != [right.shape[axis] for axis in with_]:
        raise ShapeError(
            f"ops.tensordot: axes {summed} of shape {left.shape} and {with_} of shape {right.shape} differ in length"
        )
    rows = [axis for axis in range(left.ndim) if axis not in summed]
    columns = [axis for axis in range(right.ndim) if axis not in with_]
    depth = math.prod(lengths)
    shape = [left.shape[axis] for axis in rows] + [right.shape[axis] for axis in columns]
    height = math.prod(left.shape[axis] for axis in rows)
    width = math.prod(right.shape[axis] for axis in columns)
    x = _ordered(left, (*rows, *summed)).reshape((height, depth))
    y = _ordered(right, (*with_, *columns)).reshape((depth, width))
    return matmul(x, y).reshape(tuple(shape))


def _pairs(a: MetalBuffer, b: MetalBuffer, axes: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    if not isinstance(axes, int):
        first, second = (checked_axes(x.shape, tuple(k)) for x, k in zip((a, b), axes, strict=True))
        if len(first) != len(second):
            raise ShapeError(f"ops.tensordot: {len(first)} axes of a and {len(second)} of b")
        return first, second
    if not 0 <= axes <= min(a.ndim, b.ndim):
        raise ShapeError(
            f"ops.tensordot: shapes {a.shape} and {b.shape} have no {axes} axes to sum over"
        )
    return tuple(range(a.ndim - axes, a.ndim)), tuple(range(axes))


def _ordered(x: MetalBuffer, order: tuple[int, ...]) -> MetalBuffer:
    return x.transpose(order) if order else x


def vecdot(a: Array, b: Array, axis: int = -1) -> MetalBuffer:
    """The sums of products along an axis that both have; the others broadcast.

    Floats are multiplied and added in float32 and rounded once; integers wrap in their common dtype.

    Raises:
        ShapeError: there is no such axis, its lengths differ, or the shapes do not broadcast.
        DTypeError: the dtypes have no common one, or both are bool.
    """
    session = session_of((a, b))
    left, right = (as_buffer(session, "vecdot", value) for value in (a, b))
    common = promote_pair(left.dtype, right.dtype)
    if common is DType.BOOL:
        raise DTypeError("ops.vecdot does not take bool", hint="ops.cast one to an integer dtype")
    left, right = (x.moveaxis(axis, -1) for x in (left, right))
    if left.shape[-1] != right.shape[-1]:
        raise ShapeError(f"ops.vecdot: shapes {left.shape} and {right.shape} differ along the axis")
    held = DType.FLOAT32 if common.is_float else common
    left, right = (x if x.dtype is held else x.astype(held) for x in (left, right))
    return reduced("sum", left * right, -1, False, common)
