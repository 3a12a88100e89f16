"""Numbers in, arrays that a device makes of the positions of their elements out.

``arange`` and ``linspace`` of floats are ``start + i * step``, with start and step to some 48 bits: what comes
out is within 2 units in the last place of the greater of abs(start) and abs(stop), whatever the length.
"""

from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np

from metal_runtime.buffer import MetalBuffer
from metal_runtime.dtype import DType
from metal_runtime.errors import DTypeError, ShapeError
from metal_runtime.ops.axes import checked_size, whole_number
from metal_runtime.ops.compiled import launch
from metal_runtime.ops.operands import as_buffer
from metal_runtime.ops.programs.creation import (
    diagonal_program,
    float_steps_program,
    steps_program,
    triangle_program,
)
from metal_runtime.ops.promotion import Weak, dtype_name, weak_type
from metal_runtime.ops.scalars import read_scalar
from metal_runtime.runtime.sessions import get_session, session_of

Number = int | float


def arange(
    start: Number, stop: Number | None = None, step: Number = 1, dtype: Any = None
) -> MetalBuffer:
    """``np.arange``: the numbers from ``start`` on (0 where only ``stop`` is given), before ``stop``.

    Of integers int32, or int64 where they need it; else float32.

    Raises:
        ShapeError: the step is 0, a number is no number, or there are too many elements.
        DTypeError: Metal has no such dtype.
    """
    first, last = (0, start) if stop is None else (start, stop)
    first, last, by = (_number("arange", v) for v in (first, last, step))
    if by == 0 or not all(map(math.isfinite, (first, last, by))):
        raise ShapeError(
            f"ops.arange: no array from {first} to {last} in steps of {by}",
            hint="give finite numbers and a step other than 0",
        )
    exact = all(isinstance(v, int) for v in (first, last, by))
    n = math.ceil((last - first) / by) if not exact else -(int(first - last) // int(by))
    end = first + (n - 1) * by
    if dtype is not None:
        target = DType.from_numpy(dtype)
    else:
        target = _holding(int(first), int(end)) if exact else DType.FLOAT32
    session = get_session()
    out = session.empty(checked_size("arange", (max(n, 0),)), target)
    if out.size == 0:
        return out
    if exact and not target.is_float:
        numbers = [struct.pack("=q", _wrapped(int(v))) for v in (first, by)]
        launch(session, steps_program(target), (n, 1, 1), (out,), numbers)
    else:
        _split("arange", end)
        _fill_steps(out, "arange", first, by)
    return out


def linspace(
    start: Number, stop: Number, num: int = 50, endpoint: bool = True, dtype: Any = "float32"
) -> MetalBuffer:
    """``np.linspace``: ``num`` numbers at equal distances from ``start`` to ``stop``, which is the last or left out.

    Raises:
        ShapeError: ``num`` is negative or no integer, or a number is no number.
        DTypeError: the dtype is no float.
    """
    first, last = _number("linspace", start), _number("linspace", stop)
    n = whole_number("linspace", "num", num, 0)
    target = DType.from_numpy(dtype)
    if not target.is_float:
        raise DTypeError(
            f"ops.linspace makes floats, not {dtype_name(target)}", hint="ops.cast the result"
        )
    session = get_session()
    out = session.empty(checked_size("linspace", (n,)), target)
    if n:
        parts = max(n - 1 if endpoint else n, 1)
        _fill_steps(out, "linspace", first, (last - first) / parts, last if endpoint else None)
    return out


def eye(n: int, m: int | None = None, k: int = 0, dtype: Any = "float32") -> MetalBuffer:
    """``np.eye``: ``n`` rows and ``m`` columns (``n`` without it) of zeros, with ones on the k-th diagonal."""
    return _diagonal("eye", n, m, k, dtype, False)


def tri(n: int, m: int | None = None, k: int = 0, dtype: Any = "float32") -> MetalBuffer:
    """``np.tri``: ``n`` rows and ``m`` columns with ones at and below the k-th diagonal, zeros above it."""
    return _diagonal("tri", n, m, k, dtype, True)


def tril(a: MetalBuffer | np.ndarray[Any, Any], k: int = 0) -> MetalBuffer:
    """``np.tril``: the last two axes of ``a`` with zeros above the k-th diagonal."""
    return _triangle("tril", a, k, True)


def triu(a: MetalBuffer | np.ndarray[Any, Any], k: int = 0) -> MetalBuffer:
    """``np.triu``: the last two axes of ``a`` with zeros below the k-th diagonal."""
    return _triangle("triu", a, k, False)


def _number(name: str, value: Any) -> Number:
    found = read_scalar(value)
    if found is None:
        raise ShapeError(f"ops.{name}: {value!r} is no number", hint="give an integer or a float")
    number = found[1]
    return int(number) if isinstance(number, bool) else number


def _holding(first: int, end: int) -> DType:
    """The integer dtype of a range, as a Python int's own."""
    kinds = {weak_type(first), weak_type(end)}
    return next(k.alone for k in (Weak.ULONG, Weak.LONG, Weak.INT) if k in kinds)


def _wrapped(value: int) -> int:
    """In 64 bits with a sign; the kernel keeps the low bits of its dtype."""
    return (value + (1 << 63)) % (1 << 64) - (1 << 63)


def _fill_steps(
    out: MetalBuffer, name: str, start: Number, step: float, last: Number | None = None
) -> None:
    """Fills ``out`` with ``start + i * step``; the last element is ``last``, where it is given and not the first."""
    dtype = out.dtype if out.dtype.is_float else DType.FLOAT32
    values = out if out.dtype.is_float else session_of((out,)).empty(out.shape, dtype)
    end = out.size - 1 if last is not None and out.size > 1 else 0xFFFF_FFFF
    parts = [*_split(name, start), *_split(name, step)]
    numbers: list[int | bytes] = [struct.pack("=f", v) for v in parts]
    numbers += [end, struct.pack("=f", 0 if last is None else _split(name, last)[0])]
    session = session_of((out,))
    launch(session, float_steps_program(dtype), (out.size, 1, 1), (values,), numbers)
    if values is not out:
        session.graph.elementwise("cast", (values,), out)


def _split(name: str, value: Number) -> tuple[float, float]:
    """A number as a float32 and what that lacks. Raises DTypeError."""
    with np.errstate(over="ignore"):
        high = float(np.float32(value))
    if math.isinf(high) and math.isfinite(value):
        raise DTypeError(f"ops.{name}: {value} does not fit into float32")
    return high, float(value - high) if math.isfinite(high) else 0.0


def _diagonal(name: str, n: Any, m: Any, k: Any, dtype: Any, below: bool) -> MetalBuffer:
    rows = whole_number(name, "n", n, 0)
    columns = rows if m is None else whole_number(name, "m", m, 0)
    session = get_session()
    out = session.empty(checked_size(name, (rows, columns)), DType.from_numpy(dtype))
    if out.size:
        program = diagonal_program(out.dtype, below)
        launch(session, program, (columns, rows, 1), (out,), (columns, _diagonal_number(name, k)))
    return out


def _diagonal_number(name: str, k: Any) -> bytes:
    # Beyond 33 bits every k means the same: no row or column is as long.
    return struct.pack("=q", min(max(whole_number(name, "k", k), -(2**33)), 2**33))


def _triangle(name: str, a: Any, k: Any, below: bool) -> MetalBuffer:
    session = session_of((a,))
    buffer = as_buffer(session, name, a)
    shape = buffer.shape
    if len(shape) < 2:
        raise ShapeError(
            f"ops.{name}: shape {shape} has no rows and columns", hint="give 2 axes or more"
        )
    out = session.empty(checked_size(name, shape), buffer.dtype)
    if out.size:
        rows, columns = shape[-2:]
        grid = (columns, rows, out.size // (rows * columns))
        numbers = (columns, rows, _diagonal_number(name, k))
        launch(session, triangle_program(buffer.dtype, below), grid, (buffer, out), numbers)
    return out
