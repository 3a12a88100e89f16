"""An array, and how often each of its elements is wanted, in, the repeated elements out."""

from __future__ import annotations

from typing import Any

import numpy as np

from metal_runtime.buffer import MetalBuffer
from metal_runtime.dtype import DType
from metal_runtime.errors import ShapeError
from metal_runtime.ops import repeating
from metal_runtime.ops.axes import checked_axis, checked_size
from metal_runtime.ops.operands import as_buffer, host_elements
from metal_runtime.ops.promotion import dtype_name
from metal_runtime.ops.scanning import cumsum
from metal_runtime.ops.scattering import scatter_add
from metal_runtime.ops.taking import take
from metal_runtime.runtime.sessions import session_of

Array = MetalBuffer | np.ndarray[Any, Any]


def repeat(a: Array, repeats: int | Array, axis: int | None = None) -> MetalBuffer:
    """``np.repeat``: each element ``repeats`` times, along an axis or (None) of all in C order.

    ``repeats`` is one number, or an array with one for each place along the axis.

    Raises:
        ShapeError: a number is negative or no integer, there is no such axis or not a number for each of its
            places, or there are too many elements.
    """
    if not isinstance(repeats, MetalBuffer | np.ndarray):
        return repeating.repeat(a, repeats, axis)
    session = session_of((a, repeats))
    buffer, counts = (as_buffer(session, "repeat", value) for value in (a, repeats))
    if not counts.dtype.is_integer:
        raise ShapeError(
            f"ops.repeat: repeats is of dtype {dtype_name(counts.dtype)}", hint="give integers"
        )
    if counts.size == 1:
        return repeating.repeat(buffer, host_elements(counts).item(), axis)
    source = buffer.ravel() if axis is None else buffer
    along = checked_axis("repeat", source.shape, 0 if axis is None else axis)
    n = source.shape[along]
    if counts.shape != (n,):
        raise ShapeError(
            f"ops.repeat: repeats has shape {counts.shape}",
            hint=f"give one integer, or {n} of them",
        )
    return take(source, _origins(counts, n), along)


def _origins(counts: MetalBuffer, n: int) -> MetalBuffer:
    """The place that each element of the result comes from.

    Where a place ends, a mark is set; the sum of the marks up to an element is how many places lie before it.
    """
    session = session_of((counts,))
    if n == 0:
        return session.empty((0,), DType.INT64)
    least = int(host_elements(counts.min())) if counts.dtype.is_signed else 0
    if least < 0:
        raise ShapeError(f"ops.repeat: a number of repetitions is {least}, less than 0")
    ends = cumsum(counts.astype(DType.INT64))
    total = int(host_elements(ends)[-1])
    checked_size("repeat", (total + 1,))
    unmarked = session.graph.elementwise("mul", (session.empty((total + 1,), DType.INT64), 0))
    ones = session.graph.elementwise("eq", (counts, counts)).astype(DType.INT64)
    return cumsum(scatter_add(unmarked, ends, ones))[:total]
