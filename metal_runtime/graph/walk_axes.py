"""A domain and the accesses of a kernel in, the fewest axes that describe them out.

Neighbouring axes become one where every access steps evenly across both, so that a kernel over whole
arrays is one line of elements whatever their rank.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from metal_runtime.strided import Strided


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis of the walk, outermost first; ``reduced`` ones are the places of one row."""

    size: int
    reduced: bool


@dataclass(frozen=True, slots=True)
class Step:
    """How an access moves along one axis: ``stride`` elements forward; ``backwards`` from the far end."""

    stride: int
    backwards: bool = False


@dataclass(frozen=True, slots=True)
class Path:
    """One access: the element at which it is least, and its step along each axis."""

    first: int
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class WalkAxes:
    """The axes, and the path of each access in the order given."""

    axes: tuple[Axis, ...]
    paths: tuple[Path, ...]


def walk_axes(
    shape: Sequence[int], reduced: Sequence[int], accesses: Sequence[Strided]
) -> WalkAxes:
    """The axes of a domain whose ``reduced`` ones are the places of one row; at least one."""
    axes: list[Axis] = []
    strides: list[list[int]] = [[] for _ in accesses]
    for place, size in enumerate(shape):
        if size == 1:
            continue
        axis = Axis(size, place in reduced)
        here = [access.strides[place] for access in accesses]
        if axes and axes[-1].reduced is axis.reduced and _continues(strides, here, size):
            axes[-1] = Axis(axes[-1].size * size, axis.reduced)
            for known, stride in zip(strides, here, strict=True):
                known[-1] = stride
        else:
            axes.append(axis)
            for known, stride in zip(strides, here, strict=True):
                known.append(stride)
    if not any(axis.reduced for axis in axes) and reduced:
        axes.append(Axis(1, True))
        strides = [[*known, 0] for known in strides]
    if not axes:
        axes, strides = [Axis(1, False)], [[1] for _ in accesses]  # as a line of any length
    paths = tuple(
        _path(axes, access.offset, known) for access, known in zip(accesses, strides, strict=True)
    )
    return WalkAxes(tuple(axes), paths)


def _continues(strides: Sequence[Sequence[int]], inner: Sequence[int], size: int) -> bool:
    return all(outer[-1] == step * size for outer, step in zip(strides, inner, strict=True))


def _path(axes: Sequence[Axis], offset: int, strides: Sequence[int]) -> Path:
    first = offset + sum(
        stride * (axis.size - 1) for axis, stride in zip(axes, strides, strict=True) if stride < 0
    )
    return Path(first, tuple(Step(abs(stride), stride < 0) for stride in strides))
