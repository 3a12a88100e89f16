"""A shape, strides and an offset in; the same of a view out: every movement that needs no copy.

Strides and offsets count elements. A movement is a value that can be applied to any layout, so that
what was asked of a result can be asked of the arrays it is computed from.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Strided:
    """Where the element at each place of a shape lies in memory."""

    shape: Shape
    strides: tuple[int, ...]
    offset: int = 0

    @property
    def is_contiguous(self) -> bool:
        """Whether the elements lie in C order without gaps, wherever they begin."""
        if 0 in self.shape:
            return True
        step = 1
        for size, stride in zip(reversed(self.shape), reversed(self.strides), strict=True):
            if size != 1:
                if stride != step:
                    return False
                step *= size
        return True

    @property
    def extent(self) -> tuple[int, int]:
        """The least place that is read or written, and one after the greatest."""
        if 0 in self.shape:
            return self.offset, self.offset
        steps = [(n - 1) * s for n, s in zip(self.shape, self.strides, strict=True)]
        low = self.offset + sum(s for s in steps if s < 0)
        return low, self.offset + sum(s for s in steps if s > 0) + 1


def contiguous(shape: Shape) -> Strided:
    """All elements in C order from the first on."""
    strides, step = [], 1
    for size in reversed(shape):
        strides.append(step)
        step *= max(size, 1)
    return Strided(shape, tuple(reversed(strides)))


# --- movements -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Broadcast:
    """To a larger shape: new axes in front, and axes of one element repeated, as in NumPy."""

    shape: Shape

    def apply(self, layout: Strided) -> Strided:
        new = len(self.shape) - len(layout.shape)
        strides = (0,) * new + tuple(
            stride if size == wanted else 0
            for size, wanted, stride in zip(
                layout.shape, self.shape[new:], layout.strides, strict=True
            )
        )
        return Strided(self.shape, strides, layout.offset)


@dataclass(frozen=True, slots=True)
class Permute:
    """Axis k of the result is axis ``axes[k]``."""

    axes: tuple[int, ...]

    def apply(self, layout: Strided) -> Strided:
        return Strided(
            tuple(layout.shape[a] for a in self.axes),
            tuple(layout.strides[a] for a in self.axes),
            layout.offset,
        )


@dataclass(frozen=True, slots=True)
class Slice:
    """Along each axis ``sizes[k]`` elements, from ``starts[k]`` on, ``steps[k]`` apart (negative: backwards)."""

    starts: tuple[int, ...]
    steps: tuple[int, ...]
    sizes: Shape

    def apply(self, layout: Strided) -> Strided:
        first = sum(a * s for a, s in zip(self.starts, layout.strides, strict=True))
        strides = tuple(k * s for k, s in zip(self.steps, layout.strides, strict=True))
        return Strided(self.sizes, strides, layout.offset + (0 if 0 in self.sizes else first))


@dataclass(frozen=True, slots=True)
class Reshape:
    """The same elements in C order under another shape."""

    shape: Shape

    def apply(self, layout: Strided) -> Strided | None:
        """None where the elements of the result do not lie at even distances."""
        strides = _reshaped(layout, self.shape)
        return None if strides is None else Strided(self.shape, strides, layout.offset)


Movement = Broadcast | Permute | Slice | Reshape


def moved(layout: Strided, movements: Sequence[Movement]) -> Strided | None:
    """The layout after each movement in turn; None if one of them needs a copy."""
    for movement in movements:
        result = movement.apply(layout)
        if result is None:
            return None
        layout = result
    return layout


def _reshaped(layout: Strided, shape: Shape) -> tuple[int, ...] | None:
    """Strides of the new shape: axes are matched in groups of equal element counts, each evenly spaced."""
    if 0 in shape:
        return contiguous(shape).strides
    old = [(n, s) for n, s in zip(layout.shape, layout.strides, strict=True) if n != 1]
    strides = [0] * len(shape)
    taken = 0
    axis = 0
    while axis < len(shape):
        if shape[axis] == 1:
            axis += 1
            continue
        new_count, first = shape[axis], axis
        old_count, group = old[taken][0], taken
        while new_count != old_count:
            if new_count < old_count:
                axis += 1
                new_count *= shape[axis]
            else:
                taken += 1
                old_count *= old[taken][0]
        for (_, outer), (size, inner) in zip(
            old[group:taken], old[group + 1 : taken + 1], strict=True
        ):
            if outer != size * inner:
                return None
        step = old[taken][1]
        for place in range(axis, first - 1, -1):
            strides[place] = step
            step *= shape[place]
        taken += 1
        axis += 1
    return tuple(strides)


# --- what a caller asks for --------------------------------------------------------------------------


def full_shape(shape: Sequence[int], size: int) -> Shape | None:
    """A shape of ``size`` elements with its one -1 filled in; None when there is none."""
    known = math.prod(n for n in shape if n != -1)
    if list(shape).count(-1) == 1:
        if known == 0 or size % known:
            return None
        return tuple(size // known if n == -1 else n for n in shape)
    return tuple(shape) if -1 not in shape and known == size else None
