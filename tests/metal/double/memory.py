"""Buffers, heaps and residency sets: what a driver asks memory of."""

from __future__ import annotations

import weakref

from tests.metal.double.objects import Descriptor, ObjCObject
from tests.metal.double.storage import Block, Memory, quarantine
from tests.metal.double.world import World

SHARED, MANAGED, PRIVATE, MEMORYLESS = range(4)
_UNTRACKED, _TRACKED = 1, 2
AUTOMATIC, PLACEMENT = 0, 1
HEAP_PAGE = 16_384


class Pointer:
    """What pyobjc makes of ``void*``: an objc.varlist, memory without a length."""

    def __init__(self, world: World, memory: Memory) -> None:
        self._world, self._memory = world, memory

    def as_buffer(self, count: int) -> memoryview:
        self._world.check(
            0 <= count <= self._memory.nbytes,
            f"{count} bytes are looked at, the buffer has {self._memory.nbytes}",
        )
        return self._memory.lend(count)


class Resource(ObjCObject):
    """What has a device, a label and a storage mode."""

    def __init__(self, world: World, device: ObjCObject, storage: int, tracking: int) -> None:
        super().__init__(world)
        self._device, self._storage, self._tracking = device, storage, tracking
        self._label: str | None = None

    def device(self) -> ObjCObject:
        return self._device

    def label(self) -> str | None:
        return self._label

    def setLabel_(self, label: str | None) -> None:
        self._label = label

    def storageMode(self) -> int:
        return self._storage

    def hazardTrackingMode(self) -> int:
        return self._tracking


