"""The session: all that belongs to one device of the process: the device, its pool, its caches, its operators."""

from __future__ import annotations

import contextlib
import contextvars
import importlib
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

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
_SESSIONS = "metal_runtime.runtime.sessions"  # its `session_on(name)` finds the session of a device


@dataclass(frozen=True, slots=True)
class Event:
    """Something that took time, as ``api.log_event`` tells it."""

    name: str
    duration_ms: float
    phase: str


@dataclass(slots=True)
class Shared:
    """What is the same on every device of a process."""

    kernels: KernelRegistry = field(default_factory=KernelRegistry)
    libraries: dict[str, Any] = field(default_factory=dict)
    """What ``api.launch`` made of MSL texts."""

    persistent_default: bool = False
    events: deque[Event] = field(default_factory=lambda: deque(maxlen=10_000))

    def forked(self) -> Shared:
        """The child's own after a fork; locks that another thread of the parent held are not in it."""
        return replace(self, kernels=self.kernels.copy(), events=deque(maxlen=self.events.maxlen))


class Session:
    """A device that opens on first use, and everything that belongs to it. Safe to use from many threads."""

    def __init__(self, device_name: str, shared: Shared | None = None) -> None:
        self.device_name = device_name
        self.shared = Shared() if shared is None else shared
        self.programs = ProgramCache(lambda program: self.device.load(program))
        self.closed = False
        """For good; ``sessions.py`` puts a fresh session in its place."""
        self._lock = threading.RLock()
        self._device: Device | None = None
        self._pool: Pool | None = None
        self._elementwise: Elementwise | None = None

    @property
    def kernels(self) -> KernelRegistry:
        """The kernels by name, of every device."""
        return self.shared.kernels

    # --- device and memory -----------------------------------------------------------------------

    @property
    def device(self) -> Device:
        """The device, opened now if it was not. Raises DeviceError, also once the session is closed."""
        device = self._device
        if device is None:
            with self._lock:
                if self.closed:
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
            here = _persistent_here.get()
            persistent = self.shared.persistent_default if here is None else here
        nbytes = dtype.itemsize
        for extent in shape:
            nbytes *= extent
        return MetalBuffer(self, self.pool.take(nbytes, persistent=persistent), shape, dtype)

    def adopt(self, array: np.ndarray[Any, Any]) -> MetalBuffer:
        """A buffer over the memory of a writable array in C order, which it keeps alive.

        Raises:
            SharingError: the device cannot use memory of this place or size.
            DTypeError: Metal has no such dtype.
        """
        dtype = DType.from_numpy(array.dtype)
        if not array.size:
            return self.empty(array.shape, dtype)
        block = self.pool.adopt(array.reshape(-1).view(np.uint8))
        return MetalBuffer(self, block, array.shape, dtype)

    def elsewhere(self, device: str) -> Session:
        """The session of a device; this one, if it is its own and open."""
        if device == self.device_name and not self.closed:
            return self
        found: Session = importlib.import_module(_SESSIONS).session_on(device)
        return found

    def synchronize(self) -> None:
        """Waits until every launch has ended. Raises KernelFault for one that failed."""
        if self._device is not None and not self.closed:
            self._device.synchronize()

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
        self.shared.events.append(event)
        get_logger().debug("%s %s %.3f ms", event.phase, event.name, event.duration_ms)

    def close(self) -> None:
        """Gives memory, threads and handles back, for good; may be called twice."""
        with self._lock:
            device, self._device = self._device, None
            pool, self._pool = self._pool, None
            abandoned, self.closed = self.closed, True
        if abandoned or device is None:
            return
        device.synchronize()
        if pool is not None:
            pool.close()
        device.close()

    def abandon(self) -> None:
        """After a fork the child has the parent's memory but none of its threads: the device is not touched again.

        Buffers of the parent stay readable.
        """
        self.closed = True


_persistent_here: contextvars.ContextVar[bool | None] = contextvars.ContextVar(
    "iris_persistent", default=None
)


@contextlib.contextmanager
def persistent_buffers() -> Iterator[None]:
    """Within the block, and in this thread or task only, new buffers are persistent on every device."""
    token = _persistent_here.set(True)
    try:
        yield
    finally:
        _persistent_here.reset(token)
