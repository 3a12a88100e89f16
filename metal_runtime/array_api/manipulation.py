"""The standard's functions that move elements: arrays in, views of them, or arrays of the same elements, out."""

from __future__ import annotations

from collections.abc import Sequence

from metal_runtime import ops
from metal_runtime.array_views import checked_axes
from metal_runtime.buffer import MetalBuffer
from metal_runtime.errors import ShapeError
from metal_runtime.ops.layout import Shape, broadcast_shape

Axes = int | Sequence[int]


def broadcast_arrays(*arrays: MetalBuffer) -> list[MetalBuffer]:
    """Views of the arrays in the one shape that all stretch to; they must not be written to."""
    shape = broadcast_shape("broadcast_arrays", tuple(x.shape for x in arrays))
    return [x.broadcast_to(shape) for x in arrays]


def broadcast_to(x: MetalBuffer, /, shape: Shape) -> MetalBuffer:
    """A view in a larger shape; it must not be written to."""
    return x.broadcast_to(shape)


def concat(arrays: Sequence[MetalBuffer], /, *, axis: int | None = 0) -> MetalBuffer:
    """The arrays one after the other along an axis, or (None) all their elements in C order."""
    return ops.concatenate(arrays, axis)


def stack(arrays: Sequence[MetalBuffer], /, *, axis: int = 0) -> MetalBuffer:
    """Arrays of one shape along a new axis."""
    return ops.stack(arrays, axis)


def unstack(x: MetalBuffer, /, *, axis: int = 0) -> tuple[MetalBuffer, ...]:
    """Views of the parts along an axis."""
    return tuple(x.moveaxis(axis, 0))


def expand_dims(x: MetalBuffer, /, axis: int) -> MetalBuffer:
    """A view with a new axis of one element.

    Raises:
        IndexError: the result has no such axis.
    """
    if not -x.ndim - 1 <= axis <= x.ndim:  # the standard names the error
        raise IndexError(f"expand_dims: shape {x.shape} has no place {axis} for an axis")
    return x.expand_dims(axis)


def squeeze(x: MetalBuffer, /, axis: Axes) -> MetalBuffer:
    """A view without axes of one element."""
    return x.squeeze(axis)


def flip(x: MetalBuffer, /, *, axis: Axes | None = None) -> MetalBuffer:
    """A view, backwards along every axis or along those named."""
    return x.flip(axis)


def moveaxis(x: MetalBuffer, source: Axes, destination: Axes, /) -> MetalBuffer:
    """A view with axes at other places; the rest keeps its order."""
    return x.moveaxis(source, destination)


def permute_dims(x: MetalBuffer, /, axes: Sequence[int]) -> MetalBuffer:
    """A view with the axes in the order given. Raises ShapeError if one is missing."""
    if len(checked_axes(x.shape, tuple(axes))) != x.ndim:
        raise ShapeError(
            f"permute_dims of shape {x.shape} names {len(axes)} axes", hint="name every axis once"
        )
    return x.transpose(tuple(axes))


def matrix_transpose(x: MetalBuffer, /) -> MetalBuffer:
    """A view with the last two axes exchanged."""
    return x.mT


def reshape(x: MetalBuffer, /, shape: Shape, *, copy: bool | None = None) -> MetalBuffer:
    """The same elements in C order under another shape: a view where that is possible.

    Raises:
        ShapeError: the shapes hold different numbers of elements, or ``copy=False`` and a view is impossible.
    """
    result = x.reshape(shape)
    shared = result._open() is x._open()
    if copy is False and not shared:
        raise ShapeError(
            f"reshape: shape {x.shape} to {shape} needs a copy", hint="leave copy away"
        )
    return result.copy() if copy and shared else result


def roll(x: MetalBuffer, /, shift: Axes, *, axis: Axes | None = None) -> MetalBuffer:
    """Elements moved on by ``shift`` places; what leaves at the end comes in again."""
    return ops.roll(x, shift, axis)


def repeat(
    x: MetalBuffer, repeats: int | MetalBuffer, /, *, axis: int | None = None
) -> MetalBuffer:
    """Each element ``repeats`` times, or as often as its own number says, along an axis or (None) of all in C order."""
    return ops.repeat(x, repeats, axis)


def tile(x: MetalBuffer, repetitions: tuple[int, ...], /) -> MetalBuffer:
    """``x`` repeated along its axes."""
    return ops.tile(x, repetitions)
