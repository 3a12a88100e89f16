"""What takes long, or fails, in; its events out: for places where a microsecond more does not count."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from threading import get_ident

from metal_runtime.logging import get_logger
from metal_runtime.recording.events import (
    Cache,
    CompileEvent,
    Direction,
    ErrorEvent,
    SyncEvent,
    TransferEvent,
)
from metal_runtime.recording.places import caller
from metal_runtime.recording.recorder import RECORDER, now

_log = get_logger("compile")


@dataclass(slots=True)
class Stage:
    """A stage of compiling that is under way, which may say what a cache had."""

    cache: Cache = Cache.NONE
    why: str = ""

    def hit(self, why: str) -> None:
        """It need not be done: the cache had its result."""
        self.cache, self.why = Cache.HIT, why

    def miss(self, why: str) -> None:
        """It has to be done."""
        self.cache, self.why = Cache.MISS, why


@contextlib.contextmanager
def compile_stage(kernel: str, stage: str) -> Iterator[Stage]:
    """The block is a stage of compiling a kernel; an exception that leaves it is an event, too."""
    known = Stage()
    begin = now()
    try:
        yield known
    except Exception as error:
        note_error("", error)
        raise
    finally:
        end = now()
        if RECORDER.on:
            RECORDER.note(
                CompileEvent, begin, end, get_ident(), kernel, stage, known.cache, known.why
            )
        if _log.isEnabledFor(logging.DEBUG):
            cache = "" if known.cache is Cache.NONE else f", cache {known.cache.value}: {known.why}"
            _log.debug("%s: %s %.1f ms%s", kernel or "?", stage, (end - begin) / 1e6, cache)


@contextlib.contextmanager
def transfer(device: str, direction: Direction, nbytes: int) -> Iterator[None]:
    """The block copies bytes."""
    if not RECORDER.on:
        yield
        return
    begin = now()
    try:
        yield
    finally:
        RECORDER.note(TransferEvent, begin, now(), get_ident(), device, direction, nbytes, caller())


@contextlib.contextmanager
def waiting(device: str) -> Iterator[None]:
    """The block waits for a device, and raises what failed there."""
    begin = now()
    try:
        yield
    except Exception as error:
        note_error(device, error)
        raise
    finally:
        RECORDER.note(SyncEvent, begin, now(), get_ident(), device, caller())


def note_error(device: str, error: BaseException) -> None:
    """An error on its way to the user: once, however many layers it passes."""
    if RECORDER.on and not getattr(error, "_iris_noted", False):
        error._iris_noted = True  # type: ignore[attr-defined]
        at = now()
        RECORDER.note(
            ErrorEvent, at, at, get_ident(), device, type(error).__name__, str(error), caller()
        )
