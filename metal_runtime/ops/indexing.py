"""Indices along an axis: checked on the host, and the shapes of the launches that use them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from metal_runtime.buffer import MetalBuffer
from metal_runtime.device.launch_config import MAX_GRID
from metal_runtime.dtype import DType
from metal_runtime.errors import DTypeError, ShapeError
from metal_runtime.ops.layout import Shape
from metal_runtime.ops.operands import host_elements


@dataclass(frozen=True, slots=True)
class Selection:
    """``shape`` with ``axis`` replaced by the axes of the indices; arrays are (outer, n, inner)."""

    outer: int
    size: int
    """Elements along the axis."""

    inner: int
    indices: np.ndarray[Any, Any]
    """uint32, not negative, in one row."""

    selected: Shape
    """The shape of what the indices select."""


def select_along(name: str, shape: Shape, indices: Any, axis: Any) -> Selection:
    """Checks indices (negative ones count from the end, as in NumPy) against an axis.

    Raises:
        DTypeError: the indices are no integers.
        ShapeError: there is no such axis, an index is out of range, or there are too many elements.
    """
    if not isinstance(axis, int | np.integer) or not -len(shape) <= axis < len(shape):
        raise ShapeError(
            f"ops.{name}: shape {shape} has no axis {axis!r}",
            hint=f"axes of it are {-len(shape)} to {len(shape) - 1}" if shape else None,
        )
    axis = int(axis) % len(shape)
    array = host_elements(indices) if isinstance(indices, MetalBuffer) else np.asarray(indices)
    if array.dtype.kind not in "iu" and array.size:
        raise DTypeError(
            f"ops.{name}: indices are integers, not {array.dtype}",
            hint="convert them with array.astype(np.int32)",
        )
    size = shape[axis]
    _check_range(name, array, axis, size)
    found = np.where(array < 0, array + size, array) if array.dtype.kind == "i" else array
    selected = shape[:axis] + array.shape + shape[axis + 1 :]
    for what in (shape, selected):
        if math.prod(what) > MAX_GRID:
            raise ShapeError(
                f"ops.{name}: shape {what} has more than the {MAX_GRID:,} elements that 32 bits index"
            )
    return Selection(
        outer=math.prod(shape[:axis]),
        size=size,
        inner=math.prod(shape[axis + 1 :]),
        indices=np.ascontiguousarray(found, np.uint32).reshape(-1),
        selected=selected,
    )


def _check_range(name: str, array: np.ndarray[Any, Any], axis: int, size: int) -> None:
    if array.size == 0 or (-size <= int(array.min()) and int(array.max()) < size):
        return
    wrong = array >= size
    if array.dtype.kind == "i":
        wrong = wrong | (array < -size)
    where = tuple(int(k) for k in np.argwhere(wrong)[0])
    at = f" at position {where}" if where else ""
    raise ShapeError(
        f"ops.{name}: index {int(array[where])}{at} is out of range for axis {axis} of size {size}",
        hint=f"indices are {-size} to {size - 1}" if size else "the axis has no elements",
    )


UNSELECTED = DType.UINT32.numpy_dtype.type(0xFFFF_FFFF)
"""Marks a place along the axis that no index names; no array is as long."""
