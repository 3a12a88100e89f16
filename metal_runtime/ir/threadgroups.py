"""Where the lanes of the interpreter stand: a grid and a threadgroup size in; indices, groups and their memory out.

Also what lanes do together: collective functions, atomics in the order of the lanes, simdgroup matrices.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from metal_runtime.device.launch_config import Extent
from metal_runtime.ir import numpy_reference as reference
from metal_runtime.ir.atomics import AtomicOperation
from metal_runtime.ir.builtins import QUAD_WIDTH, SIMD_WIDTH
from metal_runtime.ir.collectives import CollectiveOperation
from metal_runtime.ir.nodes import Array as ArrayNode
from metal_runtime.msl_types import AddressSpace, numpy_storage

Array = Any  # np.ndarray
Mask = np.ndarray[Any, np.dtype[np.bool_]]


@dataclass(frozen=True, slots=True)
class Memory:
    """What a pointer points to: for each lane ``length`` rows of ``elements``, from its ``base`` on."""

    elements: Array
    length: int
    base: Array
    """A number for each lane, or 0 for all."""

    shape: tuple[int, ...] = ()
    """The extents of an array."""


class Threadgroups:
    """The lanes of a grid, x fastest, in threadgroups, simdgroups and quadgroups."""

    def __init__(self, grid: Extent, threadgroup: Extent) -> None:
        z, y, x = np.indices(grid[::-1], dtype=np.uint32).reshape(3, -1)
        position = np.stack([x, y, z], axis=-1)
        size, extent = np.array(threadgroup, np.uint32), np.array(grid, np.uint32)
        group = position // size
        local = position % size
        # The last threadgroup of an axis is smaller when the grid is no multiple of it.
        actual = np.minimum(size, extent - group * size)
        strides = np.stack([np.ones_like(x), actual[:, 0], actual[:, 0] * actual[:, 1]], axis=-1)
        counts = -(-extent.astype(np.int64) // size)
        self.count = len(position)
        self.index = np.sum(local * strides, axis=-1, dtype=np.uint32)
        """Of each lane in its threadgroup."""

        self.group = (group * np.array([1, counts[0], counts[0] * counts[1]])).sum(axis=-1)
        self.group_count = int(counts.prod())
        self._largest = int(np.prod(size))
        self.simdgroup = self._groups(SIMD_WIDTH)[0]
        """The number of each lane's simdgroup."""

        self.builtins = self._builtins(position, local, group, extent, actual, counts, size)

    def _builtins(
        self,
        position: Array,
        local: Array,
        group: Array,
        extent: Array,
        actual: Array,
        counts: Array,
        size: Array,
    ) -> dict[str, Array]:
        """Every thread and grid index, for all lanes."""

        def everywhere(value: Array) -> Array:
            return np.broadcast_to(np.asarray(value).astype(np.uint32), position.shape)

        def one(value: Array) -> Array:
            return np.broadcast_to(np.asarray(value).astype(np.uint32), self.index.shape)

        threads = actual.prod(axis=-1)
        return {
            "thread_position_in_grid": position,
            "thread_position_in_threadgroup": local,
            "threadgroup_position_in_grid": group,
            "threads_per_grid": everywhere(extent),
            "threads_per_threadgroup": actual,
            "threadgroups_per_grid": everywhere(counts),
            "dispatch_threads_per_threadgroup": everywhere(size),
            "thread_index_in_threadgroup": self.index,
            "thread_index_in_simdgroup": self.index % np.uint32(SIMD_WIDTH),
            "simdgroup_index_in_threadgroup": self.index // np.uint32(SIMD_WIDTH),
            "threads_per_simdgroup": one(SIMD_WIDTH),
            "simdgroups_per_threadgroup": one(-(-threads // SIMD_WIDTH)),
            "dispatch_simdgroups_per_threadgroup": one(-(-self._largest // SIMD_WIDTH)),
            "thread_index_in_quadgroup": self.index % np.uint32(QUAD_WIDTH),
            "quadgroup_index_in_threadgroup": self.index // np.uint32(QUAD_WIDTH),
            "quadgroups_per_threadgroup": one(-(-threads // QUAD_WIDTH)),
        }

    def allocate(self, array: ArrayNode) -> Memory:
        """Memory of a threadgroup, of any content, or of each lane, zeros."""
        dtype, tail = numpy_storage(array.pointer.element)
        length = int(np.prod(array.shape))
        if array.pointer.space is AddressSpace.THREADGROUP:
            storage = np.empty((self.group_count * length, *tail), dtype)
            storage.view(np.uint8).fill(0xA5 if dtype.kind != "b" else 1)
            return Memory(storage, length, self.group * length, array.shape)
        lanes = np.arange(self.count)
        return Memory(
            np.zeros((self.count * length, *tail), dtype), length, lanes * length, array.shape
        )

    # --- together --------------------------------------------------------------------------------

    def missing(self, mask: Mask, width: int | None = None) -> Mask:
        """The lanes that are not in ``mask`` while others of their threadgroup, or of ``width`` lanes of it, are."""
        number, _ = self._groups(width or self._largest)
        some = np.bincount(number[mask], minlength=int(number.max(initial=0)) + 1) > 0
        lacking: Mask = ~mask & some[number]
        return lacking

    def _groups(self, width: int) -> tuple[Array, Array]:
        """For each lane the number of its group of ``width`` lanes, and its place there."""
        per_threadgroup = -(-self._largest // width)
        return self.group * per_threadgroup + self.index // width, self.index % width

    def collective(self, operation: CollectiveOperation, args: list[Array], mask: Mask) -> Array:
        """What the function gives each lane of ``mask``."""
        number, place = self._groups(operation.width)
        rows = int(number.max(initial=0)) + 1
        active = np.zeros((rows, operation.width), bool)
        active[number, place] = mask
        spread = []
        for value in args:
            dense = np.zeros((rows, operation.width, *value.shape[1:]), value.dtype)
            dense[number, place] = value
            spread.append(dense)
        result = operation.numpy(*spread[:1], active, *spread[1:])
        return np.asarray(result)[number, place]


def _exchanged(before: Any, expected: Any, desired: Any) -> Any:
    """Bits are compared, so that NaN is equal to itself."""
    return desired if before.tobytes() == expected.tobytes() else before


_UPDATES: dict[AtomicOperation, Callable[..., Any]] = {
    AtomicOperation.STORE: lambda before, value: value,
    AtomicOperation.EXCHANGE: lambda before, value: value,
    AtomicOperation.ADD: np.add,
    AtomicOperation.SUB: np.subtract,
    AtomicOperation.MIN: reference.minimum,
    AtomicOperation.MAX: reference.maximum,
    AtomicOperation.AND: np.bitwise_and,
    AtomicOperation.OR: np.bitwise_or,
    AtomicOperation.XOR: np.bitwise_xor,
    AtomicOperation.COMPARE_EXCHANGE: _exchanged,
    AtomicOperation.MIN_ALONE: np.minimum,
    AtomicOperation.MAX_ALONE: np.maximum,
}


def update(
    operation: AtomicOperation, elements: Array, rows: Array, operands: list[Array], mask: Mask
) -> Array:
    """Changes ``elements[rows]`` lane after lane; gives what each lane of ``mask`` found."""
    before = np.zeros(len(mask), elements.dtype)
    change = _UPDATES[operation]
    for lane in np.flatnonzero(mask):
        row = rows[lane]
        before[lane] = elements[row]
        elements[row] = change(elements[row], *(o[lane] for o in operands))
    return before


# --- simdgroup matrices: each lane has all 64 elements, row by row ------------------------------------


def matrix_offsets(stride: Array, transpose: bool) -> Array:
    """For each lane, where the elements lie from the first one on: (lanes, 64)."""
    row, column = np.divmod(np.arange(64), 8)
    if transpose:
        row, column = column, row
    return stride.astype(np.int64)[:, None] * row + column


def filled(value: Array, diagonal: bool) -> Array:
    """One value everywhere, or on the diagonal: (lanes, 64)."""
    shape = np.eye(8, dtype=bool).ravel() if diagonal else np.ones(64, bool)
    return np.where(shape, value[:, None], np.zeros_like(value)[:, None])


def multiply_accumulate(a: Array, b: Array, c: Array) -> Array:
    """``a * b + c`` in float, rounded to the type of ``c``."""
    x, y = (m.astype(np.float32).reshape(-1, 8, 8) for m in (a, b))
    total = np.matmul(x, y).reshape(-1, 64) + c.astype(np.float32)
    return total.astype(c.dtype)
