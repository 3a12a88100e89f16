"""Where a thread of a grid made by ``Lines.grid`` stands, and short names for the types of kernels' parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from metal_runtime import language as metal
from metal_runtime.dtype import DType
from metal_runtime.msl_types import Pointer
from metal_runtime.ops.kernels import pointer

UINT = DType.UINT32
ULONG = DType.UINT64
LONG = DType.INT64


def read(dtype: DType) -> Pointer:
    """Memory that a kernel reads."""
    return pointer(dtype, const=True)


def written(dtype: DType) -> Pointer:
    """Memory that a kernel writes, and may read."""
    return pointer(dtype)


def metal_type(dtype: DType) -> Any:
    """The type of the ``metal`` namespace: called in a kernel, it converts."""
    return getattr(metal, dtype.metal_name)


def place_reader(along_memory: bool) -> Callable[..., Any]:
    """``place()`` of a kernel: (the place along the line, the outer index, the inner one) of its thread."""

    def along():
        x, y, _ = metal.thread_id_3d()
        return metal.uint3(x, y, 0)

    def across():
        x, y, z = metal.thread_id_3d()
        return metal.uint3(y, z, x)

    return along if along_memory else across
