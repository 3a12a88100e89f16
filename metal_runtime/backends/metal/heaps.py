"""Small buffers share heaps: sizes in, buffers at places of a heap out, so that a thousand of them are a few handles.

A placement heap leaves the places to us. A slab is one heap, with its free ranges by their beginnings; what is
freed joins its neighbours. Slabs that are empty go back to the system, all but one.
"""

from __future__ import annotations

import bisect
import mmap
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from metal_runtime.backends.metal.constants import (
    MTLHazardTrackingModeTracked,
    MTLHeapTypePlacement,
    MTLResourceHazardTrackingModeTracked,
    MTLResourceStorageModeShared,
    MTLStorageModeShared,
)
from metal_runtime.backends.metal.protocols import Framework, MTLBuffer, MTLDevice, MTLHeap

SLAB_BYTES = 16 << 20
LARGEST = 1 << 20
"""Bytes of the largest buffer that is put into a heap."""

_OPTIONS = MTLResourceStorageModeShared | MTLResourceHazardTrackingModeTracked


@dataclass(slots=True)
class Slab:
    """One heap and what is free of it: sorted, disjoint ranges (start, end) that do not touch each other."""

    heap: MTLHeap
    free: list[tuple[int, int]] = field(default_factory=lambda: [(0, SLAB_BYTES)])

    @property
    def is_empty(self) -> bool:
        return self.free == [(0, SLAB_BYTES)]

    def take(self, nbytes: int) -> int | None:
        """The start of the first range of ``nbytes`` that is free."""
        for i, (start, end) in enumerate(self.free):
            if end - start >= nbytes:
                self.free[i : i + 1] = [(start + nbytes, end)] if end - start > nbytes else []
                return start
        return None

    def give_back(self, start: int, nbytes: int) -> None:
        end = start + nbytes
        at = bisect.bisect(self.free, (start, end))
        if at < len(self.free) and self.free[at][0] == end:
            end = self.free.pop(at)[1]
        if at and self.free[at - 1][1] == start:
            at -= 1
            start = self.free.pop(at)[0]
        self.free.insert(at, (start, end))


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a slab a buffer lies."""

    slab: Slab
    start: int
    nbytes: int


class HeapArena:
    """The slabs of one device; safe to use from many threads. Sizes are whole pages, so places are page aligned."""

    def __init__(
        self,
        device: MTLDevice,
        framework: Framework,
        made: Callable[[MTLHeap], None],
        gone: Callable[[MTLHeap], None],
    ) -> None:
        """``made`` and ``gone`` hear of every heap."""
        self._device, self._framework = device, framework
        self._made, self._gone = made, gone
        self._slabs: list[Slab] = []
        self._lock = threading.Lock()

    def take(self, nbytes: int) -> tuple[MTLBuffer, Place] | None:
        """A buffer of ``nbytes``, or None where it should be one of its own: too large, or no heap to be had."""
        if nbytes > LARGEST:
            return None
        size, alignment = self._device.heapBufferSizeAndAlignWithLength_options_(nbytes, _OPTIONS)
        if alignment > mmap.PAGESIZE:
            return None
        room = -(-size // mmap.PAGESIZE) * mmap.PAGESIZE
        with self._lock:
            for slab in self._slabs:
                start = slab.take(room)
                if start is not None:
                    return self._buffer(Place(slab, start, room), nbytes)
            made = self._new_slab()
            start = None if made is None else made.take(room)
            if made is None or start is None:
                return None
            return self._buffer(Place(made, start, room), nbytes)

    def give_back(self, place: Place) -> None:
        """Frees a place, whose buffer must be gone."""
        with self._lock:
            place.slab.give_back(place.start, place.nbytes)
            empty = [slab for slab in self._slabs if slab.is_empty]
            for slab in empty[1:]:
                self._slabs.remove(slab)
                self._gone(slab.heap)

    def _new_slab(self) -> Slab | None:
        descriptor = self._framework.heap_descriptor()
        descriptor.setSize_(SLAB_BYTES)
        descriptor.setStorageMode_(MTLStorageModeShared)
        descriptor.setHazardTrackingMode_(MTLHazardTrackingModeTracked)
        descriptor.setType_(MTLHeapTypePlacement)
        heap = self._device.newHeapWithDescriptor_(descriptor)
        if heap is None:  # no heaps here, or no room for one: a buffer of its own may still be had
            return None
        heap.setLabel_("iris pool")
        self._made(heap)
        slab = Slab(heap)
        self._slabs.append(slab)
        return slab

    def _buffer(self, place: Place, nbytes: int) -> tuple[MTLBuffer, Place] | None:
        heap = place.slab.heap
        buffer = heap.newBufferWithLength_options_offset_(nbytes, _OPTIONS, place.start)
        if buffer is None:
            place.slab.give_back(place.start, place.nbytes)
            return None
        return buffer, place
