"""A Recording in; lanes of spans out: what each stream and each thread of the host did, and the gaps between."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from metal_runtime.profile.statistics import facts_of
from metal_runtime.recording.events import (
    CompileEvent,
    ErrorEvent,
    Event,
    FlushEvent,
    FusionEvent,
    LaunchEvent,
    PoolEvent,
    SyncEvent,
    TransferEvent,
)
from metal_runtime.recording.recording import Recording


@dataclass(frozen=True, slots=True)
class Span:
    """Something that took from ``begin`` to ``end`` in its lane."""

    begin: int
    end: int
    label: str
    event: Event
    depth: int = 0
    """Spans of this lane that it lies within."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch between spans in which a lane did nothing."""

    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Lane:
    """What happened in one place, by rising begin: ``busy_ns + gap_ns == end - begin``."""

    name: str
    spans: tuple[Span, ...]
    gaps: tuple[Gap, ...]

    @property
    def begin(self) -> int:
        """When its first span begins; 0 where it has none."""
        return self.spans[0].begin if self.spans else 0

    @property
    def end(self) -> int:
        """When its last span ends; 0 where it has none."""
        return max((span.end for span in self.spans), default=0)

    @property
    def gap_ns(self) -> int:
        """Nanoseconds without a span."""
        return sum(gap.end - gap.begin for gap in self.gaps)

    @property
    def busy_ns(self) -> int:
        """Nanoseconds with a span; where spans lie within each other or overlap, once."""
        return self.end - self.begin - self.gap_ns


@dataclass(frozen=True, slots=True)
class StreamLane(Lane):
    """The launches of one stream."""

    device: str
    stream: int
    is_device_time: bool
    """Whether its times are the device's; otherwise they are those of the calls on the host."""

    wait_ns: int
    """Nanoseconds that launches lay in the queue, from the call on the host to their begin, all together."""


@dataclass(frozen=True, slots=True)
class HostLane(Lane):
    """What one thread of the host did in iris."""

    thread: int


@dataclass(frozen=True, slots=True)
class Timeline:
    """All lanes of a recording."""

    begin: int
    end: int
    streams: tuple[StreamLane, ...]
    threads: tuple[HostLane, ...]


def timeline(recording: Recording) -> Timeline:
    """The lanes of streams by device and number, and those of threads in the order of their first event."""
    launches: dict[tuple[str, int], list[LaunchEvent]] = defaultdict(list)
    host: dict[int, list[Event]] = defaultdict(list)
    for event in recording.events:
        if isinstance(event, LaunchEvent):
            launches[event.device, event.stream].append(event)
        if not isinstance(event, PoolEvent | ErrorEvent):
            host[event.thread].append(event)
    return Timeline(
        recording.begin,
        recording.end,
        tuple(_stream_lane(recording, *key, launches[key]) for key in sorted(launches)),
        tuple(_host_lane(recording, thread, events) for thread, events in host.items()),
    )


def gaps_of(spans: Iterable[Span]) -> tuple[Gap, ...]:
    """What lies between spans that are sorted by their begin."""
    gaps: list[Gap] = []
    reached: int | None = None
    for span in spans:
        if reached is not None and span.begin > reached:
            gaps.append(Gap(reached, span.begin))
        reached = span.end if reached is None else max(reached, span.end)
    return tuple(gaps)


def queue_wait(launch: LaunchEvent) -> int:
    """Nanoseconds from the call on the host to the begin on the device; 0 where the device does not say."""
    return max(0, launch.device_begin - launch.begin) if launch.device_begin else 0


def _stream_lane(
    recording: Recording, device: str, stream: int, launches: Sequence[LaunchEvent]
) -> StreamLane:
    ended = [launch for launch in launches if launch.device_end]
    spans = sorted(
        (_device_span(recording, launch) for launch in ended or launches),
        key=lambda span: (span.begin, span.end),
    )
    name = f"{device} · " + (f"stream {stream}" if stream else "default")
    waited = sum(queue_wait(launch) for launch in ended)
    return StreamLane(
        name,
        tuple(spans),
        gaps_of(spans),
        device,
        stream,
        is_device_time=bool(ended),
        wait_ns=waited,
    )


def _device_span(recording: Recording, launch: LaunchEvent) -> Span:
    label = facts_of(recording.kernels, launch).name
    if launch.device_end:
        return Span(launch.device_begin, launch.device_end, label, launch)
    return Span(launch.begin, launch.end, label, launch)


def _host_lane(recording: Recording, thread: int, events: Sequence[Event]) -> HostLane:
    ordered = sorted(events, key=lambda event: (event.begin, -event.end))
    spans: list[Span] = []
    around: list[int] = []
    for event in ordered:
        while around and event.begin >= around[-1]:
            around.pop()
        spans.append(Span(event.begin, event.end, host_label(recording, event), event, len(around)))
        around.append(event.end)
    name = recording.process.threads.get(thread, f"thread {thread}")
    return HostLane(name, tuple(spans), gaps_of(spans), thread)


def host_label(recording: Recording, event: Event) -> str:
    """What the host did, in a few words."""
    match event:
        case LaunchEvent():
            return f"launch {facts_of(recording.kernels, event).name}"
        case CompileEvent():
            return f"{event.stage} {event.kernel}"
        case FlushEvent():
            return f"flush {event.operators} operators"
        case FusionEvent():
            return f"fuse {event.operators} operators"
        case TransferEvent():
            return f"copy {event.direction.value}"
        case SyncEvent():
            return f"wait for {event.device}"
        case PoolEvent():
            return f"{event.action.value} {event.nbytes} bytes"
        case ErrorEvent():
            return event.error
