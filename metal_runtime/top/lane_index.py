"""A lane of spans in; how busy any stretch of it was, and with what, out in the time of a search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from metal_runtime.profile.timeline import HostLane, Lane, Span, StreamLane

DEEPEST = 3
"""Rows that one thread of the host has at most."""

_LOOKED_AT = 32  # spans of one cell among which the longest is sought

Numbers = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True, slots=True)
class LaneIndex:
    """One row of the timeline."""

    lane: Lane
    name: str
    key: tuple[str, int, int]
    """What it is from poll to poll: the kind of lane, its number, its depth."""

    spans: tuple[Span, ...]
    begins: Numbers
    ends: Numbers
    edges: Numbers
    """Begins and ends, in turn, of the stretches in which it is busy."""

    busy: Numbers
    """Nanoseconds of work up to each edge."""

    @classmethod
    def of(cls, lane: Lane) -> list[LaneIndex]:
        """The rows of a lane: one for a stream, one for each depth of a thread."""
        if isinstance(lane, HostLane):
            depths = range(min(DEEPEST, max(span.depth for span in lane.spans) + 1))
            return [
                cls._made(lane, ("thread", lane.thread, depth), _at_depth(lane, depth))
                for depth in depths
            ]
        assert isinstance(lane, StreamLane)
        return [cls._made(lane, (lane.device, lane.stream, 0), lane.spans)]

    @classmethod
    def _made(cls, lane: Lane, key: tuple[str, int, int], spans: tuple[Span, ...]) -> LaneIndex:
        begins = np.array([span.begin for span in spans], dtype=np.int64)
        ends = np.array([span.end for span in spans], dtype=np.int64)
        reached = np.maximum.accumulate(ends)
        starts = np.flatnonzero(np.r_[True, begins[1:] > reached[:-1]])
        lasts = np.r_[starts[1:] - 1, len(spans) - 1]
        edges = np.stack([begins[starts], reached[lasts]], axis=1).ravel()
        lengths = edges[1::2] - edges[::2]
        after = np.cumsum(lengths)
        busy = np.stack([after - lengths, after], axis=1).ravel()
        return cls(lane, "" if key[2] else lane.name, key, spans, begins, ends, edges, busy)

    def shares(self, borders: Numbers) -> np.ndarray[Any, np.dtype[np.float64]]:
        """The busy part of each stretch between two borders, from 0 to 1."""
        done = np.interp(borders, self.edges, self.busy)
        return np.diff(done) / np.maximum(np.diff(borders), 1)

    def longest(self, begin: int, end: int) -> Span | None:
        """The longest of the spans that lie in a stretch, or of the latest of them where there are many."""
        last = int(np.searchsorted(self.begins, end, side="left"))
        found: Span | None = None
        for number in range(last - 1, max(-1, last - 1 - _LOOKED_AT), -1):
            span = self.spans[number]
            if span.end <= begin and span.begin < begin:
                continue
            if found is None or span.end - span.begin > found.end - found.begin:
                found = span
        return found


def _at_depth(lane: Lane, depth: int) -> tuple[Span, ...]:
    return tuple(span for span in lane.spans if min(span.depth, DEEPEST - 1) == depth)
