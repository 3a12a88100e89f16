"""Operand shapes in, the result's shape out: NumPy's broadcasting."""

from __future__ import annotations

from collections.abc import Sequence

from metal_runtime.errors import ShapeError
from metal_runtime.strided import Shape

__all__ = ["Shape", "broadcast_shape"]


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
