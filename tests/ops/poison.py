"""Memory that new buffers get, filled with what no operator gives by chance: what is not written shows."""

from __future__ import annotations

from typing import Any

import numpy as np

from metal_runtime import api
from metal_runtime.buffer import MetalBuffer
from metal_runtime.dtype import DType

PAGE = 4096


def poison(pages: tuple[int, ...] = (1, 1, 1, 1, 2, 4, 16)) -> None:
    """Fills blocks of so many pages and gives them back to the pool, from which the next buffers come."""
    buffers = [api.empty((PAGE * n,), "uchar") for n in pages]
    for buffer in buffers:
        buffer.numpy()[...] = 0xA7
    for buffer in buffers:
        buffer.close()


def same(actual: MetalBuffer, expected: Any) -> None:
    """Equal shape, dtype and elements; a NaN is equal to a NaN."""
    made = actual.to_numpy()
    assert made.dtype == expected.dtype
    if actual.dtype is DType.BFLOAT16:  # NumPy does not know its NaN
        made, expected = made.astype(np.float32), expected.astype(np.float32)
    np.testing.assert_array_equal(made, expected, strict=True)
