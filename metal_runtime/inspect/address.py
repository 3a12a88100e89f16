"""A process id in, the path of its socket out, in a directory that nobody but the user can enter."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

SUFFIX = ".sock"


class UnsafeDirectory(Exception):
    """The directory of the sockets is somebody else's, or open to others: nothing is made or read there."""


def directory() -> Path:
    """``$XDG_RUNTIME_DIR/iris`` where that folder is the user's own, else ``iris-UID`` below the temporary folder."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime and _is_own(runtime):
        return Path(runtime) / "iris"
    return Path(os.environ.get("TMPDIR") or "/tmp") / f"iris-{os.geteuid()}"


def _is_own(path: str) -> bool:
    try:
        return os.stat(path).st_uid == os.geteuid()
    except OSError:
        return False


def safe_directory(*, make: bool = False) -> Path:
    """The directory, checked. Raises UnsafeDirectory, or FileNotFoundError where there is none and none is made."""
    path = directory()
    if make:
        with contextlib.suppress(FileExistsError):
            path.mkdir(mode=0o700)
    found = os.lstat(path)
    if not stat.S_ISDIR(found.st_mode):
        raise UnsafeDirectory(f"{path} is no directory")
    if found.st_uid != os.geteuid():
        raise UnsafeDirectory(f"{path} belongs to user {found.st_uid}")
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise UnsafeDirectory(f"{path} is open to others; chmod 700 it")
    return path


def socket_path(folder: Path, pid: int) -> str:
    """Where a process has its socket."""
    return str(folder / f"{pid}{SUFFIX}")


def is_socket(path: str) -> bool:
    """Whether a socket lies there; what a link points to does not count."""
    try:
        return stat.S_ISSOCK(os.lstat(path).st_mode)
    except OSError:
        return False
