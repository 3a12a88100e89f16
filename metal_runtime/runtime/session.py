"""The session: all that belongs to one device of the process: the device, its pool, its caches, its operators."""

from __future__ import annotations

import contextlib
import contextvars
import functools
import importlib
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from metal_runtime import settings
from metal_runtime.buffer import MetalBuffer, Shape
from metal_runtime.buffer_host import ArrayGraph
from metal_runtime.device.block import Block
from metal_runtime.device.launch_config import LaunchConfig
from metal_runtime.device.pool import Pool
from metal_runtime.device.protocol import Binding, Device, Pipeline, Stream
from metal_runtime.device.registry import open_device
from metal_runtime.dtype import DType
from metal_runtime.errors import DeviceError, IrisError
from metal_runtime.logging import get_logger
from metal_runtime.recording.noting import waiting
from metal_runtime.recording.recorder import RECORDER
from metal_runtime.runtime.cache import ProgramCache
from metal_runtime.runtime.kernel_registry import KernelRegistry
from metal_runtime.runtime.random_state import RandomState
from metal_runtime.runtime.recorded_launch import WorkOf, recorded_launch

_GRAPH = "metal_runtime.graph.recorder"  # its `recorder_of(session)` makes an ArrayGraph
_INSPECT = "metal_runtime.inspect.server"  # its `serve()` lets others look into this process
_SESSIONS = "metal_runtime.runtime.sessions"  # its `session_on(name)` finds the session of a device


@dataclass(frozen=True, slots=True)
class LoggedEvent:
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

    random: RandomState = field(default_factory=RandomState)
    """Where the process' sequence of random numbers stands."""

    persistent_default: bool = False
    events: deque[LoggedEvent] = field(default_factory=lambda: deque(maxlen=10_000))

    def forked(self) -> Shared:
        """The child's own after a fork; locks that another thread of the parent held are not in it."""
        return replace(
            self,
            kernels=self.kernels.copy(),
            random=self.random.copy(),
            events=deque(maxlen=self.events.maxlen),
        )


