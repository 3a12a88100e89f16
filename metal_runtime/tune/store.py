"""Winners on disk: what was measured of a kernel on a device for a shape class goes in, and comes back whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from metal_runtime import settings
from metal_runtime.device.protocol import DeviceTraits
from metal_runtime.logging import get_logger
from metal_runtime.tune.space import Configuration

_VERSION = 1
_SUFFIX = ".json"
_counter = itertools.count()


@dataclass(frozen=True, slots=True)
class Key:
    """What a winner holds for: a kernel, a device, a shape class."""

    kernel: str
    device: str
    """The backend's name."""

    machine: str
    """The device's name, processors and compiler."""

    shapes: str
    code: str
    """A digest of all that the kernel's code and its configurations depend on."""

    @property
    def file_name(self) -> str:
        digest = hashlib.blake2b(repr((_VERSION, self)).encode(), digest_size=16).hexdigest()
        name = "".join(c if c.isalnum() or c == "_" else "-" for c in self.kernel)[:80]
        return f"{name}-{digest}{_SUFFIX}"


@dataclass(frozen=True, slots=True)
class Timing:
    """A configuration and the seconds of its fastest run; None when it cannot run."""

    configuration: Configuration
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Entry:
    """What was measured, the default first."""

    key: Key
    best: Configuration
    timings: tuple[Timing, ...]
    created: float
    """Seconds since 1970."""

    @property
    def default(self) -> Timing:
        return self.timings[0]

    @property
    def seconds(self) -> float | None:
        """Of the winner."""
        return next((t.seconds for t in self.timings if t.configuration == self.best), None)

    @property
    def gain(self) -> float | None:
        """How many times faster the winner is than the default; None where the default cannot run."""
        default, chosen = self.default.seconds, self.seconds
        return default / chosen if default and chosen else None


def machine_of(traits: DeviceTraits) -> str:
    """What a winner depends on of a device, as text."""
    return f"{traits.name}, {traits.compute_units} units, {traits.toolchain}"


def directory() -> Path:
    """Where the entries are; made when something is stored."""
    return settings.cache_dir() / "tune"


def get(key: Key) -> Entry | None:
    """What was measured for a key. A damaged entry is none."""
    entry = _read(directory() / key.file_name)
    return entry if entry is not None and entry.key == key else None


def put(key: Key, best: Configuration, timings: tuple[Timing, ...]) -> None:
    """Stores what was measured: written beside its place and renamed, so that nobody sees half of it.

    A folder that cannot be written to is logged, and costs only time in the next process.
    """
    content = json.dumps(asdict(Entry(key, best, timings, time.time())), sort_keys=True)
    folder = directory()
    temporary = folder / f".{key.file_name}.{os.getpid()}.{next(_counter)}.tmp"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        temporary.write_text(f"{content}\n{_digest(content)}\n")
        os.replace(temporary, folder / key.file_name)
    except OSError as error:
        get_logger("tune").warning("cannot keep what was measured: %s", error)
        with contextlib.suppress(OSError):
            temporary.unlink()


def entries() -> Iterator[Entry]:
    """Every whole entry, in order of kernels."""
    if directory().is_dir():
        for path in sorted(directory().glob(f"*{_SUFFIX}")):
            entry = _read(path)
            if entry is not None:
                yield entry


def clear(kernel: str | None = None) -> int:
    """Removes the entries of a kernel, or all files with the remains of interrupted writes; how many."""
    removed = 0
    for path in list(directory().iterdir()) if directory().is_dir() else []:
        entry = None if kernel is None else _read(path)
        if kernel is None or (entry is not None and entry.key.kernel == kernel):
            with contextlib.suppress(OSError):
                path.unlink()
                removed += 1
    return removed


def _read(path: Path) -> Entry | None:
    try:
        content, digest, end = path.read_text().split("\n")
        if end or digest != _digest(content):
            return None
        found: dict[str, Any] = json.loads(content)
        timings = tuple(Timing(**timing) for timing in found["timings"])
        entry = Entry(Key(**found["key"]), found["best"], timings, found["created"])
        return entry if timings else None
    except (OSError, ValueError, KeyError, TypeError):  # removed meanwhile, damaged, or not ours
        return None


def _digest(content: str) -> str:
    return hashlib.blake2b(content.encode(), digest_size=16).hexdigest()
