"""A Recording in, a file in Chrome's trace-event format, which Perfetto opens, out; and the Recording back.

Each device is a process of the trace whose threads are its streams; the host is one whose threads are its own. Times are
microseconds since the recording began. The whole Recording stands under ``metadata.iris_recording``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from metal_runtime.errors import IrisError
from metal_runtime.profile.timeline import HostLane, Span, StreamLane, timeline
from metal_runtime.profile.units import place_text
from metal_runtime.recording.codec import from_json, to_json
from metal_runtime.recording.events import ErrorEvent, LaunchEvent, PoolEvent
from metal_runtime.recording.recording import Recording

KEY = "iris_recording"
Entry = dict[str, Any]


def trace(recording: Recording) -> dict[str, Any]:
    """The file's content."""
    return {
        "traceEvents": list(_entries(recording)),
        "displayTimeUnit": "ns",
        "metadata": {KEY: to_json(recording)},
    }


def write(recording: Recording, path: str | os.PathLike[str]) -> None:
    """Saves a trace file."""
    Path(path).write_text(json.dumps(trace(recording), separators=(",", ":")), "utf-8")


def read(path: str | os.PathLike[str]) -> Recording:
    """The recording of a trace file. Raises IrisError for a file that holds none."""
    try:
        data = json.loads(Path(path).read_text("utf-8"))
    except OSError as error:
        raise IrisError(f"{os.fspath(path)} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise _no_trace(path, str(error)) from error
    try:
        return from_json(Recording, data["metadata"][KEY])
    except (KeyError, TypeError, ValueError) as error:
        raise _no_trace(path, f"it holds no recording ({error})") from error


def _no_trace(path: str | os.PathLike[str], why: str) -> IrisError:
    return IrisError(
        f"{os.fspath(path)} is no trace of iris: {why}",
        hint="pass a file that `p.save('x.json')` or `iris profile --save x.json` wrote",
    )


def _entries(recording: Recording) -> Iterator[Entry]:
    host = recording.process.pid
    lanes = timeline(recording)
    devices = sorted({lane.device for lane in lanes.streams} | _pools(recording))
    process = {device: host + 1 + number for number, device in enumerate(devices)}
    yield from _named(host, f"host: {' '.join(recording.process.command)}", 0)
    for number, device in enumerate(devices):
        yield from _named(process[device], f"device: {device}", number + 1)
    track = {lane.thread: number for number, lane in enumerate(lanes.threads)}
    for thread in lanes.threads:
        yield _meta("thread_name", host, track[thread.thread], {"name": thread.name})
    for stream in lanes.streams:
        yield _meta("thread_name", process[stream.device], stream.stream, {"name": stream.name})
    timed: list[Entry] = []
    for thread in lanes.threads:
        timed += _host_entries(recording, thread, host, track[thread.thread])
    for stream in lanes.streams:
        timed += _stream_entries(recording, stream, process[stream.device])
    timed += _flows(recording, host, track, process)
    timed += _points(recording, host, track, process)
    yield from sorted(timed, key=lambda entry: entry["ts"])


def _pools(recording: Recording) -> set[str]:
    return {event.device for event in recording.events if isinstance(event, PoolEvent)}


def _meta(name: str, process: int, thread: int, args: Entry) -> Entry:
    return {"ph": "M", "name": name, "pid": process, "tid": thread, "args": args}


def _named(process: int, name: str, order: int) -> Iterator[Entry]:
    yield _meta("process_name", process, 0, {"name": name})
    yield _meta("process_sort_index", process, 0, {"sort_index": order})


def _us(recording: Recording, time: int) -> float:
    return (time - recording.begin) / 1000


def _complete(recording: Recording, span: Span, category: str, process: int, thread: int) -> Entry:
    return {
        "ph": "X",
        "name": span.label,
        "cat": category,
        "ts": _us(recording, span.begin),
        "dur": (span.end - span.begin) / 1000,
        "pid": process,
        "tid": thread,
        "args": _arguments(span),
    }


def _arguments(span: Span) -> Entry:
    event = span.event
    found: Entry = {"number": event.number}
    place = getattr(event, "place", None)
    if place is not None:
        found["line"] = place_text(place)
    if isinstance(event, LaunchEvent):
        found |= {
            "grid": list(event.grid),
            "threadgroup": list(event.threadgroup),
            "read_bytes": event.work.read_bytes,
            "written_bytes": event.work.written_bytes,
            "operations": event.work.operations,
        }
    return found


def _host_entries(recording: Recording, lane: HostLane, process: int, thread: int) -> list[Entry]:
    return [_complete(recording, span, "host", process, thread) for span in lane.spans]


def _stream_entries(recording: Recording, lane: StreamLane, process: int) -> list[Entry]:
    category = "device" if lane.is_device_time else "device, by the host's clock"
    return [_complete(recording, span, category, process, lane.stream) for span in lane.spans]


def _flows(
    recording: Recording, host: int, track: dict[int, int], process: dict[str, int]
) -> Iterator[Entry]:
    """An arrow from the call on the host to where the device begins."""
    for event in recording.events:
        if isinstance(event, LaunchEvent) and event.device_end:
            arrow = {"name": "launch", "cat": "launch", "id": event.number}
            start = _us(recording, event.begin)
            finish = max(start, _us(recording, event.device_begin))
            yield {**arrow, "ph": "s", "ts": start, "pid": host, "tid": track[event.thread]}
            yield {
                **arrow, "ph": "f", "bp": "e", "ts": finish,
                "pid": process[event.device], "tid": event.stream,
            }  # fmt: skip


def _points(
    recording: Recording, host: int, track: dict[int, int], process: dict[str, int]
) -> Iterator[Entry]:
    """Memory as counters, errors as instants."""
    for event in recording.events:
        if isinstance(event, PoolEvent):
            at = {"ph": "C", "ts": _us(recording, event.end), "pid": process[event.device]}
            cached = event.allocated_bytes - event.used_bytes
            yield {**at, "name": "memory", "args": {"used": event.used_bytes, "cached": cached}}
            yield {**at, "name": "blocks", "args": {"blocks": event.blocks}}
        elif isinstance(event, ErrorEvent):
            yield {
                "ph": "i", "s": "p", "name": event.error, "ts": _us(recording, event.end), "pid": host,
                "tid": track.get(event.thread, 0), "args": {"message": event.message},
            }  # fmt: skip
