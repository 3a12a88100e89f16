"""Launches in order on one command queue: commands in, batches of them committed, waited for and judged.

A launch is only noted. A batch is encoded and committed when enough is noted, or when somebody waits; each batch has its
autorelease pool, and at most three are in flight. A batch that fails poisons the stream: what was queued behind it is
dropped, and every call raises its error until ``synchronize`` has raised it.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from metal_runtime.backends.metal.batch import Awaited, Batch, MetalEvent, Recorded
from metal_runtime.backends.metal.commands import Command, Copy, Launch, Signal, Wait, write_times
from metal_runtime.backends.metal.constants import (
    MTLCommandBufferErrorOptionEncoderExecutionStatus,
    MTLCommandBufferStatusCompleted,
    MTLCommandBufferStatusError,
)
from metal_runtime.backends.metal.encoding import encode
from metal_runtime.backends.metal.faults import fault_of, time_limit_fault
from metal_runtime.backends.metal.memory import MetalAllocation
from metal_runtime.backends.metal.program import MetalPipeline
from metal_runtime.backends.metal.protocols import (
    Framework,
    MTLCommandBuffer,
    MTLCommandQueue,
    MTLDevice,
)
from metal_runtime.backends.metal.residency import Residency
from metal_runtime.device.launch_config import LaunchConfig
from metal_runtime.device.protocol import Binding, Event, Pipeline
from metal_runtime.errors import DeviceError, IrisError, LaunchError

FIRST_BATCH, NEXT_BATCHES = 64, 200
"""Commands of a batch: the first after a wait is short, so that the GPU begins soon."""

BATCH_BYTES = 64 << 20
"""Bytes bound by the launches of a batch, from which on it is committed."""

MOST_IN_FLIGHT = 3
SPIN_SECONDS = 200e-6
"""So long the host asks again and again before it sleeps: waking takes as long."""

SLICE_MS = (1, 50)
"""Milliseconds of a sleep, the first and the longest: an error signals nothing, so it is looked for in between."""


_STUCK: list[object] = []
"""Queues that were given up, with all that their command buffers use: it must outlive even the device."""


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """How streams behave."""

    time_limit: float = 60.0
    """Seconds after which a batch that still runs is given up."""

    debug: bool = False
    """Metal tells which launch failed; each has an encoder of its own, which costs time."""


class MetalStream:
    """One command queue. Safe to use from many threads; launches are in the order of the calls."""

    def __init__(
        self,
        device: MTLDevice,
        framework: Framework,
        residency: Residency,
        options: StreamOptions,
        number: int = 0,
    ) -> None:
        self.number = number
        self._device, self._framework, self._residency = device, framework, residency
        self._options = options
        self._lock = threading.RLock()
        self._queue = self._new_queue()
        self._progress = MetalEvent(device).shared
        self._noted: list[Command] = []
        self._noted_bytes = 0
        self._noted_since = 0
        self._noted_events: list[Recorded] = []
        self._noted_waits: list[Awaited] = []
        self._in_flight: deque[Batch] = deque()
        self._committed = 0
        self._fault: IrisError | None = None
        self.gpu_seconds = 0.0
        """Of all batches that have ended, from the beginning to the end of each on the GPU."""

    # --- what to do ------------------------------------------------------------------------------

    def launch(
        self,
        pipeline: Pipeline,
        config: LaunchConfig,
        bindings: Sequence[Binding],
        times: int = 0,
    ) -> None:
        """Notes a launch, or commits one that is measured. Raises the error of an earlier one that failed."""
        if type(pipeline) is not MetalPipeline:
            raise DeviceError(f"{pipeline!r} was not compiled for the Metal device")
        if len(bindings) != len(pipeline.indices):
            raise LaunchError(
                f"{len(bindings)} arguments are bound, it has {len(pipeline.indices)}",
                kernel=pipeline.signature.name,
            )
        if config.threadgroup_memory:
            self._check_memory(pipeline, config)
        launch = Launch(pipeline, config, bindings, times)
        if times:
            write_times([launch], 0, 0)
        if config.thread_count:
            nbytes = sum(b[0].nbytes for b in bindings if type(b) is tuple)
            self._note(launch, nbytes)
        elif times:
            write_times([launch], now := time.monotonic_ns(), now)

    def copy(
        self,
        source: tuple[MetalAllocation, int],
        destination: tuple[MetalAllocation, int],
        nbytes: int,
    ) -> None:
        """Notes a copy of bytes on the GPU: the way in and out of private memory."""
        if nbytes:
            self._note(Copy(source, destination, nbytes), 2 * nbytes)

    def record(self, event: Event) -> None:
        """The event is done when all so far is; commits that, so that whoever waits does not wait in vain."""
        event = _own(event)
        with self._lock:
            self._raise_fault()
            event.value += 1
            self._noted.append(Signal(event.shared, event.value))
            self._noted_events.append((event, event.value))
            batch = self._commit()
            assert batch is not None
            event.recorded = (self, batch)

    def wait(self, event: Event) -> None:
        """What follows on this stream begins when the event is done. The host goes on."""
        event = _own(event)
        if event.recorded is None:
            return
        with self._lock:
            self._raise_fault()
            self._noted.append(Wait(event.shared, event.value))
            self._noted_waits.append((event, event.value, event.recorded[1]))

    def flush(self) -> None:
        """Commits what is noted, without waiting."""
        with self._lock:
            self._raise_fault()
            self._commit()

    def synchronize(self) -> None:
        """Waits until all has ended.

        Raises:
            KernelFault: a launch failed, or did not end within the time limit. From now on the stream works again.
        """
        with self._lock:
            if self._fault is None:
                self._commit(raising=False)
            while self._in_flight:
                self._finish_oldest()
            fault, self._fault = self._fault, None
            if fault is not None:
                raise fault

    def wait_for(self, batch: Batch) -> None:
        """Waits until one batch has ended. Raises its error."""
        with self._lock:
            while not batch.done and self._in_flight:
                self._finish_oldest()
        if batch.fault is not None:
            raise batch.fault

    def pending_since(self) -> int | None:
        """When the oldest launch was noted that has not ended, by ``perf_counter_ns``; None: all have. It does not wait.

        0 where another thread waits for the stream at this moment.
        """
        if not self._lock.acquire(blocking=False):
            return 0
        try:
            for batch in self._in_flight:
                if batch.buffer.status() < MTLCommandBufferStatusCompleted:
                    return batch.since
            return self._noted_since if self._noted else None
        finally:
            self._lock.release()

    # --- batches ---------------------------------------------------------------------------------

    def _note(self, command: Command, nbytes: int) -> None:
        alone = isinstance(command, Launch) and command.times != 0
        with self._lock:
            self._raise_fault()
            if alone:
                self._commit()  # Metal times command buffers: it gets one of its own
            if not self._noted:
                self._noted_since = time.perf_counter_ns()
            self._noted.append(command)
            self._noted_bytes += nbytes
            most = NEXT_BATCHES if self._in_flight else FIRST_BATCH
            if alone or len(self._noted) >= most or self._noted_bytes >= BATCH_BYTES:
                self._commit()

    def _commit(self, *, raising: bool = True) -> Batch | None:
        """Encodes and commits what is noted. ``raising``: an error that comes up here is raised, not only kept."""
        if not self._noted:
            return None
        while len(self._in_flight) >= MOST_IN_FLIGHT:
            self._finish_oldest()
        commands, self._noted, self._noted_bytes = self._noted, [], 0
        events, self._noted_events = self._noted_events, []
        waited, self._noted_waits = self._noted_waits, []
        batch = None
        if self._fault is None:
            try:
                batch = self._encoded(commands)
            except DeviceError as error:
                self._fault = error
        if batch is None:
            write_times(commands, now := time.monotonic_ns(), now)
            _signal_by_hand(events)
            if raising:
                self._raise_fault()
            return None
        batch.events, batch.waited, batch.since = events, waited, self._noted_since
        self._in_flight.append(batch)
        return batch

    def _encoded(self, commands: list[Command]) -> Batch:
        self._residency.commit()
        with self._framework.autorelease_pool():
            buffer = self._new_command_buffer(commands)
            encode(commands, buffer, apart=self._options.debug)
            self._committed += 1
            buffer.encodeSignalEvent_value_(self._progress, self._committed)
            buffer.commit()
        return Batch(buffer, commands, self._committed)

    def _new_command_buffer(self, commands: list[Command]) -> MTLCommandBuffer:
        descriptor = self._framework.command_buffer_descriptor()
        descriptor.setRetainedReferences_(False)
        if self._options.debug:
            descriptor.setErrorOptions_(MTLCommandBufferErrorOptionEncoderExecutionStatus)
        buffer = self._queue.commandBufferWithDescriptor_(descriptor)
        if buffer is None:
            launches = [str(c) for c in commands if isinstance(c, Launch)]
            what = launches[0] if launches else "a copy"
            raise DeviceError(f"Metal makes no command buffer for {what}")
        return buffer

    def _finish_oldest(self) -> None:
        """Waits for the oldest batch in flight and takes note of how it ended."""
        batch = self._in_flight[0]
        with self._framework.autorelease_pool():
            ended = self._await(batch)
            self._in_flight.popleft()
            batch.done = True
            if not ended:
                self._give_up(batch)
            elif batch.buffer.status() == MTLCommandBufferStatusError:
                self._fail(batch, fault_of(batch.buffer.error(), batch.commands, self._framework))
            else:
                batch.gpu_start = batch.buffer.GPUStartTime()
                batch.gpu_end = batch.buffer.GPUEndTime()
                self.gpu_seconds += batch.gpu_end - batch.gpu_start
                write_times(batch.commands, int(batch.gpu_start * 1e9), int(batch.gpu_end * 1e9))
                for _, _, before in batch.waited:
                    inherited = before.failure(self._framework)
                    if inherited is not None:  # it ran on what a failed stream left
                        self._fail(batch, inherited)
            batch.commands, batch.events, batch.waited = (), (), ()  # lets go of the memory

    def _await(self, batch: Batch) -> bool:
        """Whether the batch ended within the time limit."""
        begin = time.perf_counter()
        while time.perf_counter() - begin < SPIN_SECONDS:
            if batch.buffer.status() >= MTLCommandBufferStatusCompleted:
                return True
        slice_ms, longest = SLICE_MS
        while time.perf_counter() - begin < self._options.time_limit:
            self._progress.waitUntilSignaledValue_timeoutMS_(batch.number, slice_ms)
            if batch.buffer.status() >= MTLCommandBufferStatusCompleted:
                return True
            for event, value, before in batch.waited:
                if before.failure(self._framework) is not None:
                    _signal_by_hand([(event, value)])
            slice_ms = min(2 * slice_ms, longest)
        return False

    # --- failures --------------------------------------------------------------------------------

    def _raise_fault(self) -> None:
        if self._fault is not None:
            raise self._fault

    def _fail(self, batch: Batch, fault: IrisError) -> None:
        """Poisons the stream: the first error counts, and what is noted is dropped."""
        batch.fault = fault
        write_times(batch.commands, now := time.monotonic_ns(), now)
        self._fault = self._fault or fault
        _signal_by_hand(batch.events)
        self._drop_noted()

    def _give_up(self, batch: Batch) -> None:
        """The queue is stuck: another takes its place. What it uses is kept, for the GPU may still write to it."""
        stuck = [batch, *self._in_flight]
        fault = time_limit_fault(batch.commands, self._options.time_limit)
        self._in_flight.clear()
        _STUCK.append((self._queue, self._progress, [(b.buffer, b.commands, b.events) for b in stuck]))  # fmt: skip
        for each in stuck:
            each.done = True
            self._fail(each, fault)
        self._queue = self._new_queue()
        self._progress = MetalEvent(self._device).shared
        self._committed = 0

    def _drop_noted(self) -> None:
        events, self._noted_events = self._noted_events, []
        write_times(self._noted, now := time.monotonic_ns(), now)
        self._noted, self._noted_bytes, self._noted_waits = [], 0, []
        _signal_by_hand(events)

    def _new_queue(self) -> MTLCommandQueue:
        queue = self._device.newCommandQueue()
        if queue is None:
            raise DeviceError("Metal makes no command queue")
        self._residency.attach(queue)
        return queue

    def _check_memory(self, pipeline: MetalPipeline, config: LaunchConfig) -> None:
        total = pipeline.static_threadgroup_memory + sum(config.threadgroup_memory)
        limit = self._device.maxThreadgroupMemoryLength()
        if total > limit:
            raise LaunchError(
                f"its threadgroups need {total} bytes of memory, the device has {limit}",
                kernel=pipeline.signature.name,
            )


def _signal_by_hand(events: Sequence[Recorded]) -> None:
    """Metal signals nothing after an error, and other queues would wait for ever."""
    for event, value in events:
        if event.shared.signaledValue() < value:
            event.shared.setSignaledValue_(value)


def _own(event: Event) -> MetalEvent:
    if not isinstance(event, MetalEvent):
        raise DeviceError(f"{event!r} is not an event of the Metal device")
    return event
