"""An array and an index that holds arrays in, the chosen elements out."""

from __future__ import annotations

from typing import Any

import numpy as np

from metal_runtime.buffer import MetalBuffer
from metal_runtime.ops.gather import gather
from metal_runtime.ops.operands import host_elements, upload
from metal_runtime.runtime.sessions import session_of


def index(x: MetalBuffer, chosen: Any) -> MetalBuffer:
    """``x[chosen]`` where the index holds arrays of integers or of bool, as in NumPy; a copy.

    One array of integers for the first axis is gathered on the device. Other indices are followed by
    the host, which sees the device's memory: their results have shapes that only the elements tell.

    Raises:
        ShapeError: an index is out of range.
    """
    host = host_elements(chosen) if isinstance(chosen, MetalBuffer) else chosen
    if isinstance(host, np.ndarray | list) and np.asarray(host).dtype.kind in "iu":
        return gather(x, np.asarray(host))
    if isinstance(host, tuple):
        host = tuple(host_elements(p) if isinstance(p, MetalBuffer) else p for p in host)
    return upload(session_of((x,)), np.ascontiguousarray(host_elements(x)[host]))
