"""What a stream has committed: a command buffer with its commands, and the events that it signals or waits for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from metal_runtime.backends.metal.commands import Command
from metal_runtime.backends.metal.constants import MTLCommandBufferStatusError
from metal_runtime.backends.metal.faults import fault_of
from metal_runtime.backends.metal.protocols import (
    Framework,
    MTLCommandBuffer,
    MTLDevice,
    MTLSharedEvent,
)
from metal_runtime.errors import DeviceError, IrisError


@dataclass(slots=True)
class Batch:
    """A command buffer that was committed, with what it does."""

    buffer: MTLCommandBuffer
    commands: Sequence[Command]
    number: int
    """The value of the stream's progress when it is done."""

    events: Sequence[Recorded] = ()
    """Those that it signals."""

    waited: Sequence[Awaited] = ()
    """Those that it waits for."""

    since: int = 0
    """When its first command was noted, as ``MetalDevice.launched`` counts."""

    fault: IrisError | None = None
    gpu_start: float = 0.0
    gpu_end: float = 0.0
    """Seconds on the GPU's clock."""

    done: bool = False

    def failure(self, framework: Framework) -> IrisError | None:
        """Why it failed, if it has: Metal is asked where its stream has not looked yet."""
        if self.done or self.buffer.status() != MTLCommandBufferStatusError:
            return self.fault
        return fault_of(self.buffer.error(), self.commands, framework)


class Waiting(Protocol):
    """What an event asks of the stream that recorded it."""

    def wait_for(self, batch: Batch) -> None:
        """Waits until one batch has ended. Raises its error."""
        ...


class MetalEvent:
    """A point in a stream: an MTLSharedEvent with the batch that signals its latest value."""

    def __init__(self, device: MTLDevice) -> None:
        event = device.newSharedEvent()
        if event is None:
            raise DeviceError("Metal makes no event")
        self.shared: MTLSharedEvent = event
        self.value = 0
        self.recorded: tuple[Waiting, Batch] | None = None

    def is_done(self) -> bool:
        """Whether all before the event has ended. It does not wait."""
        return self.shared.signaledValue() >= self.value

    def synchronize(self) -> None:
        """Waits until all before the event has ended. Raises KernelFault when it failed."""
        if self.recorded is not None:
            stream, batch = self.recorded
            stream.wait_for(batch)

    def seconds_since(self, earlier: MetalEvent) -> float:
        """The GPU's time from one event to another, in seconds; waits for both.

        Raises DeviceError for an event that was never recorded.
        """
        ends = []
        for event in (earlier, self):
            if event.recorded is None:
                raise DeviceError(
                    "an event that was not recorded has no time", hint="call stream.record(event)"
                )
            event.synchronize()
            ends.append(event.recorded[1].gpu_end)
        return ends[1] - ends[0]


Recorded = tuple[MetalEvent, int]
"""An event and the value that a batch signals."""

Awaited = tuple[MetalEvent, int, Batch]
"""An event, the value that a batch waits for, and the batch that signals it."""
