"""Shapes and strides of two operands in, the sizes of their product and its batch axes, merged, out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from metal_runtime.errors import ShapeError
from metal_runtime.ops.layout import Shape, broadcast_shape
from metal_runtime.ops.products import BATCH_AXES

NAME = "matmul"
_MAX_AXIS = 2**32 - 1  # sizes are 32-bit unsigned in kernels


@dataclass(frozen=True, slots=True)
class Batches:
    """Exactly BATCH_AXES axes, outermost first; a stride is 0 where an operand repeats."""

    sizes: Shape
    a: Shape
    b: Shape

    @property
    def count(self) -> int:
        return math.prod(self.sizes)

    def distinct(self, strides: Shape) -> tuple[Shape, Shape]:
        """The sizes of an operand's own matrices, and the strides that count them in C order."""
        sizes = tuple(size if step else 1 for size, step in zip(self.sizes, strides, strict=True))
        counted = []
        for axis, step in enumerate(strides):
            counted.append(math.prod(sizes[axis + 1 :]) if step else 0)
        return sizes, tuple(counted)


@dataclass(frozen=True, slots=True)
class Sizes:
    """(batch, rows, depth) times (batch, depth, columns)."""

    batch_shape: Shape
    rows: int
    depth: int
    columns: int

    @property
    def shape(self) -> Shape:
        """Of the product."""
        return (*self.batch_shape, self.rows, self.columns)


def sizes_of(a: Shape, b: Shape) -> Sizes:
    """The sizes of the product of two arrays of two or more axes.

    Raises:
        ShapeError: the inner axes differ, the batches do not broadcast, or an axis is too long.
    """
    if a[-1] != b[-2]:
        raise ShapeError(
            f"ops.{NAME}: shapes {a} and {b} do not multiply: {a[-1]} columns meet {b[-2]} rows",
            hint="the last axis of the first must be as long as the last but one of the second"
            + _turned(a, b),
        )
    if max(*a[-2:], *b[-2:]) > _MAX_AXIS:
        raise ShapeError(
            f"ops.{NAME}: shapes {a} and {b} have an axis of more than {_MAX_AXIS:,} elements",
            hint="multiply it in parts",
        )
    try:
        batch = broadcast_shape(NAME, (a[:-2], b[:-2]))
    except ShapeError:
        raise ShapeError(
            f"ops.{NAME}: shapes {a} and {b} do not broadcast: "
            f"their batches are {a[:-2]} and {b[:-2]}",
            hint="sizes along each axis before the last two, counted from the last, must be equal or 1",
        ) from None
    return Sizes(batch, a[-2], a[-1], b[-1])


def _turned(a: Shape, b: Shape) -> str:
    """What would fit, where one operand needs only be transposed."""
    if a[-1] == b[-1]:
        return "; transpose the second"
    if a[-2] == b[-2]:
        return "; transpose the first"
    return ""


def batches(
    batch_shape: Shape, a: tuple[Shape, Sequence[int]], b: tuple[Shape, Sequence[int]]
) -> Batches:
    """The batch axes of (shape, strides) of both operands, neighbours as one where their strides allow.

    Raises:
        ShapeError: more than BATCH_AXES are left.
    """
    merged: list[tuple[int, int, int]] = []
    own = (_stretched(batch_shape, *operand) for operand in (a, b))
    for size, a_step, b_step in zip(batch_shape, *own, strict=True):
        if size == 1:
            continue
        if merged:
            before, a_before, b_before = merged[-1]
            if a_before == size * a_step and b_before == size * b_step:
                merged[-1] = (before * size, a_step, b_step)
                continue
        merged.append((size, a_step, b_step))
    if len(merged) > BATCH_AXES:
        raise ShapeError(
            f"ops.{NAME}: shapes {a[0]} and {b[0]} alternate over {len(merged)} batch axes, "
            f"and at most {BATCH_AXES} are supported",
            hint="copy one operand to the full shape first",
        )
    padded = [(1, 0, 0)] * (BATCH_AXES - len(merged)) + merged
    return Batches(*(tuple(column) for column in zip(*padded, strict=True)))


def _stretched(batch_shape: Shape, shape: Shape, strides: Sequence[int]) -> list[int]:
    """The strides of an operand along the batch axes of the product; 0 where it repeats."""
    missing = len(batch_shape) - (len(shape) - 2)
    own = zip(shape[:-2], strides[:-2], strict=True)
    return [0] * missing + [0 if size == 1 else step for size, step in own]
