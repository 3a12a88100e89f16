"""Launches and events on the CPU device: short launches run at once, long ones wait in a queue of the native runtime."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence

from metal_runtime.backends.cpu.native_runtime import native_runtime
from metal_runtime.backends.cpu.outcomes import Outcome
from metal_runtime.backends.cpu.pipeline import CpuPipeline, exception
from metal_runtime.device.launch_config import LaunchConfig
from metal_runtime.device.protocol import Binding, Event, Pipeline
from metal_runtime.errors import DeviceError, DeviceMemoryError


class Mark:
    """A point in a stream, once: reached when all before it has ended."""

    def __init__(self, handle: int) -> None:
        runtime = native_runtime()
        self.handle = handle
        self._reached = ctypes.c_uint32.from_address(
            handle
        )  # `Mark` of native/streams.h begins with it
        self._release = runtime.release_mark

    @property
    def reached(self) -> bool:
        return self._reached.value != 0

    @property
    def seconds(self) -> float:
        """When it was reached, by the system's monotonic clock."""
        return float(native_runtime().mark_time(self.handle)) * 1e-9

    def __del__(self) -> None:
        self._release(self.handle)


class CpuEvent:
    """A point in a stream: the mark of its latest record."""

    def __init__(self) -> None:
        self.mark: Mark | None = None

    def is_done(self) -> bool:
        mark = self.mark
        return mark is None or mark.reached

    def synchronize(self) -> None:
        """Waits until all before the event has ended. Raises KernelFault when that failed."""
        mark = self.mark
        if mark is not None and native_runtime().wait_for_mark(mark.handle):
            raise last_exception()


class CpuStream:
    """Launches in order. Safe to use from many threads; launches are in the order of the calls."""

    def __init__(
        self, when_dropped: Callable[[int], None] = lambda handle: None, number: int = 0
    ) -> None:
        """``when_dropped`` is given the native stream once nobody holds this one; launches may still be queued."""
        runtime = native_runtime()
        self.number = number
        self._launch = runtime.launch
        handle = runtime.new_stream()
        if not handle:
            raise DeviceMemoryError("the system has no memory for a stream")
        self.handle: int = handle
        self._unsettled = unsettled(handle)
        self._when_dropped = when_dropped

    def launch(
        self,
        pipeline: Pipeline,
        config: LaunchConfig,
        bindings: Sequence[Binding],
        times: int = 0,
    ) -> None:
        """Runs a short launch at once, queues a long one. Raises its fault, as far as it is known, or that of an earlier one."""
        if type(pipeline) is not CpuPipeline:
            raise DeviceError(f"{pipeline!r} was not compiled for the CPU device")
        if self._launch(pipeline.request(self.handle, config, bindings, times)):
            raise self._refusal(pipeline, config)

    def _refusal(self, pipeline: CpuPipeline, config: LaunchConfig) -> BaseException:
        failure = native_runtime().failure().contents
        if failure.outcome == Outcome.INVALID:
            return pipeline.bad_launch(config)
        return exception(failure)

    def record(self, event: Event) -> None:
        own = own_event(event)
        mark = native_runtime().record(self.handle)
        if not mark:
            raise DeviceMemoryError("the system has no memory for an event")
        own.mark = Mark(mark)

    def wait(self, event: Event) -> None:
        mark = own_event(event).mark
        if mark is not None and not native_runtime().wait(self.handle, mark.handle):
            raise DeviceMemoryError("the system has no memory for an event")

    def synchronize(self) -> None:
        """Waits until all launches have ended. Raises KernelFault for the first that failed; then the stream works again."""
        if self._unsettled.value and native_runtime().synchronize(self.handle):
            raise last_exception()

    def __del__(self) -> None:
        handle = getattr(self, "handle", None)
        if handle is not None:
            self._when_dropped(handle)


def unsettled(handle: int) -> ctypes.c_uint32:
    """Whether anything is queued on a native stream, runs, or failed: what `Stream` of native/streams.h begins with."""
    return ctypes.c_uint32.from_address(handle)


def last_exception() -> BaseException:
    """What the native function raises that this thread has just called."""
    return exception(native_runtime().failure().contents)


def own_event(event: Event) -> CpuEvent:
    """The event, if it is one of the CPU device. Raises DeviceError."""
    if not isinstance(event, CpuEvent):
        raise DeviceError(f"{event!r} is not an event of the CPU device")
    return event