class Session:
    """A device that opens on first use, and everything that belongs to it. Safe to use from many threads."""

    def __init__(self, device_name: str, shared: Shared | None = None) -> None:
        self.device_name = device_name
        self.shared = Shared() if shared is None else shared
        self.programs = ProgramCache(lambda program: self.device.load(program))
        self.closed = False
        """For good; ``sessions.py`` puts a fresh session in its place."""
        self.winners: dict[Any, Any] = {}
        """What was measured fastest of the library's own kernels, by dtypes and sizes."""
        self._retired: deque[tuple[int, Stream]] = deque()
        self.has_streams = False
        """Whether there ever was a stream besides the default one."""
        self._lock = threading.RLock()
        self._device: Device | None = None
        self._pool: Pool | None = None
        self._graph: ArrayGraph[MetalBuffer] | None = None

    @property
    def kernels(self) -> KernelRegistry:
        """The kernels by name, of every device."""
        return self.shared.kernels

    # --- device and memory -----------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Whether its device was opened and is not closed."""
        return self._device is not None and not self.closed

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
                    inspectable = settings.inspectable()
                    self._device = open_device(self.device_name)
                    traits = self._device.traits
                    get_logger("device").info(
                        "%s is open: %s, %d compute units", self.device_name, traits.name, traits.compute_units
                    )  # fmt: skip
                    if inspectable:
                        importlib.import_module(_INSPECT).serve()
                device = self._device
        return device

    @property
    def opened(self) -> Device | None:
        """The device, if it was opened."""
        return self._device

    @property
    def opened_pool(self) -> Pool | None:
        """The pool, if memory was asked for."""
        return self._pool

    @functools.cached_property
    def times_launches(self) -> bool:
        """Whether the device says when launches begin and end."""
        return bool(self.device.traits.timing)

    @property
    def stream(self) -> Stream:
        """Where launches go: the stream of the innermost ``with api.Stream():`` block of this thread or task, else the default one."""
        if self.has_streams:
            here = _stream_here.get()
            while here is not None:
                if here.session is self:
                    return here.stream
                here = here.outer
        return (self._device or self.device).stream

    def new_stream(self) -> Stream:
        """Another stream, behind all that is on the default one: from now on memory is reused with care."""
        device = self.device
        with self._lock:
            if not self.has_streams:
                self.pool.share(device.launched, device.ended)
                self.has_streams = True
            for _ in range(len(self._retired)):
                moment, old = self._retired.popleft()
                if moment > device.ended():
                    self._retired.append((moment, old))
        stream, event = device.new_stream(), device.new_event()
        device.stream.record(event)  # what was given back before is used by nothing else
        stream.wait(event)
        return stream

    def retire(self, stream: Stream) -> None:
        """Keeps a stream that nobody uses any more until all on it has ended; never waits, as finalizers call it."""
        device = self._device
        if device is not None:
            self._retired.append((device.launched(), stream))
        if self._graph is not None:
            self._graph.forget(stream)

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
                        synchronize=self.wait,
                        moments=(device.launched, device.ended),
                        name=self.device_name,
                    )
                pool = self._pool
        return pool

    def empty(self, shape: Shape, dtype: DType, *, persistent: bool | None = None) -> MetalBuffer:
        """A new buffer whose elements are whatever the memory held."""
        nbytes = dtype.itemsize
        for extent in shape:
            nbytes *= extent
        return MetalBuffer._in_block(self, self.take(nbytes, persistent), shape, dtype)

    def take(self, nbytes: int, persistent: bool | None = None) -> Block:
        """Memory of the pool. Raises DeviceMemoryError."""
        if persistent is None:
            here = _persistent_here.get()
            persistent = self.shared.persistent_default if here is None else here
        return (self._pool or self.pool).take(nbytes, persistent=persistent)

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
        block.export = lambda: array  # whoever has the array can write to it at any time
        return MetalBuffer._in_block(self, block, array.shape, dtype)

    def elsewhere(self, device: str) -> Session:
        """The session of a device; this one, if it is its own and open."""
        if device == self.device_name and not self.closed:
            return self
        found: Session = importlib.import_module(_SESSIONS).session_on(device)
        return found

    def launch(
        self,
        pipeline: Pipeline,
        config: LaunchConfig,
        bindings: Sequence[Binding],
        work: WorkOf | None = None,
    ) -> None:
        """Launches on the current stream. ``work`` says what the launch has to do, for who records it.

        Raises KernelFault, as ``Stream.launch`` does.
        """
        if RECORDER.on:
            measured = self.times_launches
            recorded_launch(
                self.stream, self.device_name, measured, pipeline, config, bindings, work
            )
        else:
            self.stream.launch(pipeline, config, bindings)

    def flush(self) -> None:
        """Starts what operators have recorded for the current stream."""
        if self._graph is not None:
            self._graph.flush()

    def busy_graph(self) -> ArrayGraph[MetalBuffer] | None:
        """What records the operators, where a launch concerns it; None where nothing is pending."""
        graph = self._graph
        return graph if graph is not None and graph.is_busy() else None

    def wait(self) -> None:
        """Waits until every launch has ended. Raises KernelFault for one that failed."""
        if self._device is not None and not self.closed:
            self._await(self._device)

    def synchronize(self) -> None:
        """Runs what operators have recorded, and waits until all has ended. Raises KernelFault."""
        graph, device = self._graph, self._device
        if device is None or self.closed:
            return
        if graph is not None:
            if self.has_streams:
                graph.flush_all()
            else:
                graph.flush()
        self._await(device)

    def _await(self, device: Device) -> None:
        if RECORDER.on:
            with waiting(self.device_name):
                device.synchronize()
        else:
            device.synchronize()

    # --- operators -------------------------------------------------------------------------------

    @functools.cached_property
    def graph(self) -> ArrayGraph[MetalBuffer]:
        """What records the operators, made at the first of them."""
        with self._lock:
            if self._graph is None:
                self._graph = importlib.import_module(_GRAPH).recorder_of(self)
            return self._graph

    # --- its end ---------------------------------------------------------------------------------

    def log_event(self, event: LoggedEvent) -> None:
        """Keeps an event (the last 10,000 are kept) and logs it."""
        self.shared.events.append(event)
        get_logger().debug("%s %s %.3f ms", event.phase, event.name, event.duration_ms)

    def close(self) -> None:
        """Gives memory, threads and handles back, for good; may be called twice.

        Waits for what runs, and raises the KernelFault of a launch that failed once all is given back.
        """
        fault = None
        try:
            if self._graph is not None and not self.closed:
                self._graph.flush_all()  # buffers stay readable
        except IrisError as error:
            fault = error
        with self._lock:
            device, self._device = self._device, None
            pool, self._pool = self._pool, None
            abandoned, self.closed = self.closed, True
        if abandoned or device is None:
            return
        try:
            device.synchronize()
        except IrisError as error:  # a Ctrl-C goes through: launches may still use the memory
            fault = error
        if pool is not None:
            pool.close()
        device.close()
        if fault is not None:
            raise fault

    def abandon(self) -> None:
        """After a fork the child has the parent's memory but none of its threads: the device is not touched again.

        Buffers of the parent stay readable.
        """
        self.closed = True


@dataclass(frozen=True, slots=True)
class StreamHere:
    """The stream that is current in a thread or task, and what is when its block ends."""

    session: Session
    stream: Stream
    outer: StreamHere | None


_stream_here: contextvars.ContextVar[StreamHere | None] = contextvars.ContextVar(
    "iris_stream", default=None
)


def enter_stream(session: Session, stream: Stream) -> None:
    """Makes a stream current in this thread or task."""
    _stream_here.set(StreamHere(session, stream, _stream_here.get()))


def leave_stream() -> None:
    """Makes the stream current that was before the latest ``enter_stream``."""
    here = _stream_here.get()
    _stream_here.set(None if here is None else here.outer)


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
