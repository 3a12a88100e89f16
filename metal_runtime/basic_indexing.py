"""NumPy's basic indices (integers, slices, None, ...) in, movements of a layout out."""

from __future__ import annotations

import operator
from typing import Any

from metal_runtime.errors import ShapeError
from metal_runtime.strided import Movement, Reshape, Shape, Slice


def movements_of(shape: Shape, index: Any) -> tuple[Movement, ...] | None:
    """What ``array[index]`` does to an array of the shape; None for an index that holds arrays or lists.

    Raises:
        ShapeError: an integer is out of range, or there are more indices than axes.
    """
    parts = index if isinstance(index, tuple) else (index,)
    if not all(_is_basic(part) for part in parts):
        return None
    parts = _without_ellipsis(shape, parts)
    starts, steps, sizes, result = [], [], [], []
    axes = iter(enumerate(shape))
    for part in parts:
        if part is None:
            result.append(1)
            continue
        axis, size = next(axes)
        start, step, count = _along(shape, axis, size, part)
        starts.append(start)
        steps.append(step)
        sizes.append(count)
        if isinstance(part, slice):
            result.append(count)
    movements: list[Movement] = []
    sliced = tuple(sizes)
    if sliced != shape or any(starts) or any(step != 1 for step in steps):
        movements.append(Slice(tuple(starts), tuple(steps), sliced))
    if tuple(result) != sliced:
        movements.append(Reshape(tuple(result)))
    return tuple(movements)


def _is_basic(part: Any) -> bool:
    if part is None or part is Ellipsis or isinstance(part, slice):
        return True
    if isinstance(part, bool) or hasattr(part, "__array__") or hasattr(part, "shape"):
        return False
    return hasattr(part, "__index__")


def _without_ellipsis(shape: Shape, parts: tuple[Any, ...]) -> tuple[Any, ...]:
    """One part for each axis, and the Nones between them."""
    named = sum(part is not None and part is not Ellipsis for part in parts)
    if named > len(shape):
        raise ShapeError(
            f"shape {shape} has {len(shape)} axes, and {named} are indexed",
            hint="leave indices away, or add axes with reshape()",
        )
    at = [k for k, part in enumerate(parts) if part is Ellipsis]
    if len(at) > 1:
        raise ShapeError("an index has more than one `...`", hint="write one of them as `:`")
    place = at[0] if at else len(parts)
    rest = (slice(None),) * (len(shape) - named)
    return (*parts[:place], *rest, *parts[place + 1 :])


def _along(shape: Shape, axis: int, size: int, part: Any) -> tuple[int, int, int]:
    """Start, step and count along one axis."""
    if isinstance(part, slice):
        start, stop, step = part.indices(size)
        count = len(range(start, stop, step))
        return (start, step, count) if count else (0, 1, 0)
    place = operator.index(part)
    if not -size <= place < size:
        raise ShapeError(
            f"index {place} is out of range for axis {axis} of shape {shape}",
            hint=f"indices are {-size} to {size - 1}" if size else "the axis has no elements",
        )
    return place % size, 1, 1
