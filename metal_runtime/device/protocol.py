"""What every device offers, and nothing more: memory, loaded programs, streams, traits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from metal_runtime.device.launch_config import LaunchConfig
from metal_runtime.program import MslProgram, Signature


@dataclass(frozen=True, slots=True)
class DeviceTraits:
    """What a scheduler and a checker must know of a device."""

    name: str
    """The human name, e.g. ``AMD EPYC 9R14`` or ``Apple M3 Max``."""

    backend: str
    """The backend's key in the registry: ``cpu``, ``metal``, ``cuda``."""

    max_threads_per_threadgroup: int = 1024
    max_threadgroup_memory: int = 32_768
    """Bytes."""

    simd_width: int = 32
    max_buffer_bytes: int = 2**48
    memory_bytes: int = 0
    """Memory the device can use, in bytes; 0 if unknown."""

    compute_units: int = 1
    unified_memory: bool = True
    """Whether the host reads and writes device memory in place."""

    vector_bytes: int = 0
    """Bytes of a CPU's vector register; 0 for what is no CPU."""

    vector_registers: int = 0
    """How many of them a CPU has."""

    families: tuple[str, ...] = ()
    """The families that Apple counts a GPU among, as ``iris check --family`` knows them: ``apple9``, ``metal3``."""

    timing: str = ""
    """How the device times a launch, and what that costs; empty where it does not."""

    toolchain: str = ""
    """Compiler and target; a part of every cache key."""


class Allocation(Protocol):
    """A block of device memory. Only device/pool.py owns one."""

    @property
    def nbytes(self) -> int: ...

    @property
    def address(self) -> int:
        """Where the host sees the memory (unified memory); page aligned."""
        ...


HostBytes = np.ndarray[tuple[int], np.dtype[np.uint8]]
"""The memory of an array on the host, byte by byte."""


class Allocator(Protocol):
    """Makes and frees device memory; the pool in front of it reuses what is freed."""

    def allocate(self, nbytes: int) -> Allocation:
        """At least ``nbytes`` of page-aligned memory. Raises DeviceMemoryError."""
        ...

    def free(self, allocation: Allocation) -> None:
        """Gives the memory back to the system."""
        ...

    def adopt(self, memory: HostBytes) -> Allocation:
        """A writable array's own memory, which the allocation keeps alive; it is never freed here.

        Raises SharingError where the device cannot use memory of this place or size.
        """
        ...


BufferBinding = tuple[Allocation, int]
"""An allocation and a byte offset into it."""


class Unbound:
    """What stands for the memory of a buffer index to which nothing is bound."""

    nbytes = 0
    address = 0


UNBOUND: BufferBinding = (Unbound(), 0)
"""Nothing is bound: a kernel that reads or writes there fails."""

Binding = BufferBinding | bytes
"""What is bound to a buffer index: device memory, or the bytes of a value."""


class Pipeline(Protocol):
    """One kernel, compiled for a device and ready to launch (Metal's compute pipeline state)."""

    @property
    def signature(self) -> Signature: ...

    @property
    def program(self) -> MslProgram:
        """What it was compiled from."""
        ...

    @property
    def max_threads_per_threadgroup(self) -> int: ...

    @property
    def strategy(self) -> str:
        """How the device runs a threadgroup: ``loops``, ``regions`` or ``fibers`` on a CPU, ``gpu`` elsewhere."""
        ...

    @property
    def texts(self) -> Mapping[str, str]:
        """What the device's own compiler made of the kernel, by stage (``cpp``, ``asm``, ...); made on demand."""
        ...


class LoadedProgram(Protocol):
    """A program compiled for one device. Bound to it; never goes to disk."""

    def pipeline(self, name: str) -> Pipeline:
        """The kernel called ``name``, compiled on first use. Raises MslError, or KeyError without such a kernel."""
        ...


class Event(Protocol):
    """A point in a stream that the host or another stream can wait for."""

    def is_done(self) -> bool:
        """Whether all before it has ended, so far as it was recorded. It does not wait."""
        ...

    def synchronize(self) -> None:
        """Waits until all before it has ended. Raises KernelFault when that failed."""
        ...


class Stream(Protocol):
    """Launches in order."""

    @property
    def number(self) -> int:
        """0 for the device's default stream; of others, the first is 1."""
        ...

    def launch(
        self,
        pipeline: Pipeline,
        config: LaunchConfig,
        bindings: Sequence[Binding],
        times: int = 0,
    ) -> None:
        """Queues one launch; ``bindings`` follow ``pipeline.signature.arguments``.

        ``times`` is the address of two words of 64 bits, for a device whose traits name a ``timing``: it clears them, and
        writes there when it began and when it ended with the launch, in nanoseconds of the host's monotonic clock. 0:
        nobody asks.

        Raises KernelFault, at once or at ``synchronize``, when the kernel fails while it runs.
        """
        ...

    def record(self, event: Event) -> None:
        """The event is done when all launches so far have ended."""
        ...

    def wait(self, event: Event) -> None:
        """Launches from now on begin when the event is done; one that was never recorded is. The host goes on."""
        ...

    def synchronize(self) -> None:
        """Waits until all launches have ended."""
        ...


class Device(Protocol):
    """A place where MSL runs."""

    @property
    def traits(self) -> DeviceTraits: ...

    @property
    def allocator(self) -> Allocator: ...

    @property
    def stream(self) -> Stream:
        """The default stream."""
        ...

    def new_stream(self) -> Stream:
        """Another stream; what two streams do is in no order but by events."""
        ...

    def new_event(self) -> Event: ...

    def seconds_between(self, first: Event, second: Event) -> float:
        """The device's own time from one recorded event to another; waits for both.

        Raises DeviceError for an event that was never recorded.
        """
        ...

    def synchronize(self) -> None:
        """Waits for all streams. Raises KernelFault for one that failed."""
        ...

    def launched(self) -> int:
        """A moment that is not before any launch so far, on any stream; never before an earlier answer."""
        ...

    def ended(self) -> int:
        """A moment: every launch up to then has ended. It does not wait."""
        ...

    def capture(self, path: str) -> AbstractContextManager[None]:
        """What runs within the block is written to a file for the vendor's tools.

        Raises DeviceError where the device, or this process, cannot.
        """
        ...

    def load(self, program: MslProgram) -> LoadedProgram:
        """Checks and prepares a program. Raises MslError."""
        ...

    def close(self) -> None:
        """Ends threads and gives handles back; may be called twice."""
        ...
