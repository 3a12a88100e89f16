"""A Recording and what else its source says in; what the views draw out, each part computed when it is first asked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from metal_runtime.inspect.source import Status
from metal_runtime.profile.memory import LiveLine, MemoryHistory, live_lines, memory_histories
from metal_runtime.profile.statistics import KernelStatistics, kernel_statistics
from metal_runtime.profile.timeline import Timeline, timeline
from metal_runtime.recording.events import (
    CompileEvent,
    ErrorEvent,
    Event,
    FlushEvent,
    FusionEvent,
)
from metal_runtime.recording.recording import Recording
from metal_runtime.top.lane_index import LaneIndex

Kind = TypeVar("Kind", bound=Event)


@dataclass(frozen=True)
class Model:
    """One state of what is looked at. Made and prepared on the polling thread, then only read."""

    recording: Recording
    status: Status
    title: str
    ended: str
    """Why nothing more will come; empty while something may."""

    @cached_property
    def kernels(self) -> list[KernelStatistics]:
        """By falling total time."""
        return kernel_statistics(self.recording)

    @cached_property
    def timeline(self) -> Timeline:
        """All lanes."""
        return timeline(self.recording)

    @cached_property
    def lanes(self) -> list[LaneIndex]:
        """The lanes as the timeline draws them: streams, then threads by depth."""
        return [
            index
            for lane in (*self.timeline.streams, *self.timeline.threads)
            for index in LaneIndex.of(lane)
        ]

    @cached_property
    def histories(self) -> list[MemoryHistory]:
        """Of each device's pool."""
        return memory_histories(self.recording)

    @cached_property
    def lines(self) -> list[LiveLine]:
        """What made the memory in use, leak suspects first."""
        return live_lines(self.recording)

    @cached_property
    def fusions(self) -> list[FusionEvent]:
        """Plans that were made."""
        return self._events(FusionEvent)

    @cached_property
    def flushes(self) -> list[FlushEvent]:
        """Starts of recorded operators."""
        return self._events(FlushEvent)

    @cached_property
    def compiles(self) -> list[CompileEvent]:
        """Stages of compiling."""
        return self._events(CompileEvent)

    @cached_property
    def errors(self) -> list[ErrorEvent]:
        """What failed."""
        return self._events(ErrorEvent)

    def _events(self, kind: type[Kind]) -> list[Kind]:
        return [event for event in self.recording.events if isinstance(event, kind)]

    def since_begin(self, time: int) -> int:
        """Nanoseconds from the recording's begin."""
        return time - self.recording.begin
