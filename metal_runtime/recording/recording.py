"""Events with all that is needed to understand them: what a profile shows, a trace file holds and the inspector receives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from metal_runtime.recording.events import Event, KernelFacts, LiveBlock


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """What a report says of a device."""

    name: str
    """As ``api.device`` takes it: ``cpu``, ``metal``."""

    processor: str
    """The human name, e.g. ``AMD EPYC 9R14`` or ``Apple M3 Max``."""

    compute_units: int
    memory_bytes: int
    timing: str
    """How it times launches, and what that costs; empty where it does not."""

    copy_bandwidth: float | None = None
    """Bytes a second that a copy reads and writes together; None until it was measured."""

    multiply_add_rate: float | None = None
    """Operations a second on float32, of which a multiply-add is two; None until it was measured."""


@dataclass(frozen=True, slots=True)
class ProcessFacts:
    """Which process it was."""

    pid: int
    command: tuple[str, ...]
    python: str
    iris: str
    host: str
    threads: Mapping[int, str]
    """The names of its threads, by ident."""

    wall_offset: int
    """What to add to a time of an event for nanoseconds since 1970 (``time.time_ns``)."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A stretch of a process' life, from ``begin`` to ``end`` of its monotonic clock."""

    events: tuple[Event, ...]
    """In the order of their numbers."""

    kernels: Mapping[int, KernelFacts]
    live: tuple[LiveBlock, ...]
    """Memory that was in use at the end, and taken since somebody recorded."""

    devices: tuple[DeviceFacts, ...]
    process: ProcessFacts
    begin: int
    end: int
    dropped: int = 0
    """Events that were overwritten before they could be read."""
