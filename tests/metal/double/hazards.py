"""Races: encoders and what orders them in, a violation for each use of untracked memory that nothing orders out.

Metal orders the commands of a serial encoder, and encoders that use the same tracked memory. Nothing orders the
dispatches of a concurrent encoder but barriers, nor encoders that share untracked memory but fences, events, and a
host that waited for the first before it committed the second.
"""

from __future__ import annotations

from collections.abc import Sequence

from tests.metal.double.records import Access, EncoderRecord, EventCell, Item, Signal, Wait
from tests.metal.double.world import World

_COMPLETED = 4


class BarrierGroup:
    """The dispatches of a concurrent encoder since its last barrier."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._accesses: list[tuple[str, Access]] = []

    def add(self, kernel: str, accesses: Sequence[Access]) -> None:
        for name, before in self._accesses:
            if any(before.conflicts(access) for access in accesses):
                self._world.violation(
                    f"{kernel} uses memory that {name} of the same concurrent encoder uses, with no barrier between"
                )
        self._accesses += [(kernel, access) for access in accesses]

    def barrier(self, memories: Sequence[object] | None = None) -> None:
        """Orders what came before, of all memory or of some."""
        self._accesses = [
            (name, access)
            for name, access in self._accesses
            if memories is not None and access.memory not in memories
        ]


class UntrackedMemory:
    """The encoders that use untracked memory and that may still run."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._running: list[tuple[object, EncoderRecord]] = []

    def commit(self, queue: object, items: Sequence[Item]) -> None:
        """Compares a command buffer with what is in flight, and notes it."""
        self._running = [(of, record) for of, record in self._running if not _has_ended(record)]
        waits: list[tuple[EventCell, int]] = [w for of, r in self._running if of is queue for w in r.waits]  # fmt: skip
        for item in items:
            if isinstance(item, Wait):
                waits.append((item.event, item.value))
            elif isinstance(item, Signal):
                for of, record in self._running:
                    if of is queue:
                        record.signals.append((item.event, item.value))
            elif item.untracked():
                item.waits = list(waits)
                self._compare(item)
                self._running.append((queue, item))

    def _compare(self, record: EncoderRecord) -> None:
        mine = record.untracked()
        for _, other in self._running:
            if _is_ordered(other, record):
                continue
            if any(a.conflicts(b) for a in other.untracked() for b in mine):
                self._world.violation(
                    f"encoder {record.label or record.kind} uses untracked memory that encoder "
                    f"{other.label or other.kind} uses, with no fence or event between"
                )


def _has_ended(record: EncoderRecord) -> bool:
    owner = None if record.owner is None else record.owner()
    return owner is None or owner._status >= _COMPLETED


def _is_ordered(first: EncoderRecord, second: EncoderRecord) -> bool:
    """Whether a fence or an event makes the second run after the first."""
    if any(u is first or _is_ordered(first, u) for u in second.waited_fences):
        return True
    return any(
        event is other and value >= wanted
        for event, value in first.signals
        for other, wanted in second.waits
    )
