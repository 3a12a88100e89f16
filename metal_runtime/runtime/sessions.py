"""A device's name, or the buffers of a call -> the session it runs in: the one module-level mutable state."""

from __future__ import annotations

import atexit
import contextvars
import importlib
import os
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from metal_runtime import settings
from metal_runtime.buffer import MetalBuffer
from metal_runtime.runtime.session import Session, Shared

Here = tuple[str, "Here | None"]
"""The device that is current in a thread or task, and what is when its block ends."""

_PROFILE = "metal_runtime.profile.process"  # its `begin()` profiles the whole process

_here: contextvars.ContextVar[Here | None] = contextvars.ContextVar("iris_device", default=None)


@dataclass(slots=True)
class Sessions:
    """Every session of the process, by the name of its device; None is that of the device by default."""

    by_name: dict[str | None, Session] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def open(self, name: str | None) -> Session:
        """The session of that name; a fresh one, with the same kernels, when there is none or it is closed."""
        if not self.by_name and settings.profile_wish() is not None:
            importlib.import_module(_PROFILE).begin()
        with self.lock:
            found = self.by_name.get(name)
            if found is not None and not found.closed:
                return found
            device = name or (settings.device_name() if found is None else found.device_name)
            session = self.by_name.get(device)
            if session is None or session.closed or (name is None and found is None):
                session = Session(device, self._shared(found))
            self.by_name[name] = self.by_name[device] = session
            return session

    def _shared(self, before: Session | None) -> Shared | None:
        """What sessions share, from any of them: the one that is replaced, or the one by default."""
        model = before or self.by_name.get(None) or next(iter(self.by_name.values()), None)
        return None if model is None else model.shared

    def every(self) -> tuple[Session, ...]:
        """Each session once."""
        return tuple(dict.fromkeys(self.by_name.values()))


_sessions = Sessions()


def get_session() -> Session:
    """The session of the device that is current in this thread or task.

    That is the device of the innermost ``with api.device(name):`` block; outside of one, that of
    ``IRIS_DEVICE``; without it Metal on a Mac and the CPU elsewhere.
    """
    here = _here.get()
    name = None if here is None else here[0]
    session = _sessions.by_name.get(name)
    if session is None or session.closed:
        return _sessions.open(name)
    return session


def session_on(name: str) -> Session:
    """The session of a device. Whether there is one shows when it is opened."""
    session = _sessions.by_name.get(name)
    return _sessions.open(name) if session is None or session.closed else session


def session_of(values: Iterable[Any]) -> Session:
    """The session of the first buffer among the values of a call; without an open one the current session."""
    for value in values:
        if value.__class__ is MetalBuffer:
            host = value._host
            if isinstance(host, Session) and not host.closed:
                return host
            break
    return get_session()


def every_session() -> tuple[Session, ...]:
    """The sessions that there are, each once, opened or not."""
    return _sessions.every()


def set_session(session: Session | None) -> Session | None:
    """Puts another session by default in place (None: a fresh one on next use); the one before, still open."""
    with _sessions.lock:
        before = _sessions.by_name.pop(None, None)
        if before is not None:
            _sessions.by_name.pop(before.device_name, None)
        if session is not None:
            _sessions.by_name[None] = _sessions.by_name[session.device_name] = session
    return before


def enter_device(name: str) -> None:
    """Makes a device current in this thread or task."""
    _here.set((name, _here.get()))


def leave_device() -> None:
    """Makes the device current that was before the latest ``enter_device``."""
    here = _here.get()
    _here.set(None if here is None else here[1])


def _close_at_exit() -> None:
    faults = []
    for session in _sessions.every():
        try:
            session.close()
        except Exception as fault:
            faults.append(fault)
    if faults:
        raise faults[0]


def _renew_after_fork() -> None:
    global _sessions
    before, _sessions = _sessions, Sessions()  # another thread may have held the lock
    shared: dict[int, Shared] = {}
    fresh: dict[Session, Session] = {}
    for session in before.every():
        session.abandon()
        its = shared.setdefault(id(session.shared), session.shared.forked())
        fresh[session] = Session(session.device_name, its)
    _sessions.by_name.update({name: fresh[s] for name, s in before.by_name.items()})


atexit.register(_close_at_exit)
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_renew_after_fork)
