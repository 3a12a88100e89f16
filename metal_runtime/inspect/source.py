"""What can be looked at, a running process or a saved trace, as one interface."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from metal_runtime.device.pool import PoolStatistics
from metal_runtime.inspect.log_lines import LogLine
from metal_runtime.recording.recording import Recording


@dataclass(frozen=True, slots=True)
class Status:
    """What a process says of itself besides events, as it is now; empty for a saved trace."""

    pools: Mapping[str, PoolStatistics] = field(default_factory=dict)
    """By device."""

    programs: Mapping[str, int] = field(default_factory=dict)
    """How many programs are loaded, by device."""

    disk: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Files and bytes of each part of the disk cache, by its folder's name."""

    log: tuple[LogLine, ...] = ()
    """The latest lines of the log, since somebody looks."""


class Source(Protocol):
    """Something to look at."""

    @property
    def title(self) -> str:
        """What it is, for people."""
        ...

    @property
    def ended(self) -> str:
        """Why nothing more will come; empty while something may."""
        ...

    @property
    def status(self) -> Status: ...

    def poll(self) -> Recording:
        """What is known by now. Waits for a process no longer than a few seconds, and never raises for one that has ended."""
        ...

    def texts(self, kernel: int) -> Mapping[str, str]:
        """What the device's compiler made of a kernel, by stage (``cpp``, ``asm``); empty where nobody can tell."""
        ...

    def close(self) -> None:
        """Looks no longer."""
        ...


class SavedTrace:
    """A recording that was made before; it never changes."""

    status = Status()

    def __init__(self, recording: Recording, title: str) -> None:
        self.title = title
        self.ended = "a saved trace"
        self._recording = recording

    def poll(self) -> Recording:
        """The recording."""
        return self._recording

    def texts(self, kernel: int) -> Mapping[str, str]:
        """None: a trace holds the MSL of its kernels, not what a device made of them."""
        return {}

    def close(self) -> None:
        """There is nothing to close."""
