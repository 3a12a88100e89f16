"""A request in, the JSON text of its answer out: all that a process says of itself."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from metal_runtime import settings
from metal_runtime.device.protocol import DeviceTraits
from metal_runtime.inspect.log_lines import LogLines
from metal_runtime.inspect.protocol import (
    MOST_AGAIN,
    MOST_EVENTS,
    MOST_KEYS,
    SOME_BYTES,
    VERSION,
    Refused,
    number,
    numbers,
)
from metal_runtime.profile.kept_roofline import kept_facts
from metal_runtime.recording.codec import to_json
from metal_runtime.recording.events import Event, LaunchEvent
from metal_runtime.recording.recorder import RECORDER
from metal_runtime.recording.recording import DeviceFacts
from metal_runtime.recording.rows import row_of
from metal_runtime.runtime.facts import device_facts, process_facts
from metal_runtime.runtime.recorded_launch import texts_of
from metal_runtime.runtime.sessions import every_session

Request = dict[str, Any]
_since = time.time()


def answer(request: Request, log: LogLines) -> str:
    """The answer to a request of somebody who is attached. Raises Refused."""
    make = _ANSWERS.get(request["ask"])
    if make is None:
        raise Refused(f"nobody answers {request['ask'][:80]!r}")
    return make(request, log)


def who() -> str:
    """What a listing shows of this process."""
    return _text(process=process_facts(), name=_name(), since=_since)


def check_version(request: Request) -> None:
    """Raises Refused for an inspector that speaks another version."""
    if request.get("version") != VERSION:
        raise Refused(f"this process speaks version {VERSION} of the inspector's protocol")


def hello() -> str:
    """What the first answer to an inspector says."""
    return _text(version=VERSION, next=RECORDER.next_number, name=_name(), since=_since)


def _text(**values: Any) -> str:
    return json.dumps(to_json(values))


def _name() -> str:
    """The program as its user would call it: a script's file name, or a module's name."""
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    if spec is not None:
        return str(spec.name).removesuffix(".__main__")
    first = sys.argv[0] if sys.argv else ""
    return os.path.basename(first) if first not in ("", "-c") else "python"


def _events(request: Request, log: LogLines) -> str:
    """New events, and launches that had not ended when they were read before."""
    since, most = number(request, "since"), number(request, "most", MOST_EVENTS)
    rows, still_open = [], []
    size = 0
    for again in numbers(request, "again", MOST_AGAIN):
        reading = RECORDER.read(max(again, 0), 1)
        if reading.events and reading.events[0].number == again:
            rows.append(row_of(reading.events[0]))
            if reading.next == again:
                still_open.append(again)
    reading = RECORDER.read(since, most)
    following = reading.events[-1].number + 1 if reading.events else reading.next
    for event in reading.events:
        row = row_of(event)
        size += len(row)
        if size > SOME_BYTES and rows:
            following = event.number
            break
        rows.append(row)
        if _is_open(event):
            still_open.append(event.number)
    return (
        f'{{"events": [{",".join(rows)}], "next": {following}, "latest": {RECORDER.next_number}, '
        f'"dropped": {reading.dropped}, "open": {still_open}}}'
    )


def _is_open(event: Event) -> bool:
    """Whether more of it will be known later."""
    if not isinstance(event, LaunchEvent) or event.device_end:
        return False
    return RECORDER.read(event.number, 1).next == event.number


def _kernels(request: Request, log: LogLines) -> str:
    """The facts of kernels; those that would make the answer too long are left out."""
    found: list[str] = []
    size = 0
    for key in numbers(request, "keys", MOST_KEYS):
        facts = RECORDER.kernels.get(key)
        if facts is not None and (size < SOME_BYTES or not found):
            found.append(json.dumps(to_json(facts)))
            size += len(found[-1])
    return f'{{"kernels": [{",".join(found)}]}}'


def _texts(request: Request, log: LogLines) -> str:
    return _text(texts=texts_of(number(request, "kernel")))


def _live(request: Request, log: LogLines) -> str:
    return _text(live=tuple(RECORDER.live.copy().values()))


def _status(request: Request, log: LogLines) -> str:
    """Devices, pools, caches and the log as they are now."""
    opened = [session for session in every_session() if session.opened is not None]
    return _text(
        process=process_facts(),
        devices=[_device(s.device_name, s.opened.traits) for s in opened if s.opened],
        pools={s.device_name: s.opened_pool.statistics() for s in opened if s.opened_pool},
        programs={s.device_name: len(s.programs) for s in opened},
        disk=_disk(),
        log=log.since(number(request, "log")),
    )


def _device(name: str, traits: DeviceTraits) -> DeviceFacts:
    return kept_facts(device_facts(name, traits), traits)


def _disk() -> dict[str, tuple[int, int]]:
    """Files and bytes of each part of the disk cache, by the name of its folder."""
    found: dict[str, tuple[int, int]] = {}
    try:
        parts = [entry for entry in os.scandir(settings.cache_dir()) if entry.is_dir()]
        for part in parts:
            sizes = [e.stat().st_size for e in os.scandir(part) if e.is_file() and e.name[0] != "."]
            found[part.name] = len(sizes), sum(sizes)
    except OSError:  # there is none yet, or another process removes it right now
        pass
    return found


_ANSWERS: dict[str, Callable[[Request, LogLines], str]] = {
    "events": _events,
    "kernels": _kernels,
    "texts": _texts,
    "live": _live,
    "status": _status,
}
