"""Float32 rows in, the sum of their squared distances from their mean out: in one pass over memory where rows are few and long.

A long row is cut into blocks that stay in a cache while their own mean and squares are found. Chan, Golub and LeVeque's
formula puts them together: the squares of all, and each block's size times the squared distance of its mean from the row's.
"""

from __future__ import annotations

import math

from metal_runtime.buffer import MetalBuffer
from metal_runtime.dtype import DType
from metal_runtime.runtime.session import Session
from metal_runtime.runtime.sessions import session_of

BLOCK = 1 << 14
"""Elements of a block: 64 KB, which a second cache holds."""

SMALL_BLOCK = 1 << 12
"""Where those would be too few to keep every thread busy."""

BLOCKS_PER_UNIT = 8

LEAST = 1 << 22
"""Elements: 16 MB. Of fewer the second pass finds most in a cache, and recording these operators costs more than it saves."""


def squared_distances(x: MetalBuffer, axes: tuple[int, ...], keepdims: bool) -> MetalBuffer:
    """The sum of ``(x - mean) ** 2`` along ``axes``, which are sorted; ``x`` is float32."""
    session = session_of((x,))
    first = len(x.shape) - len(axes)
    length = math.prod(x.shape[axis] for axis in axes)
    rows = math.prod(x.shape[:first])
    busy = BLOCKS_PER_UNIT * session.device.traits.compute_units
    trailing = axes == tuple(range(first, len(x.shape)))
    if not trailing or rows >= busy or rows * length < LEAST or length < SMALL_BLOCK:
        return _moments(session, x, axes, keepdims)[1]
    size = BLOCK if rows * (length // BLOCK) >= busy else SMALL_BLOCK
    total = _by_blocks(session, x.reshape(rows, length), size)
    kept = tuple(1 if axis in axes else n for axis, n in enumerate(x.shape))
    return total.reshape(kept if keepdims else x.shape[:first])


def _moments(
    session: Session, x: MetalBuffer, axes: tuple[int, ...], keepdims: bool
) -> tuple[MetalBuffer, MetalBuffer]:
    """The mean, with axes of one element, and the squared distances from it."""
    length = math.prod(x.shape[axis] for axis in axes)
    mean = _sum(session, x, axes, True) / float(length)
    distance = x - mean
    return mean, _sum(session, distance * distance, axes, keepdims)


def _by_blocks(session: Session, x: MetalBuffer, size: int) -> MetalBuffer:
    """The squared distances of each row of a matrix, by blocks of ``size`` elements and what is left."""
    rows, length = x.shape
    blocks = length // size
    rest = length - blocks * size
    whole = x[:, : blocks * size].reshape(rows, blocks, size)
    means, squares = _moments(session, whole, (2,), False)
    means = means.reshape(rows, blocks)
    total = _sum(session, means, (1,), True) * float(size)
    if not rest:
        between = means - total / float(length)
        return _sum(session, squares, (1,), True) + _squares(session, between) * float(size)
    last_mean, last_squares = _moments(session, x[:, blocks * size :], (1,), True)
    mean = (total + last_mean * float(rest)) / float(length)
    between, last = means - mean, last_mean - mean
    within = _sum(session, squares, (1,), True) + last_squares
    return within + _squares(session, between) * float(size) + last * last * float(rest)


def _squares(session: Session, x: MetalBuffer) -> MetalBuffer:
    return _sum(session, x * x, (1,), True)


def _sum(session: Session, x: MetalBuffer, axes: tuple[int, ...], keepdims: bool) -> MetalBuffer:
    return session.graph.reduce("sum", x, axes, keepdims, DType.FLOAT32)
