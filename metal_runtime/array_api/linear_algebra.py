"""The standard's products of arrays."""

from __future__ import annotations

from collections.abc import Sequence

from metal_runtime import ops
from metal_runtime.array_api.manipulation import matrix_transpose
from metal_runtime.buffer import MetalBuffer

__all__ = ["matmul", "matrix_transpose", "tensordot", "vecdot"]


def matmul(x1: MetalBuffer, x2: MetalBuffer, /) -> MetalBuffer:
    """The product of matrices, of vectors with one axis, or of stacks of matrices."""
    return ops.matmul(x1, x2)


def tensordot(
    x1: MetalBuffer,
    x2: MetalBuffer,
    /,
    *,
    axes: int | tuple[Sequence[int], Sequence[int]] = 2,
) -> MetalBuffer:
    """Products summed over pairs of axes: so many last and first ones, or those named."""
    return ops.tensordot(x1, x2, axes)


def vecdot(x1: MetalBuffer, x2: MetalBuffer, /, *, axis: int = -1) -> MetalBuffer:
    """The dot products of the vectors along an axis."""
    return ops.vecdot(x1, x2, axis)
