"""Arrays in; what stands in them, how often and where, out: ``nonzero``, ``unique``, ``searchsorted``, ``bincount``, ``histogram``.

Places and counts are int64, as NumPy's. Functions whose result's shape depends on the elements wait for the device.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from metal_runtime.buffer import MetalBuffer
from metal_runtime.dtype import DType
from metal_runtime.errors import DTypeError, ShapeError
from metal_runtime.ops.axes import Lines, checked_size, whole_number
from metal_runtime.ops.compiled import launch
from metal_runtime.ops.creation import linspace
from metal_runtime.ops.joining import concatenate
from metal_runtime.ops.operands import as_buffer, host_elements
from metal_runtime.ops.programs.selecting import (
    BLOCK,
    bins_program,
    coordinate_program,
    count_nonzero_program,
    find_nonzero_program,
    first_of_equals_program,
    inverse_program,
    search_program,
    tally_program,
    totals_program,
)
from metal_runtime.ops.promotion import dtype_name, promote
from metal_runtime.ops.reduction import reduce_max, reduce_min
from metal_runtime.ops.scanning import cumsum, diff
from metal_runtime.ops.sorting import sorted_keys
from metal_runtime.ops.taking import take
from metal_runtime.runtime.session import Session
from metal_runtime.runtime.sessions import session_of

Array = MetalBuffer | np.ndarray[Any, Any]

_TALLY = 1 << 15
"""Elements that one thread counts, if the rows of counts are no more than the elements; else more."""


class Unique(NamedTuple):
    """What ``unique`` gives: all of int64 but the values."""

    values: MetalBuffer
    indices: MetalBuffer
    """The first place of each value in C order."""

    inverse_indices: MetalBuffer
    """For each element the number of its value, of the array's shape."""

    counts: MetalBuffer


def nonzero(a: Array) -> tuple[MetalBuffer, ...]:
    """``np.nonzero``: for each axis the coordinates of the elements that are not zero, in C order."""
    session = session_of((a,))
    buffer = as_buffer(session, "nonzero", a)
    if buffer.ndim == 0:
        raise ShapeError("ops.nonzero: an array of shape () has no axes", hint="give it one")
    flat = _nonzero_places(session, "nonzero", buffer)
    found = []
    for axis, extent in enumerate(buffer.shape):
        out = session.empty(flat.shape, DType.INT64)
        if out.size:
            numbers = (math.prod(buffer.shape[axis + 1 :]), extent)
            launch(session, coordinate_program(), (out.size, 1, 1), (flat, out), numbers)
        found.append(out)
    return tuple(found)


def unique(a: Array) -> Unique:
    """``np.unique`` with all that it can return: the values of ``a`` in ascending order, each once, NaN last and once."""
    session = session_of((a,))
    buffer = as_buffer(session, "unique", a)
    n = buffer.size
    inverse = session.empty(checked_size("unique", buffer.shape), DType.INT64)
    if n == 0:
        none = session.empty((0,), DType.INT64)
        return Unique(session.empty((0,), buffer.dtype), none, inverse, none)
    keys, positions = sorted_keys(session, buffer, Lines(1, n, 1))
    is_first = session.empty((n,), DType.BOOL)
    launch(session, first_of_equals_program(keys.dtype), (n, 1, 1), (keys, is_first))
    starts = _nonzero_places(session, "unique", is_first)
    numbers = cumsum(is_first)
    launch(session, inverse_program(), (n, 1, 1), (positions, numbers, inverse))
    index = _as(session, take(positions, starts), DType.INT64)
    counts = diff(concatenate([starts, np.array([n])]))
    return Unique(take(buffer, index), index, inverse, counts)


def searchsorted(ordered: Array, values: Array, side: str = "left") -> MetalBuffer:
    """``np.searchsorted``: the places, as int64, at which values keep the order of an ascending line, NaN last.

    Raises:
        ShapeError: ``ordered`` has not one axis, or there is no such side.
        DTypeError: the two have no common dtype.
    """
    session = session_of((ordered, values))
    line = as_buffer(session, "searchsorted", ordered)
    wanted = as_buffer(session, "searchsorted", values)
    if line.ndim != 1 or side not in ("left", "right"):
        raise ShapeError(
            f"ops.searchsorted: a line of shape {line.shape}, side {side!r}",
            hint="give a line of one axis, and side 'left' or 'right'",
        )
    checked_size("searchsorted", line.shape)
    out = session.empty(checked_size("searchsorted", wanted.shape), DType.INT64)
    try:
        common = promote([line.dtype, wanted.dtype])
    except DTypeError as error:
        raise DTypeError(f"ops.searchsorted: {error.message}", hint=error.hint) from None
    line, wanted = _as(session, line, common), _as(session, wanted, common)
    if out.size:
        program = search_program(common, side == "right")
        launch(session, program, (out.size, 1, 1), (line, wanted, out), (line.size,))
    return out


