"""A stretch of this process' life in, between ``start`` and ``stop``; its Recording out."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

from metal_runtime.errors import IrisError
from metal_runtime.profile.roofline import measured_facts
from metal_runtime.recording.events import Event, LaunchEvent, PoolAction
from metal_runtime.recording.recorder import RECORDER, now
from metal_runtime.recording.recording import Recording
from metal_runtime.runtime.facts import device_facts, process_facts
from metal_runtime.runtime.session import Session
from metal_runtime.runtime.sessions import every_session

_PATIENCE = (
    0.5  # seconds to wait for events and launches that other threads are about to note and end
)


class Capture:
    """Records between ``start`` and ``stop``; any number may do so at a time, within each other or not."""

    def __init__(self, *, roofline: bool = True) -> None:
        self._wants_roofline = roofline
        self._lock = threading.Lock()
        self._since: int | None = None
        self._begin = 0

    def start(self) -> None:
        """Runs what was pending before, and records from now on. Raises KernelFault for a launch before it that failed."""
        with self._lock:
            if self._since is not None:
                raise IrisError("the profile has begun already", hint="make one for each block")
            for session in _open_sessions():
                session.synchronize()
            self._since = RECORDER.start()
            self._begin = now()
            _note_pools()

    def stop(self) -> tuple[Recording, IrisError | None]:
        """Waits until all has ended and records no more; the recording, and the fault of a launch that failed."""
        since = self._since
        if since is None:
            raise IrisError(
                "the profile has not begun", hint="use it as `with api.profile() as p:`"
            )
        fault = None
        try:
            fault = _synchronize()
            _note_pools()
            end = now()
            events, dropped = _events(since, RECORDER.next_number)
            kernels = {event.kernel for event in events if isinstance(event, LaunchEvent)}
            live = tuple(RECORDER.live.copy().values())
        finally:
            RECORDER.stop()
        recording = Recording(
            events=events,
            kernels={key: facts for key in kernels if (facts := RECORDER.kernels.get(key))},
            live=live,
            devices=tuple(
                device_facts(session.device_name, session.device.traits)
                for session in _open_sessions()
            ),
            process=process_facts(),
            begin=self._begin,
            end=end,
            dropped=dropped,
        )
        return self._with_roofline(recording), fault

    def _with_roofline(self, recording: Recording) -> Recording:
        if not self._wants_roofline:
            return recording
        used = {event.device for event in recording.events if isinstance(event, LaunchEvent)}
        devices = tuple(
            measured_facts(facts) if facts.name in used else facts for facts in recording.devices
        )
        return replace(recording, devices=devices)


def _open_sessions() -> list[Session]:
    return [session for session in every_session() if session.is_open]


def _synchronize() -> IrisError | None:
    fault: IrisError | None = None
    for session in _open_sessions():
        try:
            session.synchronize()
        except IrisError as error:
            fault = fault or error
    return fault


def _note_pools() -> None:
    """What every pool holds, as an event that changes nothing: graphs begin and end with it."""
    for session in _open_sessions():
        held = session.pool.statistics()
        RECORDER.note_memory(
            PoolAction.TRIM,
            session.device_name,
            0,
            0,
            held.used_bytes,
            held.allocated_bytes,
            held.used_blocks,
        )


def _events(since: int, until: int) -> tuple[tuple[Event, ...], int]:
    """Those of the numbers, and how many were lost."""
    found: dict[int, Event] = {}
    give_up = time.monotonic() + _PATIENCE
    at = since
    while at < until:
        reading = RECORDER.read(at)
        found.update((event.number, event) for event in reading.events if event.number < until)
        at = reading.next
        if time.monotonic() > give_up:
            break
        time.sleep(0.001 if at < until else 0)
    return tuple(found[number] for number in sorted(found)), until - since - len(found)
