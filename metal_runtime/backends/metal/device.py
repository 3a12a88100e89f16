"""The Metal device: MslPrograms in, kernels running on an Apple GPU out."""

from __future__ import annotations

import itertools
import os
import time
import weakref
from contextlib import AbstractContextManager

from metal_runtime import settings
from metal_runtime.backends.metal.archive import PipelineArchive
from metal_runtime.backends.metal.batch import MetalEvent
from metal_runtime.backends.metal.binding import framework
from metal_runtime.backends.metal.capture import capture
from metal_runtime.backends.metal.families import check_can_run, traits_of
from metal_runtime.backends.metal.memory import MetalAllocator
from metal_runtime.backends.metal.program import MetalProgram
from metal_runtime.backends.metal.protocols import Framework, MTLDevice
from metal_runtime.backends.metal.residency import Residency
from metal_runtime.backends.metal.stream import MetalStream, StreamOptions
from metal_runtime.device.protocol import Device, Event
from metal_runtime.errors import DeviceError
from metal_runtime.program import MslProgram


class MetalDevice:
    """One GPU."""

    def __init__(self, device: MTLDevice, bindings: Framework) -> None:
        """Raises DeviceError for a GPU that is too old."""
        check_can_run(device)
        self._device, self._framework = device, bindings
        self._options = StreamOptions(settings.time_limit(), settings.metal_debug())
        self._residency = Residency(device, bindings)
        self._archive = PipelineArchive(device, bindings)
        self._streams: weakref.WeakSet[MetalStream] = weakref.WeakSet()
        self._numbers = itertools.count()
        self._closed = False
        self.traits = traits_of(device, bindings)
        self.allocator = MetalAllocator(device, bindings, self._residency)
        self.stream = self.new_stream()

    def new_stream(self) -> MetalStream:
        stream = MetalStream(
            self._device, self._framework, self._residency, self._options, next(self._numbers)
        )
        self._streams.add(stream)
        return stream

    def new_event(self) -> MetalEvent:
        return MetalEvent(self._device)

    def seconds_between(self, first: Event, second: Event) -> float:
        if not isinstance(first, MetalEvent) or not isinstance(second, MetalEvent):
            raise DeviceError("these are not events of the Metal device")
        return second.seconds_since(first)

    def synchronize(self) -> None:
        """Waits for every stream; the first error is raised when all have ended."""
        faults = []
        for stream in list(self._streams):
            try:
                stream.synchronize()
            except Exception as fault:
                faults.append(fault)
        if faults:
            raise faults[0]

    def launched(self) -> int:
        return time.perf_counter_ns()

    def ended(self) -> int:
        pending = [stream.pending_since() for stream in list(self._streams)]
        return min([time.perf_counter_ns(), *(since - 1 for since in pending if since is not None)])

    def capture(self, path: str) -> AbstractContextManager[None]:
        return capture(path, self._device, self._framework, self.synchronize)

    def load(self, program: MslProgram) -> MetalProgram:
        """Compiles the text with Apple's compiler. Raises MslError."""
        return MetalProgram(program, self._device, self._framework, self._archive)

    def close(self) -> None:
        """Waits for what runs, and keeps what was compiled for the next process; may be called twice."""
        if self._closed:
            return
        self._closed = True
        try:
            self.synchronize()
        finally:
            self._archive.save()


def open_device() -> Device:
    """The system's default GPU.

    Raises:
        DeviceError: this is no Mac, the bindings are missing, or there is no GPU to be had.
    """
    if settings.metal_debug():
        os.environ.setdefault("MTL_DEBUG_LAYER", "1")  # read when the device is made
    bindings = framework()
    with bindings.autorelease_pool():
        device = bindings.system_default_device() or next(iter(bindings.all_devices()), None)
        if device is None:
            raise DeviceError(
                "Metal finds no GPU on this machine",
                hint="a session without a GPU can run kernels with IRIS_DEVICE=cpu",
            )
        return MetalDevice(device, bindings)
