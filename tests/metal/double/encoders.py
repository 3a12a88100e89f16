"""Command encoders: messages in, an EncoderRecord's commands out, each checked by the validation layer's rules."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

from tests.metal.double.hazards import BarrierGroup
from tests.metal.double.memory import Buffer, Heap, Resource
from tests.metal.double.objects import ObjCObject
from tests.metal.double.programs import PipelineState
from tests.metal.double.records import Access, Bound, Copy, EncoderRecord, Fill
from tests.metal.double.validation import INLINE_BYTES, MEMORY_ALIGNMENT, SLOTS, dispatch

_BUFFERS_SCOPE = 1
_COPY_ALIGNMENT = 4
"""Bytes: what macOS asks of the offsets and the size of a blit."""


class Fence(ObjCObject, objc_name="MTLFence"):
    def __init__(self, device: ObjCObject) -> None:
        super().__init__(device._world)
        self._device = device
        self._updated_by: EncoderRecord | None = None
        self._label: str | None = None

    def device(self) -> ObjCObject:
        return self._device

    def label(self) -> str | None:
        return self._label

    def setLabel_(self, label: str | None) -> None:
        self._label = label


class Encoder(ObjCObject):
    """What all encoders do."""

    def __init__(self, command_buffer: Any, record: EncoderRecord) -> None:
        self._open = True
        super().__init__(command_buffer._world)
        self._command_buffer = command_buffer
        self._device, self._record = command_buffer._device, record
        command_buffer._encoder = weakref.ref(self)

    def __del__(self) -> None:
        if self._open:
            self._world.note(f"{self.objc_name} was released without endEncoding")

    def device(self) -> ObjCObject:
        return self._device

    def label(self) -> str | None:
        return self._record.label

    def setLabel_(self, label: str | None) -> None:
        self._record.label = label

    def endEncoding(self) -> None:
        self._must_be_open()
        self._open = False
        self._command_buffer._encoder = None
        self._let_go()

    def updateFence_(self, fence: Fence) -> None:
        self._uses(fence)
        fence._updated_by = self._record

    def waitForFence_(self, fence: Fence) -> None:
        self._uses(fence)
        if fence._updated_by is not None and fence._updated_by is not self._record:
            self._record.waited_fences.append(fence._updated_by)

    def _let_go(self) -> None:
        """Forgets what was bound: an encoder keeps nothing alive."""

    def _must_be_open(self) -> None:
        self._world.check(self._open, f"{self.objc_name} gets a message after endEncoding")

    def _uses(self, used: Any) -> None:
        """Checks an object that a command needs, and keeps it if the command buffer retains what it uses."""
        self._must_be_open()
        self._world.check(used._device is self._device, f"{used!r} is of another device")
        self._command_buffer._use(used)


class ComputeEncoder(Encoder, objc_name="MTLComputeCommandEncoder"):
    def __init__(self, command_buffer: Any, record: EncoderRecord) -> None:
        super().__init__(command_buffer, record)
        self._state: PipelineState | None = None
        self._bound: dict[int, Bound] = {}
        self._memory: dict[int, int] = {}
        self._group = BarrierGroup(self._world) if record.concurrent else None

    def dispatchType(self) -> int:
        return int(self._record.concurrent)

    def setComputePipelineState_(self, state: PipelineState) -> None:
        self._uses(state)
        self._state = state

    # --- arguments -------------------------------------------------------------------------------

    def setBuffer_offset_atIndex_(self, buffer: Buffer | None, offset: int, index: int) -> None:
        self._must_be_open()
        self._slot(index)
        if buffer is None:
            self._bound[index] = Bound()
            return
        self._uses(buffer)
        self._bound[index] = self._bound_at(buffer, offset)

    def setBufferOffset_atIndex_(self, offset: int, index: int) -> None:
        self._must_be_open()
        self._slot(index)
        buffer = self._bound.get(index, Bound()).buffer
        if buffer is None:
            self._world.violation(
                f"an offset is set at buffer index {index}, where no buffer is bound"
            )
        self._bound[index] = self._bound_at(buffer, offset)

    def setBytes_length_atIndex_(self, data: Any, length: int, index: int) -> None:
        self._must_be_open()
        self._slot(index)
        self._world.check(
            0 < length <= INLINE_BYTES,
            f"{length} inline bytes: setBytes takes 1 to {INLINE_BYTES}",
        )
        self._bound[index] = Bound(data=bytes(memoryview(data).cast("B")[:length]))

    def setThreadgroupMemoryLength_atIndex_(self, length: int, index: int) -> None:
        self._must_be_open()
        self._slot(index)
        check, limit = self._world.check, self._device._gpu.threadgroup_memory
        check(
            length % MEMORY_ALIGNMENT == 0,
            f"threadgroup memory of {length} bytes is no multiple of {MEMORY_ALIGNMENT}",
        )
        check(length <= limit, f"threadgroup memory of {length} bytes: the device has {limit}")
        self._memory[index] = length

    def _let_go(self) -> None:
        self._bound.clear()
        self._state = None

    def _slot(self, index: int) -> None:
        self._world.check(index < SLOTS, f"index {index}: an argument table has {SLOTS} slots")

    def _bound_at(self, buffer: Buffer, offset: int) -> Bound:
        length = buffer._memory.nbytes
        self._world.check(
            offset <= length, f"offset {offset} is outside of a buffer of {length} bytes"
        )
        return Bound(buffer, offset)

    # --- commands --------------------------------------------------------------------------------

    def dispatchThreads_threadsPerThreadgroup_(
        self, grid: Sequence[int], threadgroup: Sequence[int]
    ) -> None:
        self._world.check(
            self._device._gpu.nonuniform_threadgroups,
            f"dispatchThreads needs the family Apple4 or Mac2, {self._device._gpu.name} is older",
        )
        self._dispatch(grid, threadgroup)

    def dispatchThreadgroups_threadsPerThreadgroup_(
        self, groups: Sequence[int], threadgroup: Sequence[int]
    ) -> None:
        self._dispatch([g * t for g, t in zip(groups, threadgroup, strict=True)], threadgroup)

    def memoryBarrierWithScope_(self, scope: int) -> None:
        self._must_be_open()
        if self._group is not None and scope & _BUFFERS_SCOPE:
            self._group.barrier()

    def memoryBarrierWithResources_count_(self, resources: Sequence[Buffer], count: int) -> None:
        self._must_be_open()
        if self._group is not None:
            self._group.barrier([resource._memory for resource in resources[:count]])

    def useResource_usage_(self, resource: Resource, usage: int) -> None:
        self._uses(resource)

    def useHeap_(self, heap: Heap) -> None:
        self._uses(heap)

    def _dispatch(self, grid: Sequence[int], threadgroup: Sequence[int]) -> None:
        self._must_be_open()
        launch = dispatch(
            self._world,
            self._device._gpu,
            self._state,
            self._bound,
            self._memory,
            (grid[0], grid[1], grid[2]),
            (threadgroup[0], threadgroup[1], threadgroup[2]),
        )
        if self._group is not None:
            self._group.add(launch.kernel, launch.accesses)
        self._record.commands.append(launch)


class BlitEncoder(Encoder, objc_name="MTLBlitCommandEncoder"):
    def copyFromBuffer_sourceOffset_toBuffer_destinationOffset_size_(
        self, source: Buffer, start: int, destination: Buffer, to: int, size: int
    ) -> None:
        self._uses(source)
        self._uses(destination)
        read, write = self._range(source, start, size), self._range(destination, to, size, True)
        self._world.check(not read.conflicts(write), "a blit copies bytes onto themselves")
        self._record.commands.append(Copy(read, write))

    def fillBuffer_range_value_(self, buffer: Buffer, where: Sequence[int], value: int) -> None:
        self._uses(buffer)
        self._record.commands.append(Fill(self._range(buffer, where[0], where[1], True), value))

    def _range(self, buffer: Buffer, start: int, size: int, write: bool = False) -> Access:
        check, length = self._world.check, buffer._memory.nbytes
        check(size > 0, "a blit of no bytes")
        check(
            start % _COPY_ALIGNMENT == 0 and size % _COPY_ALIGNMENT == 0,
            f"a blit of {size} bytes from byte {start}: both must be multiples of {_COPY_ALIGNMENT}",
        )
        check(
            start + size <= length,
            f"a blit of {size} bytes from byte {start} is outside of a buffer of {length} bytes",
        )
        return Access(buffer._memory, write, start, start + size)
