"""Command queues and command buffers: their life from being made to having ended, and all that may not happen on the way."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable
from typing import Any

from tests.metal.double.encoders import BlitEncoder, ComputeEncoder, Encoder
from tests.metal.double.engine import COMPLETED, run_until
from tests.metal.double.events import Event
from tests.metal.double.foundation import NSError
from tests.metal.double.hazards import UntrackedMemory
from tests.metal.double.memory import SHARED, Buffer, ResidencySet
from tests.metal.double.objects import Descriptor, ObjCObject
from tests.metal.double.records import Dispatch, EncoderRecord, Item, Signal, Wait
from tests.metal.double.world import WouldHang

NOT_ENQUEUED, COMMITTED = 0, 2
_LARGEST_WATCHED = 1 << 20
"""Bytes of the largest buffer whose contents are compared, at the commit and when a kernel reads them."""


class CommandBufferDescriptor(Descriptor, objc_name="MTLCommandBufferDescriptor"):
    objc_properties = {"retainedReferences": (bool, True), "errorOptions": (int, 0)}


class CommandQueue(ObjCObject, objc_name="MTLCommandQueue"):
    def __init__(self, device: ObjCObject, capacity: int) -> None:
        super().__init__(device._world)
        self._device, self._capacity = device, capacity
        self._label: str | None = None
        self._pending: deque[CommandBuffer] = deque()
        self._made: weakref.WeakSet[CommandBuffer] = weakref.WeakSet()
        self._residency: list[ResidencySet] = []

    def device(self) -> ObjCObject:
        return self._device

    def label(self) -> str | None:
        return self._label

    def setLabel_(self, label: str | None) -> None:
        self._label = label

    def commandBuffer(self) -> CommandBuffer:
        return self._command_buffer(retained=True, error_options=0)

    def commandBufferWithUnretainedReferences(self) -> CommandBuffer:
        return self._command_buffer(retained=False, error_options=0)

    def commandBufferWithDescriptor_(self, descriptor: CommandBufferDescriptor) -> CommandBuffer:
        values = descriptor._values
        return self._command_buffer(values["retainedReferences"], values["errorOptions"])

    def addResidencySet_(self, residency_set: ResidencySet) -> None:
        self._world.check(
            residency_set._device is self._device, "a residency set of another device"
        )
        self._residency.append(residency_set)

    def removeResidencySet_(self, residency_set: ResidencySet) -> None:
        self._residency.remove(residency_set)

    def _command_buffer(self, retained: bool, error_options: int) -> CommandBuffer:
        unfinished = sum(made._status < COMPLETED for made in self._made)
        if unfinished >= self._capacity:
            self._world.violation(
                f"a queue has {self._capacity} command buffers that have not completed: "
                "making another blocks",
                WouldHang,
            )
        made = CommandBuffer(self, retained, error_options)
        self._world.autorelease(made)
        self._made.add(made)
        return made


class CommandBuffer(ObjCObject, objc_name="MTLCommandBuffer"):
    def __init__(self, queue: CommandQueue, retained: bool, error_options: int) -> None:
        super().__init__(queue._world)
        self._queue, self._device = queue, queue._device
        self._retained, self._error_options = retained, error_options
        self._label: str | None = None
        self._status, self._polls = NOT_ENQUEUED, 0
        self._items: list[Item] = []
        self._at = 0
        self._encoder: weakref.ref[Encoder] | None = None
        self._uses: dict[int, Any] = {}
        self._lost: list[str] = []
        self._fault: Any = None
        self._wedged = self._ignored = False
        self._error: NSError | None = None
        self._started = self._ended = 0.0
        self._handlers: list[Callable[..., Any]] = []

    def device(self) -> ObjCObject:
        return self._device

    def commandQueue(self) -> CommandQueue:
        return self._queue

    def retainedReferences(self) -> bool:
        return self._retained

    def label(self) -> str | None:
        return self._label

    def setLabel_(self, label: str | None) -> None:
        self._label = label

    # --- encoding --------------------------------------------------------------------------------

    def computeCommandEncoder(self) -> ComputeEncoder:
        return self._new_encoder(ComputeEncoder, EncoderRecord("compute"))

    def computeCommandEncoderWithDispatchType_(self, dispatch_type: int) -> ComputeEncoder:
        self._world.check(dispatch_type in (0, 1), f"there is no dispatch type {dispatch_type}")
        return self._new_encoder(ComputeEncoder, EncoderRecord("compute", dispatch_type == 1))

    def blitCommandEncoder(self) -> BlitEncoder:
        return self._new_encoder(BlitEncoder, EncoderRecord("blit"))

    def encodeWaitForEvent_value_(self, event: Event, value: int) -> None:
        self._encode_event(event, Wait(event._cell, value), "a wait for an event")

    def encodeSignalEvent_value_(self, event: Event, value: int) -> None:
        self._encode_event(event, Signal(event._cell, value), "an event's signal")

    def addCompletedHandler_(self, handler: Callable[..., Any]) -> None:
        self._must_not_be_committed("a handler is added")
        self._handlers.append(handler)

    def _new_encoder(self, kind: Any, record: EncoderRecord) -> Any:
        self._must_not_be_committed("an encoder is made")
        self._must_not_be_encoding("an encoder is made")
        record.owner = weakref.ref(self)
        self._items.append(record)
        made = kind(self, record)
        self._world.autorelease(made)
        return made

    def _encode_event(self, event: Event, item: Signal | Wait, what: str) -> None:
        self._must_not_be_committed(f"{what} is encoded")
        self._must_not_be_encoding(f"{what} is encoded")
        self._world.check(
            event._device is self._device or event.objc_name == "MTLSharedEvent",
            "an event of another device",
        )
        self._use(event)
        self._items.append(item)

    def _must_not_be_committed(self, what: str) -> None:
        self._world.check(
            self._status < COMMITTED, f"{what} after the command buffer was committed"
        )

    def _must_not_be_encoding(self, what: str) -> None:
        encoder = self._encoder() if self._encoder is not None else None
        self._world.check(encoder is None, f"{what} while another encoder is open")
        if self._encoder is not None:
            self._world.violation(f"{what} after an encoder was released without endEncoding")

    # --- what it uses ----------------------------------------------------------------------------

    def _use(self, used: Any) -> None:
        key = id(used)
        if key in self._uses:
            return
        if self._retained:
            self._uses[key] = used
            return
        me, name, world = weakref.ref(self), used.objc_name, self._world

        def gone(_: Any) -> None:
            buffer = me()
            if buffer is None or buffer._status >= COMPLETED:
                return
            buffer._uses.pop(key, None)
            buffer._lost.append(name)
            if buffer._status >= COMMITTED:
                world.note(f"{name} was released while a command buffer in flight uses it")

        self._uses[key] = weakref.ref(used, gone)

    # --- running ---------------------------------------------------------------------------------

    def commit(self) -> None:
        world = self._world
        self._must_not_be_committed("commit again")
        self._must_not_be_encoding("commit")
        world.check(
            not self._lost, f"{', '.join(self._lost)} was released before the commit that uses it"
        )
        self._check_residency()
        hazards = world.singletons.setdefault("untracked", UntrackedMemory(world))
        hazards.commit(self._queue, self._items)
        world.committed += 1
        self._fault = world.faults.command_buffer(world.committed)
        self._wedged = world.committed in world.faults.wedged
        self._status = COMMITTED
        self._watch_memory()
        self._queue._pending.append(self)
        world.singletons.setdefault("busy", set()).add(self._queue)
        captured = world.singletons.get("capture")
        if captured is not None:
            captured._commit(self)

    def status(self) -> int:
        if COMMITTED <= self._status < COMPLETED:
            self._polls += 1
            if self._polls >= self._world.profile.status_polls:
                run_until(self)
        return self._status

    def waitUntilCompleted(self) -> None:
        self._world.check(
            self._status >= COMMITTED, "a wait for a command buffer that was not committed"
        )
        if not run_until(self) or self._status < COMPLETED:
            self._world.violation(
                "waitUntilCompleted on a command buffer that does not end", WouldHang
            )

    def error(self) -> NSError | None:
        return self._error

    def GPUStartTime(self) -> float:
        return self._started if self._status >= COMPLETED else 0.0

    def GPUEndTime(self) -> float:
        return self._ended

    def _finish(self, status: int, error: NSError | None, now: float) -> None:
        for access in self._writes():
            access.memory.pending_writes -= 1
        self._uses.clear()
        self._status, self._error, self._ended = status, error, now
        handlers, self._handlers = self._handlers, []
        for handler in handlers:
            handler(self)

    def _check_residency(self) -> None:
        for held in self._uses.values():
            used = held() if isinstance(held, weakref.ref) else held
            if isinstance(used, Buffer):
                for residency in self._queue._residency:
                    self._world.check(
                        not residency._awaits_commit(used),
                        "a buffer is used whose residency set was not committed since it was added",
                    )

    def _writes(self) -> list[Any]:
        records = [item for item in self._items if isinstance(item, EncoderRecord)]
        return [a for r in records for c in r.commands for a in c.accesses if a.write]

    def _watch_memory(self) -> None:
        """Remembers what kernels are about to read, unless the GPU or, after an event, the host still writes it."""
        waits = any(isinstance(item, Wait) for b in (*self._queue._pending, self) for item in b._items)  # fmt: skip
        for access in self._writes():
            access.memory.pending_writes += 1
        shared = {id(b._memory) for b in self._buffers() if b._storage == SHARED}
        records = [item for item in self._items if isinstance(item, EncoderRecord)]
        for command in (c for r in records for c in r.commands if isinstance(c, Dispatch)):
            for memory in {a.memory for a in command.accesses}:
                small = id(memory) in shared and memory.nbytes <= _LARGEST_WATCHED
                if small and not waits and memory.pending_writes == 0:
                    command.checksums.append((memory, memory.checksum(), memory.gpu_writes))

    def _buffers(self) -> list[Buffer]:
        held = (h() if isinstance(h, weakref.ref) else h for h in self._uses.values())
        return [used for used in held if isinstance(used, Buffer)]
