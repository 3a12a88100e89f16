"""An array with some of its elements along one axis replaced."""

from __future__ import annotations

from typing import Any

import numpy as np

from metal_runtime.buffer import MetalBuffer
from metal_runtime.errors import DTypeError, ShapeError
from metal_runtime.ops.callable_module import make_callable
from metal_runtime.ops.compiled import launch
from metal_runtime.ops.indexing import UNSELECTED, Selection, select_along
from metal_runtime.ops.indexing_kernels import scatter_program
from metal_runtime.ops.operands import as_buffer, own_buffer, upload
from metal_runtime.ops.promotion import dtype_name
from metal_runtime.runtime.sessions import session_of


def scatter(
    input: MetalBuffer | np.ndarray[Any, Any],
    indices: MetalBuffer | np.ndarray[Any, Any],
    values: MetalBuffer | np.ndarray[Any, Any],
    axis: int = 0,
) -> MetalBuffer:
    """A copy of ``input`` in which the places that ``indices`` name along ``axis`` hold ``values``.

    As ``out = input.copy(); out[indices] = values`` for axis 0. ``values`` has the dtype of ``input``
    and its shape with ``axis`` replaced by ``indices.shape``. Negative indices count from the end; of
    an index that occurs twice, the last value counts. Indices are checked before anything runs.

    Raises:
        ShapeError: an index is out of range, there is no such axis, or ``values`` has another shape.
        DTypeError: the indices are no integers, or ``values`` has another dtype.
    """
    session = session_of((input, values, indices))
    source = as_buffer(session, "scatter", input)
    if isinstance(indices, MetalBuffer):
        own_buffer(session, "scatter", indices)
    chosen = select_along("scatter", source.shape, indices, axis)
    new = as_buffer(session, "scatter", values)
    _check_values(source, chosen, new)
    out = session.empty(source.shape, source.dtype)
    if out.size == 0:
        return out
    along_axis = chosen.inner == 1
    launch(
        session,
        scatter_program(source.dtype, along_axis),
        (chosen.size, chosen.outer, 1) if along_axis else (chosen.inner, chosen.size, chosen.outer),
        (source, upload(session, _sources(chosen)), new, out),
        (chosen.size, chosen.indices.size, chosen.inner),
    )
    return out


def _sources(chosen: Selection) -> np.ndarray[Any, Any]:
    """For each place along the axis the index that names it last: then no two threads write one element."""
    sources = np.full(chosen.size, UNSELECTED)
    # NumPy assigns in order: the last of equal indices stays.
    sources[chosen.indices] = np.arange(chosen.indices.size, dtype=np.uint32)
    return sources


def _check_values(source: MetalBuffer, chosen: Selection, values: MetalBuffer) -> None:
    if values.shape != chosen.selected:
        raise ShapeError(
            f"ops.scatter: values of shape {values.shape} for places of shape {chosen.selected}",
            hint="values has the shape of input, with the axis replaced by the shape of indices",
        )
    if values.dtype is not source.dtype:
        wanted = dtype_name(source.dtype)
        raise DTypeError(
            f"ops.scatter: values of {dtype_name(values.dtype)} for an input of {wanted}",
            hint=f"convert them with ops.cast(values, {wanted!r})",
        )


make_callable(__name__, scatter)
