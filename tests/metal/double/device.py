"""The GPU as an MTLDevice: what it reports, and everything that is made by it."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.metal.double.commands import CommandQueue
from tests.metal.double.compiler import Diagnostics, Request, compile_library
from tests.metal.double.encoders import Fence
from tests.metal.double.events import Event, SharedEvent
from tests.metal.double.foundation import MTLSize, MTLSizeAndAlign, NSError
from tests.metal.double.memory import (
    MANAGED,
    MEMORYLESS,
    SHARED,
    Buffer,
    Heap,
    HeapDescriptor,
    ResidencySet,
    ResidencySetDescriptor,
    is_untracked,
    storage_of,
)
from tests.metal.double.objects import ObjCObject
from tests.metal.double.profile import Gpu
from tests.metal.double.programs import (
    ARCHIVE_DOMAIN,
    COMPILE_FAILURE,
    COMPILE_WARNING,
    LIBRARY_DOMAIN,
    ArchiveDescriptor,
    BinaryArchive,
    Function,
    Library,
    MTLCompileOptions,
    PipelineDescriptor,
    PipelineState,
    new_pipeline,
    open_archive,
)
from tests.metal.double.storage import Block, Memory, is_page_aligned
from tests.metal.double.world import World

_TRACKED = 2
_BUFFER_ROUNDING = 16


class Device(ObjCObject, objc_name="MTLDevice"):
    def __init__(self, world: World, gpu: Gpu, number: int) -> None:
        super().__init__(world)
        self._gpu, self._number = gpu, number

    # --- what it is ------------------------------------------------------------------------------

    def name(self) -> str:
        return self._gpu.name

    def registryID(self) -> int:
        return 0x1_0000_0400 + self._number

    def supportsFamily_(self, family: int) -> bool:
        return self._gpu.supports(family)

    def hasUnifiedMemory(self) -> bool:
        return self._gpu.unified

    def isLowPower(self) -> bool:
        return False

    def maxThreadsPerThreadgroup(self) -> MTLSize:
        return MTLSize(*(3 * [self._gpu.max_threads]))

    def maxThreadgroupMemoryLength(self) -> int:
        return self._gpu.threadgroup_memory

    def maxBufferLength(self) -> int:
        return self._gpu.max_buffer

    def recommendedMaxWorkingSetSize(self) -> int:
        return self._gpu.working_set

    def currentAllocatedSize(self) -> int:
        return self._world.used_bytes

    # --- memory ----------------------------------------------------------------------------------

    def newBufferWithLength_options_(self, length: int, options: int) -> Buffer | None:
        self._check_length(length)
        storage = storage_of(self._world, options)
        if not self._has_room(length):
            return None
        memory = Memory(Block(length), 0, length, untracked=is_untracked(options, _TRACKED))
        return Buffer(self._world, self, memory, storage)

    def newBufferWithBytes_length_options_(
        self, data: Any, length: int, options: int
    ) -> Buffer | None:
        self._world.check(
            storage_of(self._world, options) == SHARED, "newBufferWithBytes: makes shared buffers"
        )
        made = Device._implementations["newBufferWithLength_options_"](self, length, options)
        if made is not None:
            made._memory.view()[:] = np.frombuffer(memoryview(data).cast("B")[:length], np.uint8)
        return made  # type: ignore[no-any-return]

    def newBufferWithBytesNoCopy_length_options_deallocator_(
        self, data: Any, length: int, options: int, deallocator: Any
    ) -> Buffer | None:
        check = self._world.check
        self._check_length(length)
        block = Block(length, data)
        check(
            is_page_aligned(block.address) and is_page_aligned(length),
            f"bytesNoCopy: address {block.address:#x} or length {length} is not page aligned",
        )
        check(storage_of(self._world, options) == SHARED, "bytesNoCopy makes shared buffers only")
        memory = Memory(block, 0, length, untracked=is_untracked(options, _TRACKED))
        return Buffer(self._world, self, memory, SHARED, own=False)

    def heapBufferSizeAndAlignWithLength_options_(
        self, length: int, options: int
    ) -> MTLSizeAndAlign:
        storage_of(self._world, options)
        return MTLSizeAndAlign(
            -(-length // _BUFFER_ROUNDING) * _BUFFER_ROUNDING, self._gpu.heap_alignment
        )

    def newHeapWithDescriptor_(self, descriptor: HeapDescriptor) -> Heap | None:
        check, values = self._world.check, descriptor._values
        check(values["size"] > 0, "a heap must have a size")
        check(values["storageMode"] not in (MANAGED, MEMORYLESS), "heaps are shared or private")
        return Heap(self._world, self, descriptor) if self._has_room(values["size"]) else None

    def newResidencySetWithDescriptor_error_(
        self, descriptor: ResidencySetDescriptor, error: None
    ) -> tuple[ResidencySet | None, NSError | None]:
        if not self._gpu.residency_sets:
            text = "residency sets are not supported on this device"
            return None, NSError(self._world, "MTLDeviceError", 1, text)
        return ResidencySet(self._world, self, descriptor._values["label"]), None

    # --- commands --------------------------------------------------------------------------------

    def newCommandQueue(self) -> CommandQueue:
        return CommandQueue(self, self._world.profile.queue_capacity)

    def newCommandQueueWithMaxCommandBufferCount_(self, count: int) -> CommandQueue:
        self._world.check(count > 0, "a queue must have room for a command buffer")
        return CommandQueue(self, count)

    def newEvent(self) -> Event:
        return Event(self)

    def newSharedEvent(self) -> SharedEvent:
        return SharedEvent(self)

    def newFence(self) -> Fence:
        return Fence(self)

    # --- programs --------------------------------------------------------------------------------

    def newLibraryWithSource_options_error_(
        self, source: str, options: MTLCompileOptions | None, error: None
    ) -> tuple[Library | None, NSError | None]:
        asked = options or MTLCompileOptions(self._world)
        request = Request(source, asked._options(), self._gpu.family, asked._language())
        made = compile_library(request)
        if isinstance(made, Diagnostics):
            return None, NSError(self._world, LIBRARY_DOMAIN, COMPILE_FAILURE, made.text)
        warning = self._world.faults.warning
        said = None if warning is None else NSError(self._world, LIBRARY_DOMAIN, COMPILE_WARNING, warning)  # fmt: skip
        return Library(self, source, request.options, made), said

    def newComputePipelineStateWithFunction_error_(
        self, function: Function, error: None
    ) -> tuple[PipelineState | None, NSError | None]:
        return new_pipeline(self, function, 0, None)

    def newComputePipelineStateWithDescriptor_options_reflection_error_(
        self, descriptor: PipelineDescriptor, options: int, reflection: None, error: None
    ) -> tuple[PipelineState | None, NSError | None]:
        function = descriptor._values["computeFunction"]
        if function is None:
            self._world.violation("a pipeline descriptor without computeFunction")
        return new_pipeline(self, function, options, descriptor._values["binaryArchives"])

    def newBinaryArchiveWithDescriptor_error_(
        self, descriptor: ArchiveDescriptor, error: None
    ) -> tuple[BinaryArchive | None, NSError | None]:
        if not self._gpu.archives:
            text = "binary archives are not supported on this device"
            return None, NSError(self._world, ARCHIVE_DOMAIN, 4, text)
        return open_archive(self, descriptor._values["url"])

    # --- limits ----------------------------------------------------------------------------------

    def _check_length(self, length: int) -> None:
        self._world.check(length > 0, "a buffer must have a length")
        self._world.check(
            length <= self._gpu.max_buffer,
            f"a buffer of {length} bytes: the device's maximum is {self._gpu.max_buffer}",
        )

    def _has_room(self, nbytes: int) -> bool:
        limit = self._world.faults.memory
        return limit is None or self._world.used_bytes + nbytes <= limit
