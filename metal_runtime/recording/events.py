"""The kinds of events: frozen values that profiles, traces and the inspector are made of.

``number`` counts the events of a process. Times are nanoseconds of the host's monotonic clock
(``time.monotonic_ns``); a point in time has ``begin == end``. ``thread`` is the host's (``threading.get_ident``).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import NamedTuple

Extent = tuple[int, int, int]
"""Threads along x, y and z."""


class Place(NamedTuple):
    """A line of the user's program."""

    file: str
    line: int


class Work(NamedTuple):
    """What one launch has to do."""

    read_bytes: int
    written_bytes: int
    operations: int | None = None
    """Arithmetic on numbers of floating point; None where nobody counted."""


@dataclass(frozen=True, slots=True)
class LaunchEvent:
    """A kernel was launched. ``begin`` to ``end`` is the call on the host."""

    number: int
    begin: int
    end: int
    thread: int
    kernel: int
    """Its key among the recorded kernels."""

    device: str
    stream: int
    """0 for the device's default stream."""

    grid: Extent
    threadgroup: Extent
    work: Work
    place: Place | None
    device_begin: int
    """When the device began with it, by the host's clock; 0 while it waits, and where the device does not say."""

    device_end: int
    """0 until it has ended, and where the device does not say."""


@dataclass(frozen=True, slots=True)
class FlushEvent:
    """Recorded operators were started."""

    number: int
    begin: int
    end: int
    thread: int
    device: str
    operators: int
    kernels: int
    is_new: bool
    """Whether the plan had to be made, which a graph of known structure does not need."""

    place: Place | None


@dataclass(frozen=True, slots=True)
class FusionEvent:
    """A plan was made: what became one kernel and what did not."""

    number: int
    begin: int
    end: int
    thread: int
    device: str
    operators: int
    kernels: tuple[str, ...]
    """Their names, in their order."""

    moved_bytes: int
    eager_bytes: int
    """What a kernel for each operator would move."""

    report: str
    """As ``api.explain`` prints it, with what kept kernels apart."""

    svg: str
    """The graph, drawn."""

    place: Place | None


class Cache(enum.Enum):
    """Whether a stage's result was there already."""

    HIT = "hit"
    MISS = "miss"
    NONE = "none"
    """The stage has no cache."""


@dataclass(frozen=True, slots=True)
class CompileEvent:
    """One stage of compiling a kernel."""

    number: int
    begin: int
    end: int
    thread: int
    kernel: str
    stage: str
    """``find`` (on disk), ``python`` (to IR), ``passes``, ``emit`` (to MSL), ``check``, ``translate`` (MSL to C++), ``clang``,
    ``load``; ``library`` and ``pipeline`` on Metal."""

    cache: Cache
    why: str
    """What the cache says: where it was found, or what was new about it."""


class Direction(enum.Enum):
    """Which way bytes were copied."""

    TO_DEVICE = "to device"
    TO_HOST = "to host"
    BETWEEN = "between devices"


@dataclass(frozen=True, slots=True)
class TransferEvent:
    """Bytes were copied between arrays of the host and device memory."""

    number: int
    begin: int
    end: int
    thread: int
    device: str
    direction: Direction
    nbytes: int
    place: Place | None


class PoolAction(enum.Enum):
    """What happened to device memory."""

    ALLOCATE = "allocate"
    REUSE = "reuse"
    RELEASE = "release"
    TRIM = "trim"


@dataclass(frozen=True, slots=True)
class PoolEvent:
    """Memory of the pool changed hands; the figures are those afterwards."""

    number: int
    begin: int
    end: int
    thread: int
    device: str
    action: PoolAction
    nbytes: int
    used_bytes: int
    allocated_bytes: int
    blocks: int
    """Handles: blocks that live buffers and views own."""

    place: Place | None


@dataclass(frozen=True, slots=True)
class SyncEvent:
    """The host waited for a device."""

    number: int
    begin: int
    end: int
    thread: int
    device: str
    place: Place | None


@dataclass(frozen=True, slots=True)
class ErrorEvent:
    """Something failed."""

    number: int
    begin: int
    end: int
    thread: int
    device: str
    error: str
    """The exception's class."""

    message: str
    place: Place | None


Event = (
    LaunchEvent
    | FlushEvent
    | FusionEvent
    | CompileEvent
    | TransferEvent
    | PoolEvent
    | SyncEvent
    | ErrorEvent
)


@dataclass(frozen=True, slots=True)
class KernelFacts:
    """What does not change from launch to launch of a kernel."""

    key: int
    name: str
    device: str
    strategy: str
    """How threadgroups run: ``loops``, ``regions``, ``fibers``; ``gpu``."""

    msl: str
    place: Place | None
    """Where its Python function, or the MSL file, begins; None for what iris wrote itself."""

    python: str
    """The Python function's text; empty where there is none."""

    threadgroup_bytes: int


@dataclass(frozen=True, slots=True)
class LiveBlock:
    """Device memory that a buffer or view owns now."""

    device: str
    address: int
    nbytes: int
    since: int
    place: Place | None
    """The line that made the first buffer over it."""
