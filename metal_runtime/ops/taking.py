"""Arrays and indices in; the elements that they name, or a copy with those replaced, out."""

from __future__ import annotations

from typing import Any

import numpy as np

from metal_runtime.buffer import MetalBuffer
from metal_runtime.errors import ShapeError
from metal_runtime.ops.axes import checked_axis, checked_size, lines_of, replaced
from metal_runtime.ops.checked_indices import index_buffer, places, selected_shape
from metal_runtime.ops.compiled import launch
from metal_runtime.ops.indexing_kernels import gather_program
from metal_runtime.ops.layout import Shape, broadcast_shape
from metal_runtime.ops.operands import as_buffer, out_dtype
from metal_runtime.ops.programs.indexing import put_along_program, take_along_program
from metal_runtime.ops.repeating import tile
from metal_runtime.runtime.session import Session
from metal_runtime.runtime.sessions import session_of

Array = MetalBuffer | np.ndarray[Any, Any]


def take(a: Array, indices: Any, axis: int | None = None, mode: str = "raise") -> MetalBuffer:
    """``np.take``: elements along an axis, or (None) of all in C order.

    The mode says what an index out of range does: ``raise`` an error, ``wrap`` round, or ``clip`` to the nearest.

    Raises:
        ShapeError: an index is out of range, or there is no such axis or mode.
        DTypeError: the indices are no integers.
    """
    session = session_of((a, indices))
    buffer = as_buffer(session, "take", a)
    chosen = index_buffer(session, "take", indices)
    shape = (buffer.size,) if axis is None else buffer.shape
    along = checked_axis("take", checked_size("take", shape), 0 if axis is None else axis)
    out = session.empty(selected_shape("take", shape, chosen.shape, along), buffer.dtype)
    found = places(session, "take", chosen, shape[along], along, mode)
    if out.size:
        view = lines_of(shape, along)
        program = gather_program(buffer.dtype, view.inner == 1)
        numbers = (view.n, chosen.size, view.inner)
        launch(session, program, view.grid(chosen.size), (buffer, found, out), numbers)
    return out


def take_along_axis(a: Array, indices: Any, axis: int | None) -> MetalBuffer:
    """``np.take_along_axis``: of each line along the axis the elements that its own line of indices names.

    The two have as many axes, and broadcast along all others. Without an axis ``a`` is one line.

    Raises:
        ShapeError: an index is out of range, there is no such axis, or the shapes do not broadcast.
        DTypeError: the indices are no integers.
    """
    name = "take_along_axis"
    session = session_of((a, indices))
    buffer = as_buffer(session, name, a)
    chosen = index_buffer(session, name, indices)
    shape = (buffer.size,) if axis is None else buffer.shape
    along = checked_axis(name, shape, 0 if axis is None else axis)
    others = _others(name, shape, chosen.shape, along)
    buffer = _stretched(buffer, shape, replaced(others, along, shape[along]))
    chosen = _stretched(chosen, chosen.shape, replaced(others, along, chosen.shape[along]))
    out = session.empty(checked_size(name, chosen.shape), buffer.dtype)
    if out.size:
        found = places(session, name, chosen, shape[along], along)
        view = lines_of(replaced(others, along, shape[along]), along)
        count = chosen.shape[along]
        program = take_along_program(buffer.dtype, view.inner == 1)
        numbers = (view.n, count, view.inner)
        launch(session, program, view.grid(count), (buffer, found, out), numbers)
    return out


def put_along_axis(a: Array, indices: Any, values: Any, axis: int | None) -> MetalBuffer:
    """A copy of ``a`` after ``np.put_along_axis(a, indices, values, axis)``.

    ``values`` are broadcast to the indices. Of an index that a line has twice, the last value counts.

    Raises:
        ShapeError: an index is out of range, there is no such axis, or the shapes do not broadcast.
        DTypeError: the indices are no integers, or ``a`` cannot hold the values.
    """
    name = "put_along_axis"
    session = session_of((a, indices, values))
    buffer = as_buffer(session, name, a)
    chosen = index_buffer(session, name, indices)
    shape = (buffer.size,) if axis is None else buffer.shape
    along = checked_axis(name, shape, 0 if axis is None else axis)
    if _others(name, shape, chosen.shape, along) != replaced(shape, along, 1):
        raise ShapeError(f"ops.{name}: indices of shape {chosen.shape} for an array of {shape}")
    chosen = _stretched(chosen, chosen.shape, replaced(shape, along, chosen.shape[along]))
    new = _values(session, name, values, buffer, chosen.shape)
    out = session.graph.elementwise("cast", (buffer,), session.empty(buffer.shape, buffer.dtype))
    if chosen.size:
        found = places(session, name, chosen, shape[along], along)
        view = lines_of(shape, along)
        numbers = (view.n, chosen.shape[along], view.inner)
        grid = (view.inner, view.outer, 1)
        launch(session, put_along_program(buffer.dtype), grid, (found, new, out), numbers)
    return out


def _others(name: str, shape: Shape, indices: Shape, axis: int) -> Shape:
    """The shape that both have in common along all axes but one, where it is 1."""
    if len(shape) != len(indices):
        raise ShapeError(
            f"ops.{name}: indices of {len(indices)} axes for {len(shape)} of the array",
            hint="give both as many axes",
        )
    return broadcast_shape(name, (replaced(shape, axis, 1), replaced(indices, axis, 1)))


def _stretched(buffer: MetalBuffer, shape: Shape, target: Shape) -> MetalBuffer:
    """The elements of a buffer, seen as ``shape``, repeated along the axes where it has 1 and the target more."""
    if shape == target:
        return buffer
    ones = len(target) - len(shape)
    return tile(
        buffer, [t if k < ones or shape[k - ones] == 1 else 1 for k, t in enumerate(target)]
    )


def _values(
    session: Session, name: str, values: Any, buffer: MetalBuffer, shape: Shape
) -> MetalBuffer:
    given = values if isinstance(values, MetalBuffer | np.ndarray) else np.asarray(values)
    if not isinstance(values, MetalBuffer | np.ndarray | np.generic):
        given = given.astype(buffer.dtype.numpy_dtype)  # Python numbers take the array's dtype
    new = as_buffer(session, name, given)
    if broadcast_shape(name, (new.shape, shape)) != shape:
        raise ShapeError(f"ops.{name}: values of shape {new.shape} for indices of shape {shape}")
    if new.dtype is not buffer.dtype:
        target = session.empty(new.shape, out_dtype(name, new.dtype, buffer.dtype))
        new = session.graph.elementwise("cast", (new,), target)
    return _stretched(new, new.shape, shape)
