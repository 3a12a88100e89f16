"""Events of every layer in, the latest of them out in their order: one ring for the process, which costs a glance while it is off."""

from __future__ import annotations

import ctypes
import itertools
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from metal_runtime.recording.events import (
    Event,
    KernelFacts,
    LaunchEvent,
    LiveBlock,
    Place,
    PoolAction,
    PoolEvent,
    Work,
)
from metal_runtime.recording.places import RawPlace, caller

CAPACITY = 1 << 17
"""Events that are kept; a power of two."""

now: Callable[[], int] = time.monotonic_ns
"""The clock of every event."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What ``Recorder.read`` found."""

    events: tuple[Event, ...]
    """In the order of their numbers."""

    next: int
    """Read on from here. Not behind a launch that has not ended: such a one is read again."""

    dropped: int
    """Events that were overwritten before they could be read."""


class Recorder:
    """The ring. Safe to use from many threads; while ``on`` is false nobody calls ``note`` or ``note_launch``."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.on = False
        """Whether anybody wants events; what notes them asks this first."""

        self.kernels: dict[int, KernelFacts] = {}
        """By key: every kernel that was launched while something was recorded."""

        self.live: dict[int, LiveBlock] = {}
        """By address: device memory in use that was taken while something was recorded."""

        self._capacity = capacity
        self._mask = capacity - 1
        self._ring: list[tuple[Any, ...] | None] = []
        self._times: Any = None
        self._times_at = 0
        self._numbers = itertools.count()
        self._first = 0
        self._listeners = 0
        self._lock = threading.Lock()

    # --- who wants events ------------------------------------------------------------------------

    def start(self) -> int:
        """Turns it on, for one more who wants events; the number that the next event will have."""
        with self._lock:
            if not self._ring:
                self._ring = [None] * self._capacity
                self._times = (ctypes.c_uint64 * (2 * self._capacity))()
                self._times_at = ctypes.addressof(self._times)
            if not self._listeners:
                self.live.clear()
            self._listeners += 1
            self.on = True
            return self.next_number

    def stop(self) -> None:
        """One of those who called ``start`` wants no more."""
        with self._lock:
            self._listeners -= 1
            self.on = self._listeners > 0

    @property
    def next_number(self) -> int:
        """The number that the next event will have."""
        return int(repr(self._numbers)[6:-1])  # itertools.count shows its value, and takes none

    # --- noting ----------------------------------------------------------------------------------

    def note(self, kind: type, *fields: Any) -> None:
        """An event of a kind; ``fields`` are those behind its number, of which a place is the last."""
        number = next(self._numbers)
        self._ring[number & self._mask] = (number, kind, *fields)

    def begin_launch(self) -> tuple[int, int]:
        """A launch is about to be made: its number, and the address of two words of 64 bits for its device's times."""
        number = next(self._numbers)
        return number, self._times_at + 16 * (number & self._mask)

    def note_launch(self, number: int, *fields: Any) -> None:
        """The launch of a number was made; ``fields`` are those of LaunchEvent from ``begin`` to ``place``.

        Before them stands whether the device measures it.
        """
        self._ring[number & self._mask] = (number, LaunchEvent, *fields)

    def note_memory(
        self,
        action: PoolAction,
        device: str,
        address: int,
        nbytes: int,
        used_bytes: int,
        allocated_bytes: int,
        blocks: int,
    ) -> None:
        """Memory at an address changed hands, for the line that is running; the figures are those of the pool then."""
        at, place = now(), caller()
        if action is PoolAction.RELEASE:
            self.live.pop(address, None)
        elif action is not PoolAction.TRIM:
            self.live[address] = LiveBlock(device, address, nbytes, at, place_of(place))
        self.note(
            PoolEvent, at, at, threading.get_ident(), device, action, nbytes, used_bytes, allocated_bytes, blocks, place
        )  # fmt: skip

    def owned(self, address: int, place: RawPlace | None) -> None:
        """Memory belongs to a buffer that another line made, before it was known to need any."""
        block = self.live.get(address)
        if block is not None and place is not None:
            self.live[address] = LiveBlock(
                block.device, address, block.nbytes, block.since, place_of(place)
            )

    # --- reading ---------------------------------------------------------------------------------

    def read(self, since: int, most: int = CAPACITY) -> Reading:
        """The events from a number on, at most so many."""
        latest = self.next_number
        first = max(since, latest - self._capacity)
        events: list[Event] = []
        open_from: int | None = None
        dropped = first - since
        number = first
        for number in range(first, min(latest, first + most)):
            raw = self._ring[number & self._mask]
            if raw is None or raw[0] < number:  # another thread is about to write it
                break
            if raw[0] > number:
                dropped += 1
                continue
            event, is_open = self._event(raw)
            events.append(event)
            if is_open and open_from is None:
                open_from = number
        else:
            number = min(latest, first + most)
        return Reading(tuple(events), number if open_from is None else open_from, dropped)

    def _event(self, raw: tuple[Any, ...]) -> tuple[Event, bool]:
        """The event, and whether more of it will be known later."""
        number, kind, *fields = raw
        make: Callable[..., Event] = kind
        if kind is not LaunchEvent:
            last = place_of(fields.pop()) if "place" in kind.__slots__ else fields.pop()
            return make(number, *fields, last), False
        measured, *fields, work, place = fields
        times = 2 * (number & self._mask)
        begun, ended = (self._times[times], self._times[times + 1]) if measured else (0, 0)
        event = make(number, *fields, Work._make(work), place_of(place), begun, ended)
        return event, measured and not ended


def place_of(raw: RawPlace | None) -> Place | None:
    """A place as it is read."""
    return None if raw is None else Place._make(raw)


RECORDER = Recorder()
"""The recorder of this process."""


def _forget_after_fork() -> None:
    """Nobody listens in the child yet; what another thread of the parent was about to note never comes."""
    RECORDER.__init__()  # type: ignore[misc]


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_forget_after_fork)
