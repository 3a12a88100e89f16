"""A Recording in; what the HTML page draws, as plain lists and dictionaries, out. Times are microseconds from its begin."""

from __future__ import annotations

from typing import Any

from metal_runtime.profile.memory import live_lines, memory_histories
from metal_runtime.profile.notes import notes
from metal_runtime.profile.statistics import KernelStatistics, kernel_statistics
from metal_runtime.profile.timeline import Lane, Span, timeline
from metal_runtime.profile.units import place_text
from metal_runtime.recording.events import LaunchEvent
from metal_runtime.recording.recording import Recording
from metal_runtime.runtime.recorded_launch import texts_of

_WITH_ASSEMBLY = 12
"""Kernels, the costliest first, whose assembly is asked of the compiler, which takes a while for each."""

_MOST_SPANS = 40_000
"""Of a lane; the longest are kept where there are more, and the page says so."""


_TITLES = {"cpp": "C++", "asm": "assembly"}


def page_data(recording: Recording) -> dict[str, Any]:
    """All of it."""
    lanes = timeline(recording)
    rows = kernel_statistics(recording)
    return {
        "length": (recording.end - recording.begin) / 1000,
        "notes": [*notes(recording), *_left_out((*lanes.streams, *lanes.threads))],
        "streams": [_lane(recording, lane) for lane in lanes.streams],
        "threads": [_lane(recording, lane) for lane in lanes.threads],
        "kernels": [_kernel(row, at < _WITH_ASSEMBLY) for at, row in enumerate(rows)],
        "memory": [
            {
                "device": history.device,
                "points": [
                    [(point.time - recording.begin) / 1000, *point[1:]] for point in history.points
                ],
            }
            for history in memory_histories(recording)
        ],
        "live": [
            {
                "place": place_text(line.place) or "iris",
                "count": line.count,
                "bytes": line.nbytes,
                "oldest": line.oldest_ns / 1000,
                "suspect": line.is_suspect,
            }
            for line in live_lines(recording)
        ],
    }


def _left_out(lanes: tuple[Lane, ...]) -> list[str]:
    return [
        f"{lane.name}: the {_MOST_SPANS:,} longest of {len(lane.spans):,} spans are drawn"
        for lane in lanes
        if len(lane.spans) > _MOST_SPANS
    ]


def _lane(recording: Recording, lane: Lane) -> dict[str, Any]:
    longest = sorted(lane.spans, key=lambda span: span.begin - span.end)[:_MOST_SPANS]
    kept = sorted(longest, key=lambda span: span.begin)
    return {
        "name": lane.name,
        "busy": lane.busy_ns / 1000,
        "gaps": lane.gap_ns / 1000,
        "spans": [_span(recording, span) for span in kept],
    }


def _span(recording: Recording, span: Span) -> list[Any]:
    """Begin, length, label, depth, key of the kernel (0 for none), line."""
    event = span.event
    return [
        (span.begin - recording.begin) / 1000,
        (span.end - span.begin) / 1000,
        span.label,
        span.depth,
        str(event.kernel) if isinstance(event, LaunchEvent) else "",
        place_text(getattr(event, "place", None)),
    ]


def _kernel(row: KernelStatistics, with_assembly: bool) -> dict[str, Any]:
    facts = row.facts
    compiled = texts_of(facts.key) if with_assembly else {}
    compiled = {_TITLES.get(stage, stage): text for stage, text in compiled.items()}
    texts = {"Python": facts.python, "MSL": facts.msl, **compiled}
    return {
        "key": str(facts.key),
        "name": facts.name,
        "device": facts.device,
        "strategy": facts.strategy,
        "place": place_text(row.place),
        "calls": row.calls,
        "host_time": not row.is_device_time,
        "total": row.total_ns / 1000,
        "mean": row.mean_ns / 1000,
        "p50": row.p50_ns / 1000,
        "p95": row.p95_ns / 1000,
        "bandwidth": row.bandwidth,
        "rate": row.rate,
        "share": row.roofline_share,
        "cache": row.cache,
        "texts": {name: text for name, text in texts.items() if text},
    }
