"""What was compiled, on disk: a key and a way to build in, the path of a whole, verified file out."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import struct
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metal_runtime import settings

# An entry is what was built, then JSON about it, then this trailer: neither the loader of shared objects nor
# clang, reading a precompiled header, looks at what follows.
_TRAILER = struct.Struct("<8sIII")  # magic, bytes of JSON, checksum of object and JSON, version
_MAGIC = b"IRISOBJ\n"
_VERSION = 1
OBJECT = ".so"
PRECOMPILED_HEADER = ".pch"
_counter = itertools.count()


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """One entry, as ``iris cache ls`` shows it. ``age`` is in seconds, ``size`` in bytes."""

    kernel: str
    path: Path
    size: int
    age: float
    target: str


def directory() -> Path:
    """Where the entries are; made when something is stored."""
    return settings.cache_dir() / "cpu"


def entry_path(kernel: str, key: str, suffix: str) -> Path:
    """The file of an entry: the kernel's name for people, the key for the machine."""
    name = "".join(c if c.isalnum() or c == "_" else "-" for c in kernel)[:80]
    return directory() / f"{name}-{key}{suffix}"


def find(kernel: str, key: str, suffix: str = OBJECT) -> Path | None:
    """The entry's path when it is there and whole. A damaged one is removed, and not loaded."""
    path = entry_path(kernel, key, suffix)
    try:
        content = path.read_bytes()
    except OSError:
        return None
    if _description(content) is not None:
        return path
    with contextlib.suppress(
        OSError
    ):  # another process may have replaced or removed it: both are well
        path.unlink()
    return None


def store(
    kernel: str, key: str, target: str, build: Callable[[str], None], suffix: str = OBJECT
) -> Path:
    """Builds an entry under a name of its own and puts it in place at once, so that nobody sees half of it.

    ``build`` is called with the path to write to.
    """
    path = entry_path(kernel, key, suffix)
    temporary = scratch_path(path.name)
    try:
        build(temporary)
        _seal(temporary, {"kernel": kernel, "target": target, "created": time.time()})
        os.replace(temporary, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
    return path


def scratch_path(name: str) -> str:
    """A path in the cache's folder that no other thread or process uses."""
    folder = directory()
    folder.mkdir(parents=True, exist_ok=True)
    return str(folder / f".{name}.{os.getpid()}.{next(_counter)}.tmp")


def _seal(path: str, description: dict[str, Any]) -> None:
    with open(path, "r+b") as file:
        content = file.read()
        data = json.dumps(description).encode()
        checksum = zlib.crc32(data, zlib.crc32(content))
        file.write(data + _TRAILER.pack(_MAGIC, len(data), checksum, _VERSION))


def _description(content: bytes) -> dict[str, Any] | None:
    """What the entry says of itself; None when it is damaged or cut short."""
    body = len(content) - _TRAILER.size
    if body < 0:
        return None
    magic, length, checksum, version = _TRAILER.unpack_from(content, body)
    if (
        magic != _MAGIC
        or version != _VERSION
        or length > body
        or zlib.crc32(content[:body]) != checksum
    ):
        return None
    description: dict[str, Any] = json.loads(content[body - length : body])
    return description


def entries() -> Iterator[CacheEntry]:
    """Every whole entry, in order of kernel names."""
    if not directory().is_dir():
        return
    for path in sorted(
        p for p in directory().iterdir() if p.suffix in (OBJECT, PRECOMPILED_HEADER)
    ):
        try:
            content = path.read_bytes()
        except OSError:
            continue  # removed meanwhile
        found = _description(content)
        if found is not None:
            age = max(time.time() - found["created"], 0.0)
            yield CacheEntry(found["kernel"], path, len(content), age, found["target"])


def clear() -> int:
    """Removes all entries, damaged ones and remains of interrupted builds too; returns how many files."""
    removed = 0
    if directory().is_dir():
        for path in directory().iterdir():
            with contextlib.suppress(OSError):
                path.unlink()
                removed += 1
    return removed
