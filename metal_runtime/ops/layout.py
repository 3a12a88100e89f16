"""Operand shapes in, the result's shape and the index arithmetic of one launch out: NumPy's broadcasting.

Axes along which every operand does the same (all advance, or the same ones repeat) are one axis, so
that a launch over equal shapes is one line of elements whatever their rank.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from metal_runtime.device.launch_config import MAX_GRID, Extent
from metal_runtime.errors import ShapeError

Shape = tuple[int, ...]

MAX_RANK = 8
"""Axes that may be left after merging; one less with three arrays, for Metal binds 31 arguments at most."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What of the shapes is in a kernel's text; sizes and strides are its parameters.

    Axis 0 is the innermost. ``advances[k]`` says whether operand k advances along it.
    """

    rank: int
    advances: tuple[bool, ...]

    @property
    def is_line(self) -> bool:
        """Element i of the result needs element i of every array."""
        return self.rank == 1 and all(self.advances)


@dataclass(frozen=True, slots=True)
class Broadcast:
    """How operands of given shapes meet."""

    shape: Shape
    layout: Layout
    grid: Extent
    sizes: tuple[int, ...]
    """Elements along axes 0 … rank-1, innermost first."""

    strides: tuple[tuple[int, ...], ...]
    """For each operand its strides in elements along axes 1 … rank-1; 0 where it repeats."""


def broadcast_shape(name: str, shapes: Sequence[Shape]) -> Shape:
    """The shape that all shapes stretch to. Raises ShapeError naming the shapes."""
    rank = max(map(len, shapes), default=0)
    result = []
    for axis in range(rank):
        sizes = {s[axis - rank + len(s)] for s in shapes if axis - rank + len(s) >= 0}
        sizes.discard(1)
        if len(sizes) > 1:
            raise ShapeError(
                f"ops.{name}: shapes {' and '.join(map(str, shapes))} do not broadcast",
                hint="sizes along each axis, counted from the last, must be equal or 1",
            )
        result.append(sizes.pop() if sizes else 1)
    return tuple(result)


@functools.lru_cache(maxsize=4096)
def broadcast(name: str, shapes: tuple[Shape, ...]) -> Broadcast:
    """The plan for arrays of these shapes (scalars are not among them).

    Raises:
        ShapeError: the shapes do not fit each other, or alternate over more axes than MAX_RANK allows,
            or have too many elements.
    """
    shape = broadcast_shape(name, shapes)
    if math.prod(shape) > MAX_GRID:
        raise ShapeError(
            f"ops.{name}: shape {shape} has more than the {MAX_GRID:,} elements that 32 bits index",
            hint="work in smaller parts",
        )
    axes = _merged_axes(shape, shapes)
    most = MAX_RANK if len(shapes) < 3 else MAX_RANK - 1
    if len(axes) > most:
        raise ShapeError(
            f"ops.{name}: shapes {' and '.join(map(str, shapes))} alternate over {len(axes)} axes, "
            f"and at most {most} are supported",
            hint="copy one operand to the full shape first",
        )
    sizes = tuple(size for size, _ in axes)
    advances = tuple(axes[0][1][k] for k in range(len(shapes)))
    grid = (sizes[0], sizes[1] if len(sizes) > 1 else 1, math.prod(sizes[2:]))
    strides = tuple(_outer_strides(axes, k) for k in range(len(shapes)))
    return Broadcast(shape, Layout(len(axes), advances), grid, sizes, strides)


_Axis = tuple[int, tuple[bool, ...]]  # its size, and which operands advance along it


def _merged_axes(shape: Shape, shapes: Sequence[Shape]) -> list[_Axis]:
    """The axes, innermost first; at least one."""
    merged: list[_Axis] = []
    for back in range(1, len(shape) + 1):
        size = shape[-back]
        if size == 1:
            continue
        advancing = tuple(len(s) >= back and s[-back] != 1 for s in shapes)
        if merged and merged[-1][1] == advancing:
            merged[-1] = (merged[-1][0] * size, advancing)
        else:
            merged.append((size, advancing))
    return merged or [(1, tuple(True for _ in shapes))]


def _outer_strides(axes: Sequence[_Axis], operand: int) -> tuple[int, ...]:
    strides = []
    stride = 1
    for position, (size, advancing) in enumerate(axes):
        if position > 0:
            strides.append(stride if advancing[operand] else 0)
        if advancing[operand]:
            stride *= size
    return tuple(strides)