def bincount(x: Array, weights: Array | None = None, minlength: int = 0) -> MetalBuffer:
    """``np.bincount``: how often each integer from 0 on stands in ``x`` (int64), or the sum of its weights (float32).

    Raises:
        ShapeError: an integer is negative, ``x`` has not one axis, or ``weights`` has another shape.
        DTypeError: ``x`` does not hold integers.
    """
    session = session_of((x, weights))
    buffer = as_buffer(session, "bincount", x)
    if not buffer.dtype.is_integer:
        raise DTypeError(
            f"ops.bincount counts integers, not {dtype_name(buffer.dtype)}",
            hint="convert them with ops.cast(x, 'int32')",
        )
    if buffer.ndim != 1:
        raise ShapeError(f"ops.bincount: an array of shape {buffer.shape} has not one axis")
    bins = whole_number("bincount", "minlength", minlength, 0)
    if buffer.size:
        ends = reduce_min(buffer), reduce_max(buffer)
        session.graph.start_before(ends, ())  # in one pass
        least, most = (int(host_elements(end)) for end in ends)
        if least < 0:
            raise ShapeError(f"ops.bincount: {least} is negative", hint="give numbers from 0 on")
        bins = max(bins, most + 1)
    checked_size("bincount", (bins,))
    heavy = None if weights is None else _weights(session, "bincount", weights, buffer)
    return _tallied(session, _as(session, buffer, DType.UINT32), heavy, bins, bins)


def histogram(
    a: Array,
    bins: int | Array = 10,
    range: tuple[float, float] | None = None,
    weights: Array | None = None,
) -> tuple[MetalBuffer, MetalBuffer]:
    """``np.histogram``: counts (int64, of weights float32) and the edges of the bins (float32).

    Bins are half-open but for the last. Elements are compared with the edges in float32.

    Raises:
        ShapeError: no bins, edges that are not ascending, a range that is not finite, or weights of another shape.
    """
    session = session_of((a, weights))
    given = as_buffer(session, "histogram", a)
    edges = _edges(session, given, bins, range)
    count = edges.size - 1
    places = session.empty(checked_size("histogram", given.shape), DType.UINT32)
    if given.size:
        values = _as(session, given, DType.FLOAT32)
        launch(session, bins_program(), (given.size, 1, 1), (values, edges, places), (count,))
    heavy = None if weights is None else _weights(session, "histogram", weights, given)
    return _tallied(session, places, heavy, count + 1, count), edges


def _edges(session: Session, a: MetalBuffer, bins: Any, span: Any) -> MetalBuffer:
    if isinstance(bins, MetalBuffer | np.ndarray | Sequence):
        array = host_elements(bins) if isinstance(bins, MetalBuffer) else np.asarray(bins)
        edges = array.astype(np.float32)
        if edges.ndim != 1 or edges.size < 2 or not (np.diff(edges) >= 0).all():
            raise ShapeError(
                "ops.histogram: the edges are no ascending line", hint="give 2 edges or more"
            )
        return as_buffer(session, "histogram", edges)
    count = whole_number("histogram", "bins", bins, 1)
    if span is None:
        low, high = 0.0, 1.0
        if a.size:
            ends = reduce_min(a), reduce_max(a)
            session.graph.start_before(ends, ())  # in one pass
            low, high = (float(host_elements(end)) for end in ends)
    else:
        low, high = map(float, span)
    if not (math.isfinite(low) and math.isfinite(high) and low <= high):
        raise ShapeError(
            f"ops.histogram: no bins from {low} to {high}", hint="give a finite range=(low, high)"
        )
    if low == high:
        low, high = low - 0.5, high + 0.5
    return linspace(low, high, count + 1).to(session.device_name)


def _tallied(
    session: Session, places: MetalBuffer, weights: MetalBuffer | None, rows: int, bins: int
) -> MetalBuffer:
    """The counts of the first ``bins`` of ``rows`` numbers; blocks depend on the sizes alone, so sums of floats do too."""
    weighted = weights is not None
    out = session.empty((bins,), DType.FLOAT32 if weighted else DType.INT64)
    if bins == 0:
        return out
    block = max(_TALLY, rows)
    blocks = max(-(-places.size // block), 1)
    held = DType.FLOAT32 if weighted else DType.UINT32
    counts = session.empty((blocks, rows), held)
    heavy = session.empty((1,), DType.FLOAT32) if weights is None else weights
    arrays = (places, heavy, counts)
    launch(session, tally_program(weighted), (blocks, 1, 1), arrays, (places.size, block, rows))
    launch(session, totals_program(weighted), (bins, 1, 1), (counts, out), (blocks, rows))
    return out


def _weights(session: Session, name: str, weights: Any, beside: MetalBuffer) -> MetalBuffer:
    buffer = as_buffer(session, name, weights)
    if buffer.shape != beside.shape:
        raise ShapeError(f"ops.{name}: weights of shape {buffer.shape} for {beside.shape}")
    return _as(session, buffer, DType.FLOAT32)


def _as(session: Session, buffer: MetalBuffer, dtype: DType) -> MetalBuffer:
    if buffer.dtype is dtype:
        return buffer
    return session.graph.elementwise("cast", (buffer,), session.empty(buffer.shape, dtype))


def _nonzero_places(session: Session, name: str, a: MetalBuffer) -> MetalBuffer:
    """The places in C order of the elements that are not zero."""
    n = checked_size(name, (a.size,))[0]
    if n == 0:
        return session.empty((0,), DType.INT64)
    blocks = -(-n // BLOCK)
    counts = session.empty((blocks,), DType.UINT32)
    launch(session, count_nonzero_program(a.dtype), (blocks, 1, 1), (a, counts), (n,))
    ends = cumsum(counts)
    out = session.empty((int(host_elements(ends)[-1]),), DType.INT64)
    if out.size:
        launch(session, find_nonzero_program(a.dtype), (blocks, 1, 1), (a, ends, out), (n,))
    return out
