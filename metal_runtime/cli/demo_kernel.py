# mypy: disable-error-code="no-untyped-def"
"""The kernel of `iris demo` and the same in NumPy: a window of the complex plane enters, turns leave."""

from __future__ import annotations

from typing import Any

import numpy as np

from metal_runtime.decorator import kernel, metal

LIMIT = 200


@kernel(
    param_types={
        "turns": "device int*",
        "width": "uint",
        "height": "uint",
        "left": "float",
        "top": "float",
        "step": "float",
    }
)
def mandelbrot(turns, width, height, left, top, step):
    x = metal.thread_id_x()
    y = metal.thread_id_y()
    if x >= width or y >= height:
        return
    re = left + x * step
    im = top - y * step
    zr = zi = 0.0
    n = 0
    while n < LIMIT and zr * zr + zi * zi <= 4.0:
        zr, zi = zr * zr - zi * zi + re, 2.0 * zr * zi + im
        n += 1
    turns[y * width + x] = n


def numpy_mandelbrot(
    width: int, height: int, left: float, top: float, step: float
) -> np.ndarray[Any, np.dtype[np.int32]]:
    """The same in NumPy, float32 too; points that have left are not computed further.

    Returns:
        Turns until |z| > 2, at most LIMIT; int32 of shape (height, width).
    """
    x, y = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
    step32 = np.float32(step)
    re = np.tile(np.float32(left) + x * step32, height)
    im = np.repeat(np.float32(top) - y * step32, width)
    turns = np.full(width * height, LIMIT, np.int32)
    point = np.arange(width * height)
    zr, zi = np.zeros_like(re), np.zeros_like(im)
    for turn in range(LIMIT):
        inside = zr * zr + zi * zi <= 4
        if not inside.all():
            turns[point[~inside]] = turn
            re, im, zr, zi, point = (v[inside] for v in (re, im, zr, zi, point))
        zr, zi = zr * zr - zi * zi + re, 2 * zr * zi + im
    return turns.reshape(height, width)
