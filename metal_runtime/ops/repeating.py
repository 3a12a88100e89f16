"""An array in, an array of the same elements, repeated or moved along its axes, out: ``tile``, ``repeat``, ``roll``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from metal_runtime.buffer import MetalBuffer
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
from metal_runtime.ops.layout import Shape
from metal_runtime.ops.operands import as_buffer
from metal_runtime.ops.programs.copying import repeat_program, rows_program
from metal_runtime.runtime.session import Session
from metal_runtime.runtime.sessions import session_of

Array = MetalBuffer | np.ndarray[Any, Any]


def tile(a: Array, reps: int | Sequence[int]) -> MetalBuffer:
    """``np.tile``: ``a`` repeated ``reps[k]`` times along axis k; axes that one of the two lacks are put before.

    Raises:
        ShapeError: a number is negative or no integer, or there are too many elements.
    """
    session = session_of((a,))
    buffer = as_buffer(session, "tile", a)
    given = reps if isinstance(reps, Sequence | np.ndarray) else (reps,)
    times = [whole_number("tile", "a number of repetitions", r, 0) for r in given]
    rank = max(len(times), buffer.ndim)
    times = [1] * (rank - len(times)) + times
    shape = (1,) * (rank - buffer.ndim) + buffer.shape
    checked_size("tile", tuple(n * r for n, r in zip(shape, times, strict=True)))
    result = buffer if rank else _copied(session, buffer, Lines(1, 1, 1), ())
    # From the last axis on: what is repeated is then as large as it can be.
    for axis in reversed(range(rank)):
        if times[axis] != 1 or axis == 0:
            view = Lines(math.prod(shape[:axis]), 1, math.prod(shape[axis:]))
            shape = replaced(shape, axis, shape[axis] * times[axis])
            result = _repeated(session, "tile", result, view, times[axis], shape)
    return result


def repeat(a: Array, repeats: int, axis: int | None = None) -> MetalBuffer:
    """``np.repeat`` with one number: each element ``repeats`` times, along an axis or (None) of all in C order.

    Raises:
        ShapeError: the number is negative or no integer, there is no such axis, or there are too many elements.
    """
    session = session_of((a,))
    buffer = as_buffer(session, "repeat", a)
    times = whole_number("repeat", "repeats", repeats, 0)
    shape = (buffer.size,) if axis is None else buffer.shape
    along = 0 if axis is None else checked_axis("repeat", shape, axis)
    view = lines_of(shape, along)
    out = checked_size("repeat", replaced(shape, along, shape[along] * times))
    return _repeated(session, "repeat", buffer, view, times, out)


def roll(
    a: Array, shift: int | Sequence[int], axis: int | Sequence[int] | None = None
) -> MetalBuffer:
    """``np.roll``: elements moved on by ``shift`` places along each axis; what leaves at the end comes in again.

    Without an axis the elements move in C order.

    Raises:
        ShapeError: there is no such axis, or there are not as many shifts as axes.
    """
    session = session_of((a,))
    buffer = as_buffer(session, "roll", a)
    shape = (buffer.size,) if axis is None else buffer.shape
    shifts = shift if isinstance(shift, Sequence) else (shift,)
    axes = axis if isinstance(axis, Sequence) else (0 if axis is None else axis,)
    if 1 not in (len(shifts), len(axes)) and len(shifts) != len(axes):
        raise ShapeError(
            f"ops.roll: {len(shifts)} shifts for {len(axes)} axes", hint="give one for each axis"
        )
    total = [0] * len(shape)
    for k in range(max(len(shifts), len(axes))):
        along = checked_axis("roll", shape, axes[k % len(axes)])
        total[along] += whole_number("roll", "a shift", shifts[k % len(shifts)])
    result = buffer if shape else _copied(session, buffer, Lines(1, 1, 1), ())
    for along, moved in enumerate(total):
        view = lines_of(shape, along)
        places = moved % max(view.n, 1)
        if places or along == 0:
            result = _copied(session, result, view, buffer.shape, places)
    return result


def _repeated(
    session: Session, name: str, a: MetalBuffer, view: Lines, times: int, shape: Shape
) -> MetalBuffer:
    """Each element of the lines ``times`` times."""
    out = session.empty(checked_size(name, shape), a.dtype)
    if out.size:
        program = repeat_program(a.dtype, view.inner == 1)
        numbers = (view.n, times, view.inner)
        launch(session, program, view.grid(view.n * times), (a, out), numbers)
    return out


def _copied(
    session: Session, a: MetalBuffer, view: Lines, shape: Shape, places: int = 0
) -> MetalBuffer:
    """A new array of the same lines, each moved on by so many places."""
    out = session.empty(checked_size("roll", shape), a.dtype)
    row, moved = view.n * view.inner, places * view.inner
    for begin, start, length in ((0, moved, row - moved), (row - moved, 0, moved)):
        if length and view.outer:
            grid = (length, view.outer, 1)
            program = rows_program(a.dtype, a.dtype)
            launch(session, program, grid, (a, out), (row, row, begin, start))
    return out
