"""Nothing enters, the processes that can be looked into leave; sockets of dead ones are removed on the way."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass

from metal_runtime.inspect.address import (
    SUFFIX,
    UnsafeDirectory,
    is_socket,
    safe_directory,
    socket_path,
)
from metal_runtime.inspect.caller import AttachError, Caller, Gone
from metal_runtime.inspect.sockets import AVAILABLE, is_alive
from metal_runtime.recording.codec import from_json
from metal_runtime.recording.recording import ProcessFacts

QUICKLY = 0.5
"""Seconds that a listing waits for a process."""


@dataclass(frozen=True, slots=True)
class Attachable:
    """A process that uses iris, as a listing shows it."""

    pid: int
    command: tuple[str, ...]
    """Empty where the process is stopped, or too busy to answer."""

    name: str
    """The script or module that it runs."""

    since: float
    """When it opened its first device, in seconds since 1970; 0 where it does not answer."""


def processes() -> list[Attachable]:
    """Every process of this user that can be looked into, the youngest first.

    Raises AttachError where the directory of their sockets is not safe.
    """
    if not AVAILABLE:
        return []
    try:
        folder = safe_directory()
    except FileNotFoundError:
        return []
    except UnsafeDirectory as reason:
        raise AttachError(str(reason), hint="remove it; iris makes it anew") from None
    found = []
    for name in os.listdir(folder):
        number = name.removesuffix(SUFFIX)
        path = str(folder / name)
        if not name.endswith(SUFFIX) or not number.isdecimal() or not is_socket(path):
            continue
        if is_alive(path):
            found.append(_described(int(number), socket_path(folder, int(number))))
        else:
            with contextlib.suppress(OSError):
                os.unlink(path)
    return sorted(found, key=lambda process: process.since, reverse=True)


def _described(pid: int, path: str) -> Attachable:
    try:
        caller = Caller(path, QUICKLY)
        try:
            told = caller.ask("who")
        finally:
            caller.close()
        process = from_json(ProcessFacts, told.get("process"))
        return Attachable(pid, process.command, str(told["name"]), float(told["since"]))
    except (Gone, ValueError, KeyError, TypeError):
        return Attachable(pid, (), "does not answer", 0.0)
