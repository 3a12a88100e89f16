"""An array in, its elements in order along an axis, or their places, out: ``sort``, ``argsort``, ``topk``.

Every order is stable and has NaN last, as NumPy's. ``argsort`` and ``topk`` take -0.0 and 0.0 for equal; ``sort`` puts
-0.0 before 0.0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from metal_runtime.buffer import MetalBuffer
from metal_runtime.dtype import DType
from metal_runtime.errors import ShapeError
from metal_runtime.ops.axes import (
    Lines,
    checked_axis,
    checked_size,
    lines_of,
    replaced,
    whole_number,
)
from metal_runtime.ops.compiled import launch
from metal_runtime.ops.operands import as_buffer
from metal_runtime.ops.programs.sorting import (
    DIGITS,
    count_program,
    decode_program,
    encode_program,
    insertion_program,
    key_dtype,
    move_program,
    offsets_program,
    positions_program,
)
from metal_runtime.ops.taking import take_along_axis
from metal_runtime.runtime.session import Session
from metal_runtime.runtime.sessions import session_of

Array = MetalBuffer | np.ndarray[Any, Any]

BLOCK = 1 << 14
"""Keys that one thread moves in a pass."""

SHORT = 32
"""Lines of at most so many elements are sorted by insertion."""


def sort(a: Array, axis: int | None = -1) -> MetalBuffer:
    """``np.sort``: a copy in ascending order along an axis, or (None) of all elements. Raises ShapeError: no such axis."""
    session, buffer, view, _ = _lines("sort", a, axis)
    out = session.empty((buffer.size,) if axis is None else buffer.shape, buffer.dtype)
    if out.size:
        keys, _ = sorted_keys(session, buffer, view, positions=False)
        program = decode_program(buffer.dtype, view.inner == 1)
        launch(session, program, view.grid(view.n), (keys, out), (view.n, view.inner))
    return out


def argsort(a: Array, axis: int | None = -1, descending: bool = False) -> MetalBuffer:
    """``np.argsort(kind="stable")``: the places, as int64, of the elements in their order along an axis.

    ``descending``: from the greatest on, NaN first; equal ones stay in their order. Raises ShapeError: no such axis.
    """
    session, buffer, view, _ = _lines("argsort", a, axis)
    shape = (buffer.size,) if axis is None else buffer.shape
    out = session.empty(shape, DType.INT64)
    if out.size:
        _, positions = sorted_keys(session, buffer, view, descending=descending)
        _first(session, positions, view, view.n, out)
    return out


def topk(a: Array, k: int, axis: int = -1, largest: bool = True) -> tuple[MetalBuffer, MetalBuffer]:
    """The ``k`` greatest elements along an axis in descending order (or the least, ascending), and their places.

    Of equal elements the first come first; NaN counts as the greatest.

    Raises:
        ShapeError: there is no such axis, or it has fewer than ``k`` elements.
    """
    session, buffer, view, along = _lines("topk", a, axis)
    count = whole_number("topk", "k", k, 0)
    if count > view.n:
        raise ShapeError(f"ops.topk: k is {count}, but axis {along} has {view.n} elements")
    out = session.empty(replaced(buffer.shape, along, count), DType.INT64)
    if out.size:
        _, positions = sorted_keys(session, buffer, view, descending=largest)
        _first(session, positions, view, count, out)
    return take_along_axis(buffer, out, along), out


def _lines(name: str, a: Any, axis: Any) -> tuple[Session, MetalBuffer, Lines, int]:
    session = session_of((a,))
    buffer = as_buffer(session, name, a)
    shape = (buffer.size,) if axis is None else buffer.shape
    along = checked_axis(name, checked_size(name, shape), 0 if axis is None else axis)
    return session, buffer, lines_of(shape, along), along


def sorted_keys(
    session: Session,
    a: MetalBuffer,
    view: Lines,
    *,
    positions: bool = True,
    descending: bool = False,
) -> tuple[MetalBuffer, MetalBuffer]:
    """The keys of each line in order, and their positions, which are undefined unless asked for."""
    key = key_dtype(a.dtype)
    keys = session.empty((a.size,), key)
    places = session.empty((a.size if positions else 1,), DType.UINT32)
    program = encode_program(a.dtype, descending, positions, view.inner == 1)
    launch(session, program, view.grid(view.n), (a, keys), (view.n, view.inner))
    if view.n <= SHORT:
        program = insertion_program(key, positions)
        launch(session, program, (view.count, 1, 1), (keys, places), (view.n,))
        return keys, places
    blocks = -(-view.n // BLOCK)
    counts = session.empty((view.count * DIGITS * blocks,), DType.UINT32)
    checked_size("sort", counts.shape)
    other_keys = session.empty(keys.shape, key)
    other_places = session.empty(places.shape, DType.UINT32)
    grid = (blocks, view.count, 1)
    bits = 1 if a.dtype is DType.BOOL else a.dtype.bits
    for shift in range(0, bits, 8):
        numbers = (view.n, blocks, BLOCK, shift)
        launch(session, count_program(key), grid, (keys, counts), numbers)
        launch(session, offsets_program(), (view.count, 1, 1), (counts,), (blocks,))
        arrays = (keys, places, counts, other_keys, other_places)
        launch(session, move_program(key, positions), grid, arrays, (*numbers, int(shift == 0)))
        keys, other_keys = other_keys, keys
        places, other_places = other_places, places
    return keys, places


def _first(
    session: Session, positions: MetalBuffer, view: Lines, count: int, out: MetalBuffer
) -> None:
    """The first ``count`` positions of each line, where the line lies in an array."""
    program = positions_program(view.inner == 1)
    numbers = (view.n, count, view.inner)
    launch(session, program, view.grid(count), (positions, out), numbers)
