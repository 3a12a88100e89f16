"""An array in, its running sums or products along an axis out: ``cumsum`` and ``cumprod``; and ``diff``.

A line is cut into blocks of 1024 neighbours (256, if they do not lie side by side), which are scanned by threads of
their own, each from the sum of those before it, which is found in the same way. So the error of a float32 sum is
at most ``264 * passes * 2**-24 * sum(abs(a))`` up to its place, with 1 pass up to one block, 2 up to a million elements
(65,536), 3 beyond. float16 and bfloat16 are summed in float32 and rounded once; integers and bool in 64 bits, as in
NumPy. Products of floats are NumPy's own: one after the other, each line in one thread, for the product of a block may
overflow where the running one does not.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from metal_runtime.buffer import MetalBuffer
from metal_runtime.dtype import DType
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
from metal_runtime.ops.programs.scanning import (
    COLUMNS,
    CUMPROD,
    CUMSUM,
    Scan,
    column_program,
    column_totals_program,
    differences_program,
    line_program,
    line_totals_program,
)
from metal_runtime.runtime.session import Session
from metal_runtime.runtime.sessions import session_of

Array = MetalBuffer | np.ndarray[Any, Any]

BLOCK = 1024
"""Neighbours that one thread scans."""

ROWS = 256
"""Elements of a line that one thread scans, where others lie between them."""


def cumsum(a: Array, axis: int | None = None) -> MetalBuffer:
    """``np.cumsum``: sums of the elements up to each, along an axis or (None) of all in C order.

    Integers and bool give int64 or uint64. Raises ShapeError: there is no such axis.
    """
    return _scanned(CUMSUM, a, axis)


def cumprod(a: Array, axis: int | None = None) -> MetalBuffer:
    """``np.cumprod``: products of the elements up to each, along an axis or (None) of all in C order.

    Integers and bool give int64 or uint64. Raises ShapeError: there is no such axis.
    """
    return _scanned(CUMPROD, a, axis)


def diff(a: Array, n: int = 1, axis: int = -1) -> MetalBuffer:
    """``np.diff``: differences of neighbours along an axis, ``n`` times; of bool, whether they differ.

    Raises:
        ShapeError: there is no such axis, or ``n`` is negative.
    """
    session = session_of((a,))
    result = as_buffer(session, "diff", a)
    checked_size("diff", result.shape)
    along = checked_axis("diff", result.shape, axis)
    for _ in range(min(whole_number("diff", "n", n, 0), result.shape[along])):
        view = lines_of(result.shape, along)
        out = session.empty(replaced(result.shape, along, view.n - 1), result.dtype)
        if out.size:
            row = (view.n - 1) * view.inner
            grid = (row, view.outer, 1)
            launch(session, differences_program(out.dtype), grid, (result, out), (row, view.inner))
        result = out
    return result


def held_dtype(dtype: DType) -> DType:
    """What sums of the dtype are held in: float32, or 64 bits."""
    if dtype.is_float:
        return DType.FLOAT32
    return DType.INT64 if dtype.is_signed or dtype is DType.BOOL else DType.UINT64


def _scanned(scan: Scan, a: Any, axis: int | None) -> MetalBuffer:
    session = session_of((a,))
    buffer = as_buffer(session, scan.name, a)
    shape = (buffer.size,) if axis is None else buffer.shape
    along = checked_axis(scan.name, checked_size(scan.name, shape), 0 if axis is None else axis)
    held = held_dtype(buffer.dtype)
    out = session.empty(shape, buffer.dtype if buffer.dtype.is_float else held)
    if out.size:
        _scan_lines(session, scan, buffer, lines_of(shape, along), held, out)
    return out


def _scan_lines(
    session: Session, scan: Scan, source: MetalBuffer, view: Lines, held: DType, out: MetalBuffer
) -> None:
    block = BLOCK if view.inner == 1 else ROWS
    if not scan.blocks_differ(held):
        block = view.n
    blocks = -(-view.n // block)
    before = source if blocks == 1 else _sums_before(session, scan, source, view, held, block)
    if before is source and source.dtype is not held:
        before = session.empty((1,), held)  # never read: no block stands before the first
    if view.inner == 1:
        program = line_program(scan, source.dtype, held, out.dtype)
        numbers: tuple[int, ...] = (view.n, blocks, block)
    else:
        program = column_program(scan, source.dtype, held, out.dtype)
        numbers = (view.n, view.inner, blocks, block)
    launch(session, program, _grid(view, blocks), (source, before, out), numbers)


def _sums_before(
    session: Session, scan: Scan, source: MetalBuffer, view: Lines, held: DType, block: int
) -> MetalBuffer:
    """The sum, for each block, of all up to its end; of shape (outer, blocks, inner)."""
    blocks = -(-view.n // block)
    shape = (view.outer, blocks, view.inner)
    totals, sums = session.empty(shape, held), session.empty(shape, held)
    if view.inner == 1:
        program = line_totals_program(scan, source.dtype, held)
        numbers: tuple[int, ...] = (view.n, blocks, block)
    else:
        program = column_totals_program(scan, source.dtype, held)
        numbers = (view.n, view.inner, blocks, block)
    launch(session, program, _grid(view, blocks), (source, totals), numbers)
    _scan_lines(session, scan, totals, Lines(view.outer, blocks, view.inner), held, sums)
    return sums


def _grid(view: Lines, blocks: int) -> tuple[int, int, int]:
    if view.inner == 1:
        return blocks, view.outer, 1
    return -(-view.inner // COLUMNS), blocks, view.outer
