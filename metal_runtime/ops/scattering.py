"""An array, indices along an axis and values in; a copy with the values added, or their maxima or minima taken, out.

The operations on one element run in the order of the indices, as NumPy's ``ufunc.at``: the result, of floats too,
does not depend on the device or its load. Each operation is rounded to the array's dtype.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from metal_runtime.buffer import MetalBuffer
from metal_runtime.dtype import DType
from metal_runtime.errors import DTypeError, ShapeError
from metal_runtime.ops.axes import Lines, checked_axis, checked_size, lines_of
from metal_runtime.ops.checked_indices import index_buffer, places, selected_shape
from metal_runtime.ops.compiled import launch
from metal_runtime.ops.operands import as_buffer
from metal_runtime.ops.programs.indexing import COLUMNS, scatter_program
from metal_runtime.ops.promotion import dtype_name
from metal_runtime.runtime.session import Session
from metal_runtime.runtime.sessions import session_of

Array = MetalBuffer | np.ndarray[Any, Any]


def scatter_add(input: Array, indices: Array, values: Array, axis: int = 0) -> MetalBuffer:
    """A copy of ``input`` after ``np.add.at(input, indices, values)``, along any axis.

    ``values`` has the dtype of ``input`` and its shape with ``axis`` replaced by ``indices.shape``.

    Raises:
        ShapeError: an index is out of range, there is no such axis, or ``values`` has another shape.
        DTypeError: the indices are no integers, ``values`` has another dtype, or it is bool.
    """
    return _scatter("add", input, indices, values, axis)


def scatter_max(input: Array, indices: Array, values: Array, axis: int = 0) -> MetalBuffer:
    """As ``scatter_add`` with ``np.maximum.at``: a NaN makes the element NaN."""
    return _scatter("max", input, indices, values, axis)


def scatter_min(input: Array, indices: Array, values: Array, axis: int = 0) -> MetalBuffer:
    """As ``scatter_add`` with ``np.minimum.at``: a NaN makes the element NaN."""
    return _scatter("min", input, indices, values, axis)


def _scatter(operation: str, input: Any, indices: Any, values: Any, axis: Any) -> MetalBuffer:
    name = f"scatter_{operation}"
    session = session_of((input, values, indices))
    source = as_buffer(session, name, input)
    chosen = index_buffer(session, name, indices)
    new = as_buffer(session, name, values)
    along = checked_axis(name, checked_size(name, source.shape), axis)
    wanted = selected_shape(name, source.shape, chosen.shape, along)
    if new.shape != wanted:
        raise ShapeError(
            f"ops.{name}: values of shape {new.shape} for places of shape {wanted}",
            hint="values has the shape of input, with the axis replaced by the shape of indices",
        )
    if new.dtype is not source.dtype or (operation == "add" and source.dtype is DType.BOOL):
        raise DTypeError(
            f"ops.{name}: values of {dtype_name(new.dtype)} for an input of {dtype_name(source.dtype)}",
            hint="convert both with ops.cast to one dtype of numbers",
        )
    found = places(session, name, chosen, source.shape[along], along)
    out = session.graph.elementwise("cast", (source,), session.empty(source.shape, source.dtype))
    if new.size:
        view = lines_of(source.shape, along)
        columns = -(-view.inner // COLUMNS)
        share = _share(session, view, columns)
        grid = (columns, -(-view.n // share), view.outer)
        numbers = (view.n, chosen.size, view.inner, share)
        program = scatter_program(out.dtype, operation, view.inner == 1)
        launch(session, program, grid, (found, new, out), numbers)
    return out


def _share(session: Session, view: Lines, columns: int) -> int:
    """Places along the axis for one thread: each reads all indices, so as few threads as keep the device busy."""
    parts = max(session.device.traits.compute_units // (columns * view.outer), 1)
    return -(-view.n // min(parts, view.n))
