"""Launches and events on the CPU device: a launch in, its end out, for the caller's thread works with the pool's."""

from __future__ import annotations

import time
from collections.abc import Sequence

from metal_runtime.backends.cpu.native_runtime import native_runtime
from metal_runtime.backends.cpu.outcomes import Outcome
from metal_runtime.backends.cpu.pipeline import CpuPipeline
from metal_runtime.device.launch_config import LaunchConfig
from metal_runtime.device.protocol import Binding, Event, Pipeline
from metal_runtime.errors import DeviceError


class CpuEvent:
    """The time at which it was recorded: all before it had ended by then."""

    def __init__(self) -> None:
        self.recorded_at: float | None = None

    def is_done(self) -> bool:
        return True

    def synchronize(self) -> None:
        """Nothing to wait for."""


class CpuStream:
    """Launches that end before ``launch`` returns."""

    def __init__(self) -> None:
        self._launch = native_runtime().launch

    def launch(self, pipeline: Pipeline, config: LaunchConfig, bindings: Sequence[Binding]) -> None:
        if type(pipeline) is not CpuPipeline:
            raise DeviceError(f"{pipeline!r} was not compiled for the CPU device")
        outcome = self._launch(pipeline.handle(config), pipeline.request(config, bindings))
        if outcome:
            raise pipeline.exception(Outcome(outcome), config)

    def record(self, event: Event) -> None:
        own_event(event).recorded_at = time.perf_counter()

    def wait(self, event: Event) -> None:
        own_event(event)  # all before it has ended

    def synchronize(self) -> None:
        """Nothing to wait for."""


def own_event(event: Event) -> CpuEvent:
    """The event, if it is one of the CPU device. Raises DeviceError."""
    if not isinstance(event, CpuEvent):
        raise DeviceError(f"{event!r} is not an event of the CPU device")
    return event
