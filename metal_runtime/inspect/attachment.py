"""A process id in, a recording of what that process does from now on out, more of it at each poll."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from metal_runtime.device.pool import PoolStatistics
from metal_runtime.inspect.address import UnsafeDirectory, safe_directory, socket_path
from metal_runtime.inspect.caller import AttachError, Caller, Gone
from metal_runtime.inspect.log_lines import CAPACITY, LogLine
from metal_runtime.inspect.protocol import MOST_AGAIN, MOST_EVENTS, MOST_KEYS, VERSION
from metal_runtime.inspect.sockets import AVAILABLE
from metal_runtime.inspect.source import Status
from metal_runtime.recording.codec import from_json
from metal_runtime.recording.events import Event, KernelFacts, LaunchEvent, LiveBlock
from metal_runtime.recording.recorder import now
from metal_runtime.recording.recording import DeviceFacts, ProcessFacts, Recording
from metal_runtime.recording.rows import event_of

KEPT = 100_000
"""Events that an attachment keeps."""

BUDGET = 0.3
"""Seconds that a poll goes on asking for events."""

MOST_BEHIND = 10 * MOST_EVENTS
"""Events that a poll may be behind; what is older is skipped, and counted as dropped, so that one sees the present."""

PATIENCE = 5.0
"""Seconds without an answer after which a process is taken for gone."""


def attach(pid: int, kept: int = KEPT) -> Attachment:
    """Looks into a process. Raises AttachError where it cannot be looked into."""
    hint = "`iris top` without a number lists the processes that can be looked into"
    if not AVAILABLE:
        raise AttachError("this system has no Unix sockets, which the inspector needs")
    try:
        caller = Caller(socket_path(safe_directory(), pid), PATIENCE)
    except FileNotFoundError:
        raise AttachError(f"process {pid} cannot be looked into", hint=hint) from None
    except (UnsafeDirectory, Gone) as reason:
        raise AttachError(f"process {pid} cannot be looked into: {reason}", hint=hint) from None
    try:
        return Attachment(pid, caller, kept)
    except (Gone, ValueError, KeyError, TypeError) as reason:
        caller.close()
        raise AttachError(f"process {pid} cannot be looked into: {reason}", hint=hint) from None


class Attachment:
    """A process that is looked into: a Source. ``poll`` and ``texts`` may be called from different threads."""

    def __init__(self, pid: int, caller: Caller, kept: int) -> None:
        self._caller = caller
        self._kept = kept
        told = caller.ask("hello", version=VERSION)
        self.title = f"{told['name']} (process {pid})"
        self.ended = ""
        self.status = Status()
        self._next = int(told["next"])
        self._begin = now()
        self._end = self._begin
        self._dropped = 0
        self._open: list[int] = []
        self._events: dict[int, Event] = {}
        self._kernels: dict[int, KernelFacts] = {}
        self._wanted: set[int] = set()
        self._live: tuple[LiveBlock, ...] = ()
        self._devices: tuple[DeviceFacts, ...] = ()
        self._next_line = 0
        self._take_status(caller.ask("status", log=0))

    def poll(self) -> Recording:
        """What is known by now, with all that is new since the last time."""
        if not self.ended:
            try:
                self._pull()
                self._end = now()
            except Gone as reason:
                self._leave(str(reason))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                self._leave(f"its answer makes no sense: {error}")
        return Recording(
            events=tuple(self._events.values()),
            kernels=dict(self._kernels),
            live=self._live,
            devices=self._devices,
            process=self._process,
            begin=self._begin,
            end=self._end,
            dropped=self._dropped,
        )

    def texts(self, kernel: int) -> Mapping[str, str]:
        """What the device's compiler made of a kernel, by stage; empty once the process has ended."""
        if self.ended:
            return {}
        try:
            return from_json(dict[str, str], self._caller.ask("texts", kernel=kernel)["texts"])
        except (Gone, ValueError, KeyError) as reason:
            self._leave(str(reason))
            return {}

    def close(self) -> None:
        """Looks no longer; the process records nothing more if nobody else looks."""
        self._leave("closed")

    def _leave(self, reason: str) -> None:
        self.ended = self.ended or reason
        self._caller.close()

    # --- what is new -----------------------------------------------------------------------------

    def _pull(self) -> None:
        enough = time.monotonic() + BUDGET
        while self._pull_events() and time.monotonic() < enough:
            pass
        while self._wanted:
            keys = sorted(self._wanted)[:MOST_KEYS]
            found = self._caller.ask("kernels", keys=keys)["kernels"]
            facts = [from_json(KernelFacts, data) for data in found]
            self._kernels.update((known.key, known) for known in facts)
            self._wanted.difference_update(self._kernels)
            if not facts:  # the process knows no more of them
                break
        self._live = from_json(tuple[LiveBlock, ...], self._caller.ask("live")["live"])
        self._take_status(self._caller.ask("status", log=self._next_line))

    def _pull_events(self) -> bool:
        """Whether there are more."""
        told = self._caller.ask(
            "events", since=self._next, most=MOST_EVENTS, again=self._open[-MOST_AGAIN:]
        )
        for row in told["events"]:
            event = event_of(row)
            if event.number < self._next and event.number not in self._events:
                continue  # it is forgotten already
            self._events[event.number] = event
            if isinstance(event, LaunchEvent) and event.kernel not in self._kernels:
                self._wanted.add(event.kernel)
        self._open = [int(n) for n in told["open"]]
        self._dropped += int(told["dropped"])
        before, latest = self._next, int(told["latest"])
        self._next = int(told["next"])
        if latest - self._next > MOST_BEHIND:
            self._dropped += latest - MOST_EVENTS - self._next
            self._next = latest - MOST_EVENTS
        self._forget()
        return before < self._next < latest

    def _forget(self) -> None:
        """Keeps the last events only."""
        excess = len(self._events) - self._kept
        if excess > 0:
            for number in list(self._events)[:excess]:
                del self._events[number]

    def _take_status(self, told: Mapping[str, Any]) -> None:
        self._process = from_json(ProcessFacts, told["process"])
        self._devices = from_json(tuple[DeviceFacts, ...], told["devices"])
        log = (*self.status.log, *from_json(tuple[LogLine, ...], told["log"]))[-CAPACITY:]
        self._next_line = log[-1].number + 1 if log else 0
        self.status = Status(
            pools=from_json(dict[str, PoolStatistics], told["pools"]),
            programs=from_json(dict[str, int], told["programs"]),
            disk=from_json(dict[str, tuple[int, int]], told["disk"]),
            log=log,
        )
