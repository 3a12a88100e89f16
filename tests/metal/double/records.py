"""What a command buffer holds until the GPU runs it: encoders with their commands, signals and waits, as values."""

from __future__ import annotations

import weakref
from dataclasses import dataclass, field
from typing import Any

from metal_runtime.backends.cpu.native_runtime import native_runtime
from metal_runtime.backends.cpu.pipeline import CpuPipeline
from metal_runtime.backends.cpu.stream import CpuStream
from metal_runtime.device.launch_config import LaunchConfig
from metal_runtime.device.protocol import UNBOUND, Binding
from tests.metal.double.storage import Memory


@dataclass(frozen=True, slots=True)
class Access:
    """A command's use of memory, from a place to its end."""

    memory: Memory
    write: bool
    start: int = 0
    stop: int = 2**63

    def conflicts(self, other: Access) -> bool:
        if not (self.write or other.write):
            return False
        first, last = (
            (access.memory.address + access.start, access.memory.address + min(access.stop, access.memory.nbytes))
            for access in (self, other)
        )  # fmt: skip
        return first[0] < last[1] and last[0] < first[1]


@dataclass(frozen=True, slots=True)
class Bound:
    """What is bound to a buffer index: a buffer from an offset on, inline bytes, or nil."""

    buffer: Any = None
    offset: int = 0
    data: bytes | None = None

    @property
    def nbytes(self) -> int:
        if self.data is not None:
            return len(self.data)
        return 0 if self.buffer is None else self.buffer._memory.nbytes - self.offset

    def for_cpu(self) -> Binding:
        if self.data is not None:
            return self.data
        return UNBOUND if self.buffer is None else (self.buffer._memory, self.offset)

    @property
    def is_nil(self) -> bool:
        return self.data is None and self.buffer is None


@dataclass(slots=True)
class Dispatch:
    """One launch."""

    kernel: str
    pipeline: CpuPipeline
    config: LaunchConfig
    bindings: list[Binding]
    accesses: list[Access]
    checksums: list[tuple[Memory, int, int]] = field(default_factory=list)
    """Memory that it only reads, as it was at the commit: its checksum and how often the GPU had written to it."""

    def run(self) -> None:
        stream = CpuStream(native_runtime().free_stream)
        stream.launch(self.pipeline, self.config, self.bindings)
        stream.synchronize()


@dataclass(slots=True)
class Copy:
    """Bytes from one memory to another."""

    source: Access
    destination: Access

    @property
    def accesses(self) -> list[Access]:
        return [self.source, self.destination]

    def run(self) -> None:
        source, to = self.source, self.destination
        to.memory.view()[to.start : to.stop] = source.memory.view()[source.start : source.stop]


@dataclass(slots=True)
class Fill:
    """One byte, repeated."""

    destination: Access
    value: int

    @property
    def accesses(self) -> list[Access]:
        return [self.destination]

    def run(self) -> None:
        to = self.destination
        to.memory.view()[to.start : to.stop] = self.value


@dataclass(slots=True, eq=False)
class EventCell:
    """An event's value: all of it that a command buffer holds which retains nothing."""

    value: int = 0


Command = Dispatch | Copy | Fill


@dataclass(slots=True, eq=False)
class EncoderRecord:
    """One encoder's commands, and what orders it among others."""

    kind: str
    concurrent: bool = False
    label: str | None = None
    commands: list[Command] = field(default_factory=list)
    waited_fences: list[EncoderRecord] = field(default_factory=list)
    """The encoders that updated the fences it waits for."""

    waits: list[tuple[EventCell, int]] = field(default_factory=list)
    """Events that its queue waits for before it."""

    signals: list[tuple[EventCell, int]] = field(default_factory=list)
    """Events that its queue signals after it."""

    state: int = 0
    owner: weakref.ref[Any] | None = None
    """Its command buffer."""

    def untracked(self) -> list[Access]:
        return [a for c in self.commands for a in c.accesses if a.memory.untracked]


@dataclass(frozen=True, slots=True)
class Signal:
    event: EventCell
    value: int


@dataclass(frozen=True, slots=True)
class Wait:
    event: EventCell
    value: int


Item = EncoderRecord | Signal | Wait
