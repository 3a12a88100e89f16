"""What Python functions were compiled to, on disk: a key in, the value that was stored under it out, or None."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import pickle
from pathlib import Path
from typing import Any

from metal_runtime import settings
from metal_runtime.logging import get_logger

_MAGIC = b"IRISPY1\n"
_DIGEST = 16
_SUFFIX = ".program"
_counter = itertools.count()


def directory() -> Path:
    """Where the entries are; made when something is stored."""
    return settings.cache_dir() / "programs"


def get(key: str) -> Any:
    """The value of ``key``; None when there is none, or when the entry is damaged (then it is not read)."""
    try:
        content = (directory() / f"{key}{_SUFFIX}").read_bytes()
    except OSError:
        return None
    head = len(_MAGIC) + _DIGEST
    payload = content[head:]
    if content[:head] != _MAGIC + _digest(payload):
        return None
    try:
        return pickle.loads(payload)
    except (pickle.UnpicklingError, AttributeError, ImportError, EOFError, TypeError):
        get_logger("cache").warning("entry %s is of another version of iris", key)
        return None


def put(key: str, value: Any) -> None:
    """Stores a value: written beside its place and renamed, so that nobody sees half of it.

    A folder that cannot be written to is logged, and costs only time in the next process.
    """
    payload = pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
    folder = directory()
    temporary = folder / f".{key}.{os.getpid()}.{next(_counter)}.tmp"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(_MAGIC + _digest(payload) + payload)
        os.replace(temporary, folder / f"{key}{_SUFFIX}")
    except OSError as error:
        get_logger("cache").warning("cannot keep a compiled program: %s", error)
        with contextlib.suppress(OSError):
            temporary.unlink()


def clear() -> int:
    """Removes all entries, and remains of interrupted writes; how many files."""
    removed = 0
    if directory().is_dir():
        for path in directory().iterdir():
            with contextlib.suppress(OSError):
                path.unlink()
                removed += 1
    return removed


def _digest(payload: bytes) -> bytes:
    return hashlib.blake2b(payload, digest_size=_DIGEST).digest()