class Buffer(Resource, objc_name="MTLBuffer"):
    def __init__(
        self,
        world: World,
        device: ObjCObject,
        memory: Memory,
        storage: int,
        heap: Heap | None = None,
        start: int = 0,
        *,
        own: bool = True,
    ) -> None:
        """``own``: the memory is the buffer's, and not shared with whoever made it."""
        super().__init__(world, device, storage, _UNTRACKED if memory.untracked else _TRACKED)
        self._memory, self._heap, self._start = memory, heap, start
        if own:
            if heap is not None:
                quarantine(world).reuse(memory)
            memory.poison()
            counted = memory.nbytes if heap is None else 0
            world.used_bytes += counted
            weakref.finalize(self, _released, world, memory, repr(self), counted)

    def length(self) -> int:
        return self._memory.nbytes

    def allocatedSize(self) -> int:
        return -(-self._memory.nbytes // HEAP_PAGE) * HEAP_PAGE

    def contents(self) -> Pointer | None:
        return None if self._storage == PRIVATE else Pointer(self._world, self._memory)

    def gpuAddress(self) -> int:
        return self._memory.address

    def heap(self) -> Heap | None:
        return self._heap

    def heapOffset(self) -> int:
        return self._start


def _released(world: World, memory: Memory, name: str, counted: int) -> None:
    world.used_bytes -= counted
    quarantine(world).take(memory, name)


def storage_of(world: World, options: int) -> int:
    """The storage mode in MTLResourceOptions, which must be a sum of its parts."""
    known = 0x1 | 0xF0 | 0x300
    world.check(options & ~known == 0, f"resource options {options:#x} hold unknown bits")
    storage = options >> 4 & 0xF
    world.check(storage in (SHARED, PRIVATE), f"buffers with storage mode {storage}: use shared or private")  # fmt: skip
    return storage


def is_untracked(options: int, default: int) -> bool:
    mode = options >> 8 & 3
    return (mode or default) == _UNTRACKED


class HeapDescriptor(Descriptor, objc_name="MTLHeapDescriptor"):
    objc_properties = {
        "size": (int, 0),
        "storageMode": (int, PRIVATE),
        "cpuCacheMode": (int, 0),
        "hazardTrackingMode": (int, 0),
        "type": (int, AUTOMATIC),
    }


class Heap(Resource, objc_name="MTLHeap"):
    def __init__(self, world: World, device: ObjCObject, descriptor: HeapDescriptor) -> None:
        values = descriptor._values
        super().__init__(
            world, device, values["storageMode"], values["hazardTrackingMode"] or _UNTRACKED
        )
        self._size = -(-values["size"] // HEAP_PAGE) * HEAP_PAGE
        self._type = values["type"]
        self._block = Block(self._size)
        self._buffers: weakref.WeakSet[Buffer] = weakref.WeakSet()
        self._alignment: int = device._gpu.heap_alignment
        world.used_bytes += self._size
        weakref.finalize(self, _heap_released, world, self._size)

    def size(self) -> int:
        return self._size

    def allocatedSize(self) -> int:
        return self._size

    def currentAllocatedSize(self) -> int:
        return self._size

    def usedSize(self) -> int:
        return sum(self._rounded(buffer.length()) for buffer in self._buffers)

    def newBufferWithLength_options_(self, length: int, options: int) -> Buffer | None:
        self._world.check(
            self._type == AUTOMATIC, "a placement heap makes buffers at offsets: ...options:offset:"
        )
        start = 0
        for buffer in sorted(self._buffers, key=lambda b: b._start):
            if start + self._rounded(length) <= buffer._start:
                break
            start = buffer._start + self._rounded(buffer._memory.nbytes)
        return self._buffer(length, options, start) if start + length <= self._size else None

    def newBufferWithLength_options_offset_(
        self, length: int, options: int, offset: int
    ) -> Buffer | None:
        check = self._world.check
        check(self._type == PLACEMENT, "only a placement heap makes buffers at offsets")
        check(
            offset % self._alignment == 0,
            f"offset {offset} in a heap is no multiple of {self._alignment}",
        )
        check(
            offset + length <= self._size,
            f"a buffer of {length} bytes at offset {offset} does not fit a heap of {self._size}",
        )
        return self._buffer(length, options, offset)

    def _buffer(self, length: int, options: int, start: int) -> Buffer:
        check = self._world.check
        check(length > 0, "a buffer must have a length")
        check(
            storage_of(self._world, options) == self._storage,
            "the storage mode of a buffer is not that of its heap",
        )
        memory = Memory(self._block, start, length, untracked=is_untracked(options, self._tracking))
        for other in self._buffers:
            check(
                not memory.overlaps(other._memory),
                f"a buffer at offset {start} of {length} bytes overlaps a live one at {other._start}",
            )
        made = Buffer(self._world, self._device, memory, self._storage, self, start)
        self._buffers.add(made)
        return made

    def _rounded(self, length: int) -> int:
        return -(-length // self._alignment) * self._alignment


def _heap_released(world: World, size: int) -> None:
    world.used_bytes -= size


class ResidencySetDescriptor(Descriptor, objc_name="MTLResidencySetDescriptor"):
    objc_properties = {"label": (str, None), "initialCapacity": (int, 0)}


class ResidencySet(ObjCObject, objc_name="MTLResidencySet"):
    """It holds what is in it, as Metal's does. Changes count from ``commit`` on."""

    def __init__(self, world: World, device: ObjCObject, label: str | None) -> None:
        super().__init__(world)
        self._device, self._label = device, label
        self._members: set[Buffer | Heap] = set()
        self._added: set[Buffer | Heap] = set()
        self._removed: set[Buffer | Heap] = set()

    def device(self) -> ObjCObject:
        return self._device

    def label(self) -> str | None:
        return self._label

    def addAllocation_(self, allocation: Buffer | Heap) -> None:
        check = self._world.check
        check(
            allocation._device is self._device, "an allocation of another device in a residency set"
        )
        check(
            isinstance(allocation, Heap) or allocation._heap is None,
            "a buffer of a heap in a residency set: add the heap",
        )
        self._removed.discard(allocation)
        if allocation not in self._members:
            self._added.add(allocation)

    def removeAllocation_(self, allocation: Buffer | Heap) -> None:
        self._world.check(
            allocation in self._members or allocation in self._added,
            "an allocation that is not in the residency set is removed from it",
        )
        self._added.discard(allocation)
        if allocation in self._members:
            self._removed.add(allocation)

    def containsAllocation_(self, allocation: Buffer | Heap) -> bool:
        return allocation in self._members

    def allocationCount(self) -> int:
        return len(self._members)

    def allocatedSize(self) -> int:
        return sum(member.allocatedSize() for member in self._members)

    def commit(self) -> None:
        self._members = (self._members | self._added) - self._removed
        self._added, self._removed = set(), set()

    def requestResidency(self) -> None:
        """A hint."""

    def endResidency(self) -> None:
        """A hint."""

    def _awaits_commit(self, buffer: Buffer) -> bool:
        return buffer in self._added or buffer._heap in self._added
