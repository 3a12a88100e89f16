"""The CPU device: MslPrograms in, kernels running on all processors out."""

from __future__ import annotations

import functools
import itertools
import os
import sys
import threading
import weakref
from collections import deque
from contextlib import AbstractContextManager

from metal_runtime import settings
from metal_runtime.backends.cpu.entry import SIMD_WIDTH
from metal_runtime.backends.cpu.memory import CpuAllocator
from metal_runtime.backends.cpu.native_runtime import native_runtime
from metal_runtime.backends.cpu.pipeline import MAX_THREADS_PER_THREADGROUP, CpuProgram
from metal_runtime.backends.cpu.stream import (
    CpuEvent,
    CpuStream,
    last_exception,
    own_event,
    unsettled,
)
from metal_runtime.device.protocol import Device, DeviceTraits, Event
from metal_runtime.errors import DeviceError, IrisError
from metal_runtime.msl import clang
from metal_runtime.program import MslProgram


class CpuDevice:
    """All processors of this machine as one device."""

    def __init__(self) -> None:
        runtime = native_runtime()
        runtime.set_threads(settings.worker_threads())
        runtime.limit_time(settings.time_limit())
        self.allocator = CpuAllocator()
        self._lock = threading.Lock()
        self._dropped: deque[int] = deque()
        self._has_others = False
        self._others: weakref.WeakSet[CpuStream] = weakref.WeakSet()
        self._streams = itertools.count()
        self.stream = CpuStream(self._dropped.append, next(self._streams))

    @functools.cached_property
    def traits(self) -> DeviceTraits:
        """Processor, memory, number of worker threads and the compiler."""
        vector_bytes, vector_registers = vectors()
        return DeviceTraits(
            name=processor_name(),
            backend="cpu",
            max_threads_per_threadgroup=MAX_THREADS_PER_THREADGROUP,
            simd_width=SIMD_WIDTH,
            memory_bytes=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
            compute_units=settings.worker_threads(),
            vector_bytes=vector_bytes,
            vector_registers=vector_registers,
            timing="by the threads that begin and end it",
            toolchain=clang.toolchain(),
        )

    def new_stream(self) -> CpuStream:
        stream = CpuStream(self._dropped.append, next(self._streams))
        with self._lock:
            self._sweep()
            self._others.add(stream)
            self._has_others = True
        return stream

    def new_event(self) -> CpuEvent:
        return CpuEvent()

    def seconds_between(self, first: Event, second: Event) -> float:
        marks = []
        for event in (own_event(first), own_event(second)):
            event.synchronize()
            if event.mark is None:
                raise DeviceError(
                    "an event that was not recorded has no time", hint="call stream.record(event)"
                )
            marks.append(event.mark)
        return marks[1].seconds - marks[0].seconds

    def synchronize(self) -> None:
        """Waits for every stream; the first error is raised when all have ended."""
        if not self._has_others:
            self.stream.synchronize()
            return
        faults: list[BaseException] = []
        with self._lock:
            streams, dropped = (self.stream, *self._others), list(self._dropped)
        for stream in streams:
            try:
                stream.synchronize()
            except IrisError as fault:
                faults.append(fault)
        faults += [last_exception() for handle in dropped if native_runtime().synchronize(handle)]
        with self._lock:
            self._sweep()
        if faults:
            raise faults[0]

    def _sweep(self) -> None:
        """With the lock held: gives native streams that nobody holds back, once all on them has ended and was told."""
        for _ in range(len(self._dropped)):
            handle = self._dropped.popleft()
            if unsettled(handle).value:
                self._dropped.append(handle)
            else:
                native_runtime().free_stream(handle)

    def launched(self) -> int:
        return int(native_runtime().launched())

    def ended(self) -> int:
        return int(native_runtime().ended())

    def capture(self, path: str) -> AbstractContextManager[None]:
        raise DeviceError(
            f"the cpu device writes no capture to {path!r}",
            hint="captures are made on a Mac, by the metal device",
        )

    def load(self, program: MslProgram) -> CpuProgram:
        """Reads the text and compares it with the signatures. Raises MslError."""
        return CpuProgram(program)

    def close(self) -> None:
        """Waits for what runs, and ends the worker threads; a later launch starts them again."""
        try:
            self.synchronize()
        finally:
            native_runtime().stop_workers()


def vectors() -> tuple[int, int]:
    """Bytes of the vector registers that compiled kernels use, and how many there are."""
    if clang.host_target().triple.startswith("aarch64"):
        return 16, 32
    features = set(clang.processor_features().replace("|", " ").split())
    if "avx512f" in features:
        return 64, 32
    return (32, 16) if "avx2" in features else (16, 16)


def processor_name() -> str:
    """The processor's human name, or its architecture where the system does not tell."""
    if sys.platform == "linux":
        with open("/proc/cpuinfo", "rb", buffering=0) as file:
            for line in file.read(8192).decode(errors="replace").splitlines():
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    return os.uname().machine


def open_device() -> Device:
    """The CPU device. Raises DeviceError when the compiler is missing."""
    clang.zig_binary()
    return CpuDevice()
