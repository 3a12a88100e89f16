"""A Recording in; device memory over time, and the lines that hold it, out: those that keep growing first."""

from __future__ import annotations

import bisect
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from metal_runtime.recording.events import LiveBlock, Place, PoolEvent
from metal_runtime.recording.recording import Recording

WINDOWS = 8
"""Parts of a recording that are looked at for growth."""

_FEW = 8  # events for a window below which windows are of equal time


class MemoryPoint(NamedTuple):
    """What a pool held from a time on."""

    time: int
    used_bytes: int
    allocated_bytes: int
    blocks: int


@dataclass(frozen=True, slots=True)
class MemoryHistory:
    """The pool of one device over time."""

    device: str
    points: tuple[MemoryPoint, ...]

    @property
    def peak(self) -> MemoryPoint:
        """The first point at which most bytes were in use."""
        return max(self.points, key=lambda point: point.used_bytes)


@dataclass(frozen=True, slots=True)
class LiveLine:
    """Memory in use at the end that one line of the user's program made."""

    place: Place | None
    device: str
    count: int
    nbytes: int
    oldest_ns: int
    """Age of its oldest block, at the end."""

    newest_ns: int
    grown_bytes: int
    """Bytes of it that were made after the first part of the recording."""

    windows: int
    """In how many of the recording's WINDOWS parts it made memory that still lives."""

    @property
    def is_suspect(self) -> bool:
        """Whether it kept growing: a leak, or a cache that has no bound."""
        return self.count > 2 and 2 * self.windows >= WINDOWS


def memory_histories(recording: Recording) -> list[MemoryHistory]:
    """One for each device whose pool changed, by name."""
    points: dict[str, list[MemoryPoint]] = defaultdict(list)
    for event in recording.events:
        if isinstance(event, PoolEvent):
            points[event.device].append(
                MemoryPoint(event.end, event.used_bytes, event.allocated_bytes, event.blocks)
            )
    return [
        MemoryHistory(device, tuple(sorted(points[device], key=lambda point: point.time)))
        for device in sorted(points)
    ]


def live_lines(recording: Recording) -> list[LiveLine]:
    """Lines that made what is in use at the end: leak suspects by growth, then the others by bytes."""
    blocks: dict[tuple[str, Place | None], list[LiveBlock]] = defaultdict(list)
    for block in recording.live:
        blocks[block.device, block.place].append(block)
    ends = _window_ends(recording)
    lines = [_line(recording, ends, *key, found) for key, found in blocks.items()]
    return sorted(
        lines,
        key=lambda line: (
            (0, -line.grown_bytes) if line.is_suspect else (1, -line.nbytes),
            str(line.place),
        ),
    )


def leak_suspects(recording: Recording) -> list[LiveLine]:
    """Lines whose live bytes kept growing, the fastest first."""
    return [line for line in live_lines(recording) if line.is_suspect]


def _window_ends(recording: Recording) -> list[int]:
    """The times at which all windows but the last end: each holds as many events, so that a long compilation is not most of them."""
    times = sorted(event.begin for event in recording.events)
    if len(times) < _FEW * WINDOWS:
        length = recording.end - recording.begin
        return [recording.begin + length * n // WINDOWS for n in range(1, WINDOWS)]
    return [times[len(times) * n // WINDOWS] for n in range(1, WINDOWS)]


def _line(
    recording: Recording,
    ends: Sequence[int],
    device: str,
    place: Place | None,
    blocks: Sequence[LiveBlock],
) -> LiveLine:
    ages = [max(0, recording.end - block.since) for block in blocks]
    windows = [bisect.bisect_right(ends, block.since) for block in blocks]
    late = (block.nbytes for block, window in zip(blocks, windows, strict=True) if window)
    return LiveLine(
        place,
        device,
        len(blocks),
        sum(block.nbytes for block in blocks),
        oldest_ns=max(ages),
        newest_ns=min(ages),
        grown_bytes=sum(late),
        windows=len(set(windows)),
    )
