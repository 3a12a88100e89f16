"""Reports on disk: what a check depends on enters, the report leaves while every file it read is unchanged."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
from pathlib import Path
from typing import Any

from metal_runtime import settings


def directory() -> Path:
    """Where reports are kept; made when one is."""
    return settings.cache_dir() / "check"


def key_of(*parts: str) -> str:
    """The name of an entry: a digest of all that a report depends on but the headers it read."""
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()


def sources_digest() -> str:
    """A digest of iris' own MSL reader and headers: another version finds other things."""
    digest = hashlib.blake2b(digest_size=16)
    folder = Path(__file__).parents[1]
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            digest.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


@functools.cache
def rules_stamp() -> str:
    """Names, sizes and times of the files of the rules: cheaper than their digest, and for one machine as good."""
    here = Path(__file__).parent
    files = sorted([*here.glob("*.py"), *here.with_name("spaces").glob("*.py")])
    return " ".join(f"{f.name} {f.stat().st_size} {f.stat().st_mtime_ns}" for f in files)


def find(key: str) -> dict[str, Any] | None:
    """The report as ``report_json`` wrote it; None when there is none, or a header has changed since."""
    try:
        entry = json.loads((directory() / f"{key}.json").read_text())
        headers, report = entry["headers"], entry["report"]
    except (OSError, ValueError, KeyError, TypeError):
        return None  # not there, or damaged: it is written anew
    if not isinstance(report, dict) or any(
        _digest(file) != digest for file, digest in headers.items()
    ):
        return None
    return report


def store(key: str, report: dict[str, Any]) -> None:
    """Keeps a report; a full disk only means that the next check takes its time."""
    entry = {"headers": {file: _digest(file) for file in report["files"]}, "report": report}
    folder = directory()
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / f".{key}.{os.getpid()}.tmp"
        temporary.write_text(json.dumps(entry))
        os.replace(temporary, folder / f"{key}.json")


def clear() -> int:
    """Removes all reports; returns how many files."""
    removed = 0
    if directory().is_dir():
        for path in directory().iterdir():
            with contextlib.suppress(OSError):
                path.unlink()
                removed += 1
    return removed


def _digest(file: str) -> str | None:
    try:
        return hashlib.blake2b(Path(file).read_bytes(), digest_size=16).hexdigest()
    except OSError:
        return None
