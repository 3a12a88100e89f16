"""Arrays in, one array that holds them side by side out: ``concatenate`` and ``stack``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from metal_runtime.buffer import MetalBuffer
from metal_runtime.errors import DTypeError, ShapeError
from metal_runtime.ops.axes import checked_axis, checked_size, replaced
from metal_runtime.ops.compiled import launch
from metal_runtime.ops.layout import Shape
from metal_runtime.ops.operands import as_buffer
from metal_runtime.ops.programs.copying import rows_program
from metal_runtime.ops.promotion import promote
from metal_runtime.runtime.session import Session
from metal_runtime.runtime.sessions import session_of

Array = MetalBuffer | np.ndarray[Any, Any]


def concatenate(arrays: Sequence[Array], axis: int | None = 0) -> MetalBuffer:
    """The arrays one after the other along an axis that they have; ``axis=None`` joins their elements in C order.

    The result has their common dtype (docs/promotion.md).

    Raises:
        ShapeError: no array, no such axis, or extents along another axis differ.
        DTypeError: the arrays have no common dtype.
    """
    session, buffers = _buffers("concatenate", arrays)
    shapes = [b.shape if axis is not None else (b.size,) for b in buffers]
    along = checked_axis("concatenate", shapes[0], 0 if axis is None else axis)
    for number, shape in enumerate(shapes):
        if len(shape) != len(shapes[0]) or replaced(shape, along, 0) != replaced(
            shapes[0], along, 0
        ):
            raise ShapeError(
                f"ops.concatenate: array 0 has shape {shapes[0]} and array {number} {shape}",
                hint=f"extents along every axis but {along} must be equal",
            )
    size = sum(shape[along] for shape in shapes)
    return _joined(session, "concatenate", buffers, replaced(shapes[0], along, size), along)


def stack(arrays: Sequence[Array], axis: int = 0) -> MetalBuffer:
    """Arrays of one shape along a new axis. The result has their common dtype (docs/promotion.md).

    Raises:
        ShapeError: no array, shapes that differ, or no such place for an axis.
        DTypeError: the arrays have no common dtype.
    """
    session, buffers = _buffers("stack", arrays)
    shape = buffers[0].shape
    along = checked_axis("stack", shape, axis, more=1)
    for number, buffer in enumerate(buffers):
        if buffer.shape != shape:
            raise ShapeError(
                f"ops.stack: array 0 has shape {shape} and array {number} {buffer.shape}",
                hint="give arrays of one shape, or join them with ops.concatenate",
            )
    stacked = (*shape[:along], len(buffers), *shape[along:])
    return _joined(session, "stack", buffers, stacked, along)


def _buffers(name: str, arrays: Any) -> tuple[Session, list[MetalBuffer]]:
    if isinstance(arrays, MetalBuffer) or not isinstance(arrays, Sequence | np.ndarray):
        raise DTypeError(
            f"ops.{name} takes a sequence of arrays, not a {type(arrays).__name__}",
            hint=f"write ops.{name}([a, b])",
        )
    if len(arrays) == 0:
        raise ShapeError(f"ops.{name}: there is no array", hint="give at least one")
    session = session_of(arrays)
    return session, [as_buffer(session, name, a) for a in arrays]


def _joined(
    session: Session, name: str, buffers: Sequence[MetalBuffer], shape: Shape, axis: int
) -> MetalBuffer:
    """Copies every buffer into its part of each row, a row being all that follows the axes before ``axis``."""
    try:
        dtype = promote([b.dtype for b in buffers])
    except DTypeError as error:
        raise DTypeError(f"ops.{name}: {error.message}", hint=error.hint) from None
    out = session.empty(checked_size(name, shape), dtype)
    outer, row = math.prod(shape[:axis]), math.prod(shape[axis:])
    start = 0
    for buffer in buffers:
        if buffer.size:
            part = buffer.size // outer
            program = rows_program(buffer.dtype, dtype)
            launch(session, program, (part, outer, 1), (buffer, out), (part, row, 0, start))
            start += part
    return out
