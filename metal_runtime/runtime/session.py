"""The session: the one module-level mutable state. It owns the device, its pool, its caches and the kernels' names."""

from __future__ import annotations

import atexit
import contextlib
import contextvars
import importlib
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from metal_runtime import settings
from metal_runtime.buffer import MetalBuffer, Shape
from metal_runtime.device.pool import Pool
from metal_runtime.device.protocol import Device
from metal_runtime.device.registry import open_device
from metal_runtime.dtype import DType
from metal_runtime.errors import DeviceError
from metal_runtime.logging import get_logger
from metal_runtime.runtime.cache import ProgramCache
from metal_runtime.runtime.kernel_registry import KernelRegistry

Elementwise = Callable[[str, Sequence[Any], MetalBuffer | None], MetalBuffer]
"""``(operator name, operands, out) -> result``: what ``metal_runtime.ops`` makes for a session."""

_OPERATORS = "metal_runtime.ops.elementwise"  # its `runner_of(session)` makes an Elementwise


@dataclass(frozen=True, slots=True)
class Event:
    """Something that took time, as ``api.log_event`` tells it."""

    name: str
    duration_ms: float
    phase: str


class Session:
    """A device that opens on first use, and everything that belongs to it. Safe to use from many threads."""

    def __init__(self, device_name: str, *, kernels: KernelRegistry | None = None) -> None:
        self.device_name = device_name
        self.kernels = KernelRegistry() if kernels is None else kernels
        self.programs = ProgramCache(lambda program: self.device.load(program))
        self.libraries: dict[str, Any] = {}
        """What ``api.launch`` made of MSL texts."""
        self.persistent_default = False
        self.events: deque[Event] = deque(maxlen=10_000)
        self._persistent_here: contextvars.ContextVar[bool | None] = contextvars.ContextVar(
            "iris_persistent", default=None
        )
        self._lock = threading.RLock()
        self._device: Device | None = None
        self._pool: Pool | None = None
        self._elementwise: Elementwise | None = None
        self._closed = False

    # --- device and memory -----------------------------------------------------------------------

    @property
    def device(self) -> Device:
        """The device, opened now if it was not. Raises DeviceError, also once the session is closed."""
        device = self._device
        if device is None:
            with self._lock:
                if self._closed:
                    raise DeviceError(
                        "the session is closed", hint="use get_runtime() for the new one"
                    )
                if self._device is None:
                    self._device = open_device(self.device_name)
                device = self._device
        return device

    @property
    def pool(self) -> Pool:
        """The pool over the device's memory."""
        pool = self._pool
        if pool is None:
            device = self.device
            with self._lock:
                if self._pool is None:
                    self._pool = Pool(
                        device.allocator,
                        max_cached_bytes=(device.traits.memory_bytes // 4) or None,
                        synchronize=self.synchronize,
                    )
                pool = self._pool
        return pool

    def empty(self, shape: Shape, dtype: DType, *, persistent: bool | None = None) -> MetalBuffer:
        """A new buffer whose elements are whatever the memory held."""
        if persistent is None:
            here = self._persistent_here.get()
            persistent = self.persistent_default if here is None else here
        nbytes = dtype.itemsize
        for extent in shape:
            nbytes *= extent
        return MetalBuffer(self, self.pool.take(nbytes, persistent=persistent), shape, dtype)

    @contextlib.contextmanager
    def persistent_buffers(self) -> Iterator[None]:
        """Within the block, and in this thread or task only, new buffers are persistent."""
        token = self._persistent_here.set(True)
        try:
            yield
        finally:
            self._persistent_here.reset(token)

    def synchronize(self) -> None:
        """Waits until every launch has ended. Raises KernelFault for one that failed."""
        if self._device is not None and not self._closed:
            self._device.stream.synchronize()

    # --- operators -------------------------------------------------------------------------------

    def run_elementwise(
        self, operator: str, operands: Sequence[Any], out: MetalBuffer | None = None
    ) -> MetalBuffer:
        """Runs an operator of ``metal_runtime.ops`` by name, importing that package at the first call."""
        run = self._elementwise
        if run is None:
            run = self._elementwise = importlib.import_module(_OPERATORS).runner_of(self)
        return run(operator, operands, out)

    # --- its end ---------------------------------------------------------------------------------

    def log_event(self, event: Event) -> None:
        """Keeps an event (the last 10,000 are kept) and logs it."""
        self.events.append(event)
        get_logger().debug("%s %s %.3f ms", event.phase, event.name, event.duration_ms)

    def close(self) -> None:
        """Gives memory, threads and handles back, for good; may be called twice.

        When it was the session of the process, a fresh one with the same kernels takes its place.
        """
        with self._lock:
            device, self._device = self._device, None
            pool, self._pool = self._pool, None
            abandoned, self._closed = self._closed, True
        _replace(self)
        if abandoned or device is None:
            return
        device.stream.synchronize()
        if pool is not None:
            pool.close()
        device.close()

    def abandon(self) -> Session:
        """After a fork the child has the parent's memory but none of its threads: the device is not touched again.

        Returns the child's session. Buffers of the parent stay readable.
        """
        self._closed = True
        return self._successor()

    def _successor(self) -> Session:
        session = Session(self.device_name, kernels=self.kernels.copy())
        session.persistent_default = self.persistent_default
        return session


_session: Session | None = None
_session_lock = threading.Lock()


def get_session() -> Session:
    """The session of this process, on the device that ``IRIS_DEVICE`` names (default ``cpu``)."""
    global _session
    if _session is None:
        with _session_lock:
            if _session is None:
                _session = Session(settings.device_name())
    return _session


def set_session(session: Session | None) -> Session | None:
    """Puts another session in place (None: a fresh one on next use) and returns the one before, still open."""
    global _session
    with _session_lock:
        before, _session = _session, session
    return before


def _close_at_exit() -> None:
    if _session is not None:
        _session.close()


def _replace(closed: Session) -> None:
    global _session
    with _session_lock:
        if _session is closed:
            _session = closed._successor()


def _renew_after_fork() -> None:
    global _session, _session_lock
    _session_lock = threading.Lock()  # another thread may have held it
    if _session is not None:
        _session = _session.abandon()


atexit.register(_close_at_exit)
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_renew_after_fork)
