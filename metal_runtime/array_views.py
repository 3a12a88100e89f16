"""Views as NumPy has them: a shape, axes or an index in, movements of the elements out; nothing is copied if it need not be."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, Self

from metal_runtime.errors import ShapeError
from metal_runtime.strided import Broadcast, Movement, Permute, Reshape, Shape, Slice, full_shape

Axes = int | Sequence[int] | None


class ArrayViews:
    """Mixin: ``_viewed`` gives what some movements make of the array; a reshape that needs one copies."""

    __slots__ = ()

    @property
    def shape(self) -> Shape:
        raise NotImplementedError

    def _viewed(self, movements: tuple[Movement, ...], shape: Shape) -> Self:
        raise NotImplementedError

    def reshape(self, *shape: Any) -> Self:
        """The same elements in C order under another shape, one extent of which may be -1.

        A view, unless the elements are not evenly spaced for it: then a copy.

        Raises:
            ShapeError: the shapes hold different numbers of elements.
        """
        wanted = shape[0] if len(shape) == 1 and not hasattr(shape[0], "__index__") else shape
        size = 1
        for extent in self.shape:
            size *= extent
        full = full_shape([operator.index(extent) for extent in wanted], size)
        if full is None or any(extent < 0 for extent in full):
            raise ShapeError(
                f"cannot reshape {self.shape} to {tuple(wanted)}: it has {size} elements",
                hint="extents must multiply to the same number; one may be -1",
            )
        return self._viewed((Reshape(full),), full)

    def ravel(self) -> Self:
        """All elements along one axis."""
        return self.reshape(-1) if 0 not in self.shape else self.reshape(0)

    flatten = ravel

    def transpose(self, *axes: Any) -> Self:
        """The axes in the order given; reversed without one."""
        rank = len(self.shape)
        given = axes[0] if len(axes) == 1 and not hasattr(axes[0], "__index__") else axes
        order = tuple(range(rank))[::-1] if not given else checked_axes(self.shape, tuple(given))
        if len(order) != rank:
            raise ShapeError(
                f"transpose of shape {self.shape} names {len(order)} of its {rank} axes",
                hint="name every axis once",
            )
        return self._viewed((Permute(order),), tuple(self.shape[axis] for axis in order))

    @property
    def T(self) -> Self:
        """With the order of the axes reversed."""
        return self.transpose()

    @property
    def mT(self) -> Self:
        """With the last two axes exchanged."""
        if len(self.shape) < 2:
            raise ShapeError(f"shape {self.shape} has no two axes to exchange")
        return self.swapaxes(-1, -2)

    def swapaxes(self, first: int, second: int) -> Self:
        """With two axes exchanged."""
        a, b = checked_axes(self.shape, (first,))[0], checked_axes(self.shape, (second,))[0]
        order = list(range(len(self.shape)))
        order[a], order[b] = order[b], order[a]
        return self.transpose(order) if order else self

    def moveaxis(self, source: Axes, destination: Axes) -> Self:
        """With axes at other places; the rest keeps its order."""
        sources = checked_axes(self.shape, source)
        targets = checked_axes(self.shape, destination)
        if len(sources) != len(targets):
            raise ShapeError(f"moveaxis: {len(sources)} axes to {len(targets)} places")
        order = [axis for axis in range(len(self.shape)) if axis not in sources]
        for target, axis in sorted(zip(targets, sources, strict=True)):
            order.insert(target, axis)
        return self.transpose(order) if order else self

    def squeeze(self, axis: Axes = None) -> Self:
        """Without axes of one element: all of them, or those named."""
        ones = {k for k, extent in enumerate(self.shape) if extent == 1}
        gone = ones if axis is None else set(checked_axes(self.shape, axis))
        if not gone <= ones:
            raise ShapeError(
                f"cannot squeeze axis {min(gone - ones)} of shape {self.shape}: it has not one element"
            )
        kept = tuple(extent for k, extent in enumerate(self.shape) if k not in gone)
        return self._viewed((Reshape(kept),), kept)

    def expand_dims(self, axis: int | Sequence[int]) -> Self:
        """With a new axis of one element at each place named of the result."""
        places = (axis,) if hasattr(axis, "__index__") else tuple(axis)
        rank = len(self.shape) + len(places)
        new = checked_axes((1,) * rank, places)
        rest = iter(self.shape)
        full = tuple(1 if k in new else next(rest) for k in range(rank))
        return self._viewed((Reshape(full),), full)

    def broadcast_to(self, *shape: Any) -> Self:
        """Repeated to a larger shape, as operators do it; the result must not be written to."""
        wanted = (
            tuple(shape[0]) if len(shape) == 1 and not hasattr(shape[0], "__index__") else shape
        )
        new = len(wanted) - len(self.shape)
        pairs = zip(self.shape, wanted[max(new, 0) :], strict=False)
        if new < 0 or any(have not in (1, want) for have, want in pairs):
            raise ShapeError(f"shape {self.shape} does not broadcast to {wanted}")
        return self._viewed((Broadcast(tuple(wanted)),), tuple(wanted))

    def flip(self, axis: Axes = None) -> Self:
        """Backwards along every axis, or along those named."""
        turned = checked_axes(self.shape, axis)
        starts = tuple(max(n - 1, 0) if k in turned else 0 for k, n in enumerate(self.shape))
        steps = tuple(-1 if k in turned else 1 for k in range(len(self.shape)))
        return self._viewed((Slice(starts, steps, self.shape),), self.shape)


def checked_axes(shape: Shape, axis: Any) -> tuple[int, ...]:
    """Axes counted from 0, in the order given; all of them for None.

    Raises:
        ShapeError: there is no such axis, or one is named twice.
    """
    if axis is None:
        return tuple(range(len(shape)))
    given = tuple(axis) if isinstance(axis, list | tuple) else (axis,)
    found = []
    for one in given:
        place = operator.index(one) if hasattr(one, "__index__") else None
        if place is None or not -len(shape) <= place < len(shape):
            raise ShapeError(
                f"shape {shape} has no axis {one!r}",
                hint=f"axes of it are {-len(shape)} to {len(shape) - 1}" if shape else None,
            )
        found.append(place % len(shape))
    if len(set(found)) < len(found):
        raise ShapeError(f"axis {axis} names one axis twice")
    return tuple(found)
