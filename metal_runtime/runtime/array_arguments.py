"""What a caller passes as array, shape or dtype -> an ndarray, extents, an MSL type; or the error that says why not."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from metal_runtime import dlpack
from metal_runtime.buffer import Shape
from metal_runtime.dtype import DType
from metal_runtime.errors import DTypeError, ShapeError, SharingError
from metal_runtime.msl_types import Vector, parse_value_type
from metal_runtime.runtime.value_arguments import described

ShapeLike = int | Sequence[int]
DTypeLike = Any
"""A DType, a NumPy dtype or its name, or an MSL type name; a vector's name adds its axis to the shape."""


def numpy_array(array: Any) -> np.ndarray[Any, Any]:
    """An array of what a caller passes; Python's numbers become 32 bits wide, as far as they fit."""
    if isinstance(array, np.ndarray | np.generic):
        return np.asarray(array)
    try:
        source = np.asarray(array)
    except ValueError as error:
        raise ShapeError(
            "cannot make a buffer of rows of different lengths",
            hint="give every row one length, or pass each row by itself",
        ) from error
    if hasattr(array, "__array__") or hasattr(array, "__array_interface__"):
        return source  # another library's array has a dtype of its own
    if source.dtype == np.float64:
        return source.astype(np.float32)
    if source.dtype == np.int64:
        small = source.astype(np.int32)
        return small if np.array_equal(small, source) else source
    if source.dtype == object:
        raise DTypeError(
            f"cannot make a buffer of {type(array).__name__} objects",
            hint="pass numbers, lists of numbers, or an array",
        )
    return source


def shared_array(source: Any) -> np.ndarray[Any, Any]:
    """An array over the memory of what a caller passes, never over a copy of it, that a buffer can adopt.

    That is a NumPy array, an array with ``__dlpack__``, or a ``memoryview`` and what one can be made of.

    Raises:
        SharingError: it has no such memory, or not in C order, or it may not be written.
    """
    array = _viewed(source)
    if not array.flags.c_contiguous:
        raise SharingError(
            f"the array of shape {array.shape} and strides {array.strides} is not contiguous in memory",
            hint="pass np.ascontiguousarray(array), or leave copy=False out",
        )
    if not array.flags.aligned:
        raise SharingError(
            f"the array begins at an address that is no multiple of its elements' {array.itemsize} bytes",
            hint="pass array.copy(), or leave copy=False out",
        )
    if not array.flags.writeable:
        raise SharingError(
            "the memory is read-only, and a buffer's can be written",
            hint="pass array.copy(), or leave copy=False out",
        )
    return array


def _viewed(source: Any) -> np.ndarray[Any, Any]:
    if isinstance(source, np.ndarray):
        return np.asarray(source)
    if hasattr(source, "__dlpack__"):
        return dlpack.imported(source)
    try:
        return np.asarray(memoryview(source))
    except TypeError:
        raise SharingError(
            f"{described(source)} has no memory that a buffer can share",
            hint="pass a NumPy array, or leave copy=False out",
        ) from None


def extents_of(shape: ShapeLike) -> Shape:
    """A shape of integers. Raises ShapeError."""
    parts = shape if isinstance(shape, Sequence) else (shape,)
    try:
        extents = tuple(operator.index(part) for part in parts)
    except TypeError:
        raise ShapeError(
            f"shape {shape!r} holds something that is no integer",
            hint="give an integer or a tuple of them, such as (height, width)",
        ) from None
    if any(extent < 0 for extent in extents):
        raise ShapeError(f"shape {shape!r} is negative on one axis")
    return extents


def element_of(dtype: DTypeLike) -> DType | Vector:
    """The scalar or vector type that a dtype argument stands for. Raises DTypeError."""
    if isinstance(dtype, DType | Vector):
        return dtype
    if isinstance(dtype, str):
        # NumPy's names for NumPy's types first would read "long" and "half" as C does.
        named = parse_value_type(dtype)
        if named is not None:
            return named
    try:
        return DType.from_numpy(dtype)
    except TypeError as error:
        if isinstance(error, DTypeError):
            raise
        raise DTypeError(
            f"{dtype!r} is no dtype",
            hint="give a DType, a NumPy dtype, or a name such as 'float32', 'half' or 'float4'",
        ) from None
