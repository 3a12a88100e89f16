"""Events of every layer in, the latest of them out in their order: one ring for the process, which costs a glance while it is off."""

from __future__ import annotations

import ctypes
import itertools
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from metal_runtime.recording.events import (
    Event,
    KernelFacts,
    LaunchEvent,
    LiveBlock,
    PoolAction,
    PoolEvent,
    Work,
)
from metal_runtime.recording.places import RawPlace, caller, place_of

CAPACITY = 1 << 17
"""Events that are kept; a power of two."""

RawWork = tuple[int, int, int | None] | tuple[Sequence[bool], Sequence[int]]
"""A Work that is one only once it is read: its figures, or which arrays are written and the bytes of each, all of which are read."""

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
        self._times: Any = None

        # What follows is for `recorded_launch`, too, which has no time for calls.
        self.mask = capacity - 1
        self.ring: list[tuple[Any, ...] | None] = []
        """Events at their numbers & mask, as tuples: the number, the class, its fields."""

        self.times_at = 0
        """The address of two words of 64 bits for each place of the ring: when the launch there began and ended."""

        self.numbers = itertools.count()
        self._listeners = 0
        self._lock = threading.Lock()

    # --- who wants events ------------------------------------------------------------------------

    def start(self) -> int:
        """Turns it on, for one more who wants events; the number that the next event will have."""
        with self._lock:
            if not self.ring:
                self.ring = [None] * self._capacity
                self._times = (ctypes.c_uint64 * (2 * self._capacity))()
                self.times_at = ctypes.addressof(self._times)
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
        return int(repr(self.numbers)[6:-1])  # itertools.count shows its value, and takes none

    # --- noting ----------------------------------------------------------------------------------

    def note(self, kind: type, *fields: Any) -> None:
        """An event of a kind; ``fields`` are those behind its number, of which a place is the last."""
        number = next(self.numbers)
        self.ring[number & self.mask] = (number, kind, *fields)

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
            raw = self.ring[number & self.mask]
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
        times = 2 * (number & self.mask)
        begun, ended = (self._times[times], self._times[times + 1]) if measured else (0, 0)
        event = make(number, *fields, _work_of(work), place_of(place), begun, ended)
        return event, measured and not ended


def _work_of(raw: RawWork) -> Work:
    if len(raw) == 3:
        return Work._make(raw)
    written, sizes = raw
    return Work(sum(sizes), sum(itertools.compress(sizes, written)))


RECORDER = Recorder()
"""The recorder of this process."""


def _forget_after_fork() -> None:
    """Nobody listens in the child yet; what another thread of the parent was about to note never comes."""
    RECORDER.__init__()  # type: ignore[misc]


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_forget_after_fork)
