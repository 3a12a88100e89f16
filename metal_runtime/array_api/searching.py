"""The standard's functions that choose, order and compare: arrays in, elements of them and their places out."""

from __future__ import annotations

from typing import Literal

from metal_runtime import ops
from metal_runtime.array_api.elementwise import Operand
from metal_runtime.buffer import MetalBuffer


def where(condition: MetalBuffer, x1: Operand, x2: Operand, /) -> MetalBuffer:
    """``x1`` where the condition is true, else ``x2``."""
    return ops.where(condition, x1, x2)


def nonzero(x: MetalBuffer, /) -> tuple[MetalBuffer, ...]:
    """For each axis the coordinates of the elements that are not zero, in C order."""
    return ops.nonzero(x)


def searchsorted(
    x1: MetalBuffer,
    x2: MetalBuffer,
    /,
    *,
    side: Literal["left", "right"] = "left",
    sorter: MetalBuffer | None = None,
) -> MetalBuffer:
    """The places (int64) in the line ``x1``, ordered or to be ordered by ``sorter``, where ``x2`` would be put in."""
    return ops.searchsorted(x1 if sorter is None else ops.take(x1, sorter), x2, side)


def take(x: MetalBuffer, indices: MetalBuffer, /, *, axis: int | None = None) -> MetalBuffer:
    """Elements along an axis, which may be missing where there is one only."""
    return ops.take(x, indices, 0 if axis is None and x.ndim == 1 else axis)


def take_along_axis(x: MetalBuffer, indices: MetalBuffer, /, *, axis: int = -1) -> MetalBuffer:
    """Of each line along an axis the elements that its own line of indices names."""
    return ops.take_along_axis(x, indices, axis)


def sort(
    x: MetalBuffer, /, *, axis: int = -1, descending: bool = False, stable: bool = True
) -> MetalBuffer:
    """The elements in order along an axis; every sort is stable."""
    ordered = ops.sort(x, axis)
    return ordered.flip(axis) if descending else ordered


def argsort(
    x: MetalBuffer, /, *, axis: int = -1, descending: bool = False, stable: bool = True
) -> MetalBuffer:
    """The places (int64) of the elements in order along an axis; equal ones stay in theirs."""
    return ops.argsort(x, axis, descending)
