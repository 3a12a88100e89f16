"""Indices as callers pass them in; a buffer of places that they name on an axis, or an error that says why not, out."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from metal_runtime.buffer import MetalBuffer
from metal_runtime.dtype import DType
from metal_runtime.errors import DTypeError, ShapeError
from metal_runtime.ops.axes import checked_size
from metal_runtime.ops.compiled import launch
from metal_runtime.ops.layout import Shape
from metal_runtime.ops.operands import as_buffer, host_elements, own_buffer, upload
from metal_runtime.ops.programs.indexing import index_program
from metal_runtime.runtime.session import Session

MODES = ("raise", "wrap", "clip")

_NONE = 0xFFFF_FFFF  # no array is as long


def index_buffer(session: Session, name: str, indices: Any) -> MetalBuffer:
    """The indices as a buffer of integers. Raises DTypeError."""
    if isinstance(indices, MetalBuffer):
        buffer = own_buffer(session, name, indices)
    else:
        array = np.asarray(indices)
        empty = array.size == 0 and array.dtype == np.float64  # np.asarray([])
        buffer = as_buffer(session, name, array.astype(np.int32) if empty else array)
    if not buffer.dtype.is_integer:
        raise DTypeError(
            f"ops.{name}: indices are integers, not {buffer.dtype.name.lower()}",
            hint="convert them with ops.cast(indices, 'int32')",
        )
    return buffer


def places(
    session: Session, name: str, indices: MetalBuffer, size: int, axis: int, mode: str = "raise"
) -> MetalBuffer:
    """For each index the place on an axis of ``size``, as uint32.

    Waits for the device, which checks them, unless the mode allows every index.

    Raises:
        ShapeError: an index is out of range, or there is no such mode.
    """
    if mode not in MODES:
        raise ShapeError(
            f"ops.{name}: there is no mode {mode!r}", hint=f"modes are {', '.join(MODES)}"
        )
    checked_size(name, indices.shape)
    found = session.empty(indices.shape, DType.UINT32)
    if found.size == 0:
        return found
    if size == 0:
        raise _out_of_range(name, indices, 0, axis, size)
    wrong = upload(session, np.array([_NONE], np.uint32))
    program = index_program(indices.dtype, mode)
    numbers = (struct.pack("=q", size),)
    launch(session, program, (found.size, 1, 1), (indices, found, wrong), numbers)
    first = _NONE if mode != "raise" else int(host_elements(wrong)[0])
    if first != _NONE:
        raise _out_of_range(name, indices, first, axis, size)
    return found


def _out_of_range(name: str, indices: MetalBuffer, i: int, axis: int, size: int) -> ShapeError:
    where = tuple(int(k) for k in np.unravel_index(i, indices.shape)) if indices.shape else ()
    at = f" at position {where}" if where else ""
    index = int(host_elements(indices).reshape(-1)[i])
    return ShapeError(
        f"ops.{name}: index {index}{at} is out of range for axis {axis} of size {size}",
        hint=f"indices are {-size} to {size - 1}" if size else "the axis has no elements",
    )


def selected_shape(name: str, shape: Shape, indices: Shape, axis: int) -> Shape:
    """``shape`` with ``axis`` replaced by the axes of the indices. Raises ShapeError."""
    return checked_size(name, shape[:axis] + indices + shape[axis + 1 :])
