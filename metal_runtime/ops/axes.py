"""Shapes and axes as callers write them in; arrays seen as (outer, n, inner), or a ShapeError that says why not, out."""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass
from typing import Any

import numpy as np

from metal_runtime.device.launch_config import MAX_GRID, Extent
from metal_runtime.errors import ShapeError
from metal_runtime.ops.layout import Shape


@dataclass(frozen=True, slots=True)
class Lines:
    """An array in C order around one axis: ``outer * inner`` lines of ``n`` elements, ``inner`` apart."""

    outer: int
    n: int
    inner: int

    @property
    def count(self) -> int:
        """How many lines."""
        return self.outer * self.inner

    def grid(self, along: int) -> Extent:
        """Threads for ``along`` places of each line, neighbours along memory: see ``programs.places.place``."""
        if self.inner == 1:
            return along, self.outer, 1
        return self.inner, along, self.outer


def lines_of(shape: Shape, axis: int) -> Lines:
    """The array around an axis that it has."""
    return Lines(math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :]))


def checked_axis(name: str, shape: Shape, axis: Any, *, more: int = 0) -> int:
    """The axis counted from the first; ``more`` axes than the shape has may be named. Raises ShapeError."""
    rank = len(shape) + more
    number = isinstance(axis, int | np.integer) and not isinstance(axis, bool)
    if not number or not -rank <= axis < rank:
        raise ShapeError(
            f"ops.{name}: shape {shape} has no axis {axis!r}",
            hint=f"axes of it are {-rank} to {rank - 1}" if rank else None,
        )
    return int(axis) % rank


def checked_size(name: str, shape: Shape) -> Shape:
    """The shape itself if 32 bits index its elements. Raises ShapeError."""
    if math.prod(shape) > MAX_GRID:
        raise ShapeError(
            f"ops.{name}: shape {shape} has more than the {MAX_GRID:,} elements that 32 bits index",
            hint="work in smaller parts",
        )
    return shape


def whole_number(name: str, what: str, value: Any, least: int | None = None) -> int:
    """An integer of at least ``least``. Raises ShapeError."""
    try:
        number = operator.index(value)
    except TypeError:
        raise ShapeError(
            f"ops.{name}: {what} is {value!r}, no integer", hint="give an integer"
        ) from None
    if least is not None and number < least:
        raise ShapeError(f"ops.{name}: {what} is {number}, less than {least}")
    return number


def replaced(shape: Shape, axis: int, size: int) -> Shape:
    """The shape with another extent along one axis."""
    return (*shape[:axis], size, *shape[axis + 1 :])
