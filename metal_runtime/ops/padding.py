"""An array in, the array with elements added at the ends of its axes out: ``pad``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from metal_runtime.buffer import MetalBuffer
from metal_runtime.device.launch_config import MAX_GRID
from metal_runtime.errors import ShapeError
from metal_runtime.ops.axes import checked_size, lines_of, replaced, whole_number
from metal_runtime.ops.compiled import launch
from metal_runtime.ops.layout import Shape
from metal_runtime.ops.operands import as_buffer
from metal_runtime.ops.programs.copying import border_program, rows_program
from metal_runtime.ops.scalars import Scalar, pack_scalar
from metal_runtime.runtime.session import Session
from metal_runtime.runtime.sessions import session_of

Widths = int | tuple[int, int] | Sequence[Sequence[int]]
"""As in NumPy: one number for all ends, (before, after) for all axes, or that for each axis."""

MODES = ("constant", "edge", "reflect", "symmetric", "wrap")


def pad(
    a: MetalBuffer | np.ndarray[Any, Any],
    pad_width: Widths,
    mode: str = "constant",
    constant_values: Scalar = 0,
) -> MetalBuffer:
    """``np.pad``: ``a`` with elements before and after it along each axis.

    Modes: ``constant`` (``constant_values``, one number), ``edge``, ``reflect`` (about the end elements),
    ``symmetric`` (about the ends themselves), ``wrap``.

    Raises:
        ShapeError: widths do not fit the axes or are negative, there is no such mode, or an axis without
            elements is to be continued.
        DTypeError: the dtype of ``a`` does not hold the constant.
    """
    session = session_of((a,))
    buffer = as_buffer(session, "pad", a)
    if mode not in MODES:
        raise ShapeError(
            f"ops.pad: there is no mode {mode!r}", hint=f"modes are {', '.join(MODES)}"
        )
    widths = _widths(buffer.shape, pad_width)
    checked_size("pad", tuple(n + b + c for n, (b, c) in zip(buffer.shape, widths, strict=True)))
    value = pack_scalar("pad", constant_values, buffer.dtype)
    result = buffer
    for axis, (before, after) in enumerate(widths):
        if before or after:
            result = _padded(session, result, axis, before, after, mode, value)
    return result if result is not buffer else _copy(session, buffer)


def _widths(shape: Shape, given: Any) -> list[tuple[int, int]]:
    """(before, after) for each axis."""
    try:
        pairs = np.broadcast_to(np.asarray(given), (len(shape), 2))
    except ValueError:
        raise ShapeError(
            f"ops.pad: pad_width={given!r} does not fit the {len(shape)} axes of shape {shape}",
            hint="give one number, (before, after), or ((before, after), ...) for each axis",
        ) from None
    return [
        (whole_number("pad", "pad_width", b, 0), whole_number("pad", "pad_width", c, 0))
        for b, c in pairs
    ]


def _padded(
    session: Session,
    a: MetalBuffer,
    axis: int,
    before: int,
    after: int,
    mode: str,
    value: bytes,
) -> MetalBuffer:
    view = lines_of(a.shape, axis)
    count = before + view.n + after
    out = session.empty(replaced(a.shape, axis, count), a.dtype)
    if view.n == 0 and mode != "constant":
        raise ShapeError(
            f"ops.pad: axis {axis} of shape {a.shape} has no elements that mode {mode!r} could continue",
            hint="use mode='constant'",
        )
    if out.size == 0:
        return out
    if view.n:
        row = view.n * view.inner
        numbers = (row, count * view.inner, 0, before * view.inner)
        launch(session, rows_program(a.dtype, a.dtype), (row, view.outer, 1), (a, out), numbers)
    p, q = _turns(mode, view.n, before)
    if mode == "reflect" and view.n == 1:
        mode = "edge"  # there is nothing beyond the end element to show
    program = border_program(a.dtype, mode, view.inner == 1)
    grid = view.grid(before + after)
    launch(session, program, grid, (a, out), (view.n, count, view.inner, before, p, q, value))
    return out


def _turns(mode: str, n: int, before: int) -> tuple[int, int]:
    """The place at which the first turn begins, and the length of a turn; for "edge" what was added before."""
    period = {"wrap": n, "symmetric": 2 * n, "reflect": 2 * n - 2}.get(mode, 0)
    if period > MAX_GRID:
        raise ShapeError(f"ops.pad: mode {mode!r} takes at most {MAX_GRID // 2:,} elements an axis")
    return (-before % period, period) if period else (before, 0)


def _copy(session: Session, a: MetalBuffer) -> MetalBuffer:
    return session.graph.copy(a)
