"""The standard's sets: an array in, its different values in ascending order and where they are out. All NaNs count as one."""

from __future__ import annotations

from typing import NamedTuple

from metal_runtime import ops
from metal_runtime.buffer import MetalBuffer


class UniqueAll(NamedTuple):
    """What ``unique_all`` gives."""

    values: MetalBuffer
    indices: MetalBuffer
    inverse_indices: MetalBuffer
    counts: MetalBuffer


class UniqueCounts(NamedTuple):
    """What ``unique_counts`` gives."""

    values: MetalBuffer
    counts: MetalBuffer


class UniqueInverse(NamedTuple):
    """What ``unique_inverse`` gives."""

    values: MetalBuffer
    inverse_indices: MetalBuffer


def unique_all(x: MetalBuffer, /) -> UniqueAll:
    """The values, where each is first, which of them each element is, and how often each occurs."""
    return UniqueAll(*ops.unique(x))


def unique_counts(x: MetalBuffer, /) -> UniqueCounts:
    """The values, and how often each occurs."""
    found = unique_all(x)
    return UniqueCounts(found.values, found.counts)


def unique_inverse(x: MetalBuffer, /) -> UniqueInverse:
    """The values, and which of them each element is."""
    found = unique_all(x)
    return UniqueInverse(found.values, found.inverse_indices)


def unique_values(x: MetalBuffer, /) -> MetalBuffer:
    """The values."""
    return unique_all(x).values
