"""The array door, with the original iris' names: arrays in and out of device memory, kernels launched by name."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from metal_runtime.buffer import MetalBuffer
from metal_runtime.compute_device import ComputeDevice
from metal_runtime.device.pool import PoolStatistics
from metal_runtime.dtype import DType
from metal_runtime.errors import KernelFault, MslError
from metal_runtime.library import Library, LibraryKernel
from metal_runtime.library import compile as compile_library
from metal_runtime.logging import get_logger
from metal_runtime.runtime.array_arguments import DTypeLike, ShapeLike
from metal_runtime.runtime.kernel_registry import KernelRegistry
from metal_runtime.runtime.session import LoggedEvent, persistent_buffers
from metal_runtime.runtime.sessions import every_session, get_session, session_of
from metal_runtime.streams import Event, Stream

if TYPE_CHECKING:
    from metal_runtime.array_functions import ElementwiseFunction, ReductionFunction
    from metal_runtime.graph.explain import Explanation
    from metal_runtime.ops import random as random
    from metal_runtime.profile import Profile

__all__ = [
    "ComputeDevice",
    "DType",
    "Event",
    "KernelRegistry",
    "MetalBuffer",
    "Stream",
    "asarray",
    "capture",
    "device",
    "elementwise",
    "empty",
    "empty_like",
    "enable_persistence_default",
    "explain",
    "from_dlpack",
    "full",
    "fused",
    "launch",
    "launch_kernel",
    "log_event",
    "memory",
    "ones",
    "persistent_buffers",
    "profile",
    "random",
    "reduction",
    "register_kernel",
    "set_memory_limit",
    "synchronize",
    "to_numpy",
    "trim",
    "zeros",
]


def __getattr__(name: str) -> Any:
    """``api.random``, which brings the operators with it, on first use."""
    if name == "random":
        return importlib.import_module("metal_runtime.ops.random")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


# --- arrays --------------------------------------------------------------------------------------


def asarray(array: Any, *, copy: bool | None = None, persistent: bool | None = None) -> MetalBuffer:
    """A buffer with a copy of the elements, in C order and in the array's own dtype.

    Python floats become float32, Python integers int32, as far as they fit. A buffer is returned as it is,
    or, with ``copy=True``, as a new one.
    ``copy=False`` takes a writable array's own memory for the buffer, or raises: what either writes, both show.
    The buffer keeps the array alive. Metal shares whole pages only, the CPU device any memory.
    ``persistent=True`` keeps the memory in the pool after the buffer is closed, until ``trim()``, so that
    the next buffer of about this size need not be made anew; other memory stays only while there is room.

    Raises:
        DTypeError: Metal has no such dtype; for float64 the hint says how to convert.
        SharingError: with ``copy=False``, the memory cannot be shared.
    """
    if isinstance(array, MetalBuffer):
        return device(array.device).asarray(array, copy=copy) if copy else array
    return device().asarray(array, copy=copy, persistent=persistent)


def from_dlpack(source: Any, *, copy: bool | None = None) -> MetalBuffer:
    """A buffer of another library's array (torch, JAX, MLX, CuPy, NumPy), over its memory where that can be shared.

    What is read-only, not in C order, or on Metal not in whole pages is copied; so is everything with
    ``copy=True``. ``copy=False`` raises instead.

    Raises:
        DTypeError: Metal has no such dtype.
        SharingError: the array has no ``__dlpack__``, or is on a device that the host does not see.
    """
    return device().from_dlpack(source, copy=copy)


def empty(
    shape: ShapeLike, dtype: DTypeLike = DType.FLOAT32, *, persistent: bool | None = None
) -> MetalBuffer:
    """A buffer whose elements are whatever the memory held.

    ``empty(n, "float4")`` has shape ``(n, 4)`` and dtype float: a kernel takes it as ``device float4*``.

    Raises:
        ShapeError: an extent is negative or no integer.
        DTypeError: Metal has no such dtype.
        DeviceMemoryError: the device or the limit has no room.
    """
    return device().empty(shape, dtype, persistent=persistent)


def empty_like(buffer: MetalBuffer, *, persistent: bool | None = None) -> MetalBuffer:
    """A buffer of the same shape and dtype on the same device; its elements are whatever the memory held."""
    return session_of((buffer,)).empty(buffer.shape, buffer.dtype, persistent=persistent)


def full(
    shape: ShapeLike,
    value: Any,
    dtype: DTypeLike = DType.FLOAT32,
    *,
    persistent: bool | None = None,
) -> MetalBuffer:
    """A buffer with every element ``value``."""
    return device().full(shape, value, dtype, persistent=persistent)


def zeros(
    shape: ShapeLike, dtype: DTypeLike = DType.FLOAT32, *, persistent: bool | None = None
) -> MetalBuffer:
    """A buffer of zeros."""
    return full(shape, 0, dtype, persistent=persistent)


def ones(
    shape: ShapeLike, dtype: DTypeLike = DType.FLOAT32, *, persistent: bool | None = None
) -> MetalBuffer:
    """A buffer of ones."""
    return full(shape, 1, dtype, persistent=persistent)


def to_numpy(buffer: MetalBuffer) -> np.ndarray[Any, Any]:
    """The elements as an array of the caller's own; ``buffer.numpy()`` is a view without a copy."""
    return buffer.to_numpy()


# --- kernels -------------------------------------------------------------------------------------


def register_kernel(name: str, source: str, function_name: str) -> None:
    """Makes the kernel ``function_name`` of the MSL text known to ``launch_kernel`` as ``name``.

    That one kernel is compiled now; others of the text when they are registered.

    Raises:
        MslError: the text is refused, at its line; the name is not registered.
    """
    kernel = LibraryKernel(_library(source, name), function_name, name)
    kernel.prepare()
    get_session().kernels.register(kernel)


def launch_kernel(name: str, grid: Any, block: Any = None, args: Sequence[Any] = ()) -> None:
    """Launches a registered kernel, written in Python or in MSL, on ``grid`` threads.

    ``grid`` and ``block`` (threads in a threadgroup; chosen when None) are an integer or 1 to 3 of them.
    ``args`` follow the buffer indices: buffers, NumPy arrays (written ones come back), numbers.

    Raises:
        LaunchError: no such kernel, or something does not fit it; names kernel and parameter.
        MslError: the text is refused, at its line.
    """
    get_session().kernels.get(name).launch(args, grid, block)


def launch(
    source: str, function_name: str, grid: Any, block: Any = None, args: Sequence[Any] = ()
) -> None:
    """Launches a kernel of an MSL text, which is compiled once; otherwise as ``launch_kernel``."""
    _library(source, function_name)[function_name].launch(args, grid, block)


def synchronize() -> None:
    """Waits until every launch on every device has ended. Raises KernelFault for one that failed."""
    faults = []
    for session in every_session():
        try:
            session.synchronize()
        except KernelFault as fault:
            faults.append(fault)
    if faults:
        raise faults[0]


def elementwise(function: Callable[..., Any]) -> ElementwiseFunction:
    """A Python function of one element of each operand as a function on arrays, which fuses like an operator.

    It is written as kernels are, and returns the element of the result::

        @api.elementwise
        def swish(x, beta):
            return x / (1.0 + metal.exp(-beta * x))

        y = swish(a + b, 1.5) * c
    """
    from metal_runtime.array_functions import ElementwiseFunction

    return ElementwiseFunction(function)


def reduction(
    *, identity: float, dtype: DTypeLike = None
) -> Callable[[Callable[[Any, Any], Any]], ReductionFunction]:
    """A Python function of two values as a reduction of arrays.

    ``function(a, b)`` must be associative and commutative, for elements are combined in any order, and
    ``function(identity, x)`` must be x. ``dtype`` is that of the accumulators and of the result; without it,
    that of the elements. What is computed of the elements before, and of the result after, is fused::

        @api.reduction(identity=0.0)
        def longest(a, b):
            return metal.max(metal.abs(a), metal.abs(b))

        length = longest(x - y, axis=1)
    """
    from metal_runtime.array_functions import ReductionFunction

    held = None if dtype is None else DType.from_numpy(dtype)
    return lambda function: ReductionFunction(function, identity, held)


@contextmanager
def fused() -> Iterator[FusedRegion]:
    """What runs within the block on the current device is reported at its end: what was fused, what not, and why.

    Kernels that the program launches, and those of operators that have their own, stand between the fused ones.
    Operators are fused without it too; the block only begins with nothing pending and ends so. The report
    is logged (``metal_runtime``, level INFO), and ``region.report`` keeps it.
    """
    # Loaded with the first operator, not before.
    from metal_runtime.graph.explain import explanation
    from metal_runtime.graph.recorder import recorder_here

    region = FusedRegion()
    graph = recorder_here()
    with graph.observed() as ran:
        yield region
    region.report = explanation(ran)
    get_logger().info("fused region: %s", region.report)


def explain(*buffers: MetalBuffer) -> Explanation:
    """How pending buffers will be computed, without computing them: ``print`` it, or draw it with ``.svg()``.

    Without buffers: all that is pending on the current device.
    """
    from metal_runtime.graph.explain import explanation
    from metal_runtime.graph.observing import planned
    from metal_runtime.graph.recorder import recorder_here

    graph = recorder_here(buffers)
    plan = graph.plan_of(buffers or graph.pending())
    return explanation([] if plan is None else [planned(plan)])


# --- memory --------------------------------------------------------------------------------------


def enable_persistence_default(value: bool = True) -> None:
    """Whether buffers are persistent unless they say otherwise (see ``asarray``)."""
    get_session().shared.persistent_default = bool(value)


def memory() -> PoolStatistics:
    """What the current device's pool holds at this moment, in bytes and blocks."""
    return device().memory()


def trim() -> int:
    """Gives the current device's memory that waits for reuse back to the system; the bytes that it was."""
    return device().trim()


def set_memory_limit(limit: int | None) -> None:
    """The most bytes that the current device's buffers and memory waiting for reuse may take together.

    None: what the device has.

    Raises:
        DeviceMemoryError: live buffers hold more than that already.
    """
    device().set_memory_limit(limit)


def device(name: str | None = None) -> ComputeDevice:
    """A device by name (``"cpu"``, ``"metal"``), or the current one; ``with api.device("cpu"):`` makes it current.

    The current device is ``IRIS_DEVICE``; without it Metal on a Mac, and the CPU elsewhere. A kernel or an
    operator runs on the device of its buffers, whichever is current; without a buffer, on the current one.

    Raises:
        DeviceError: there is no such device, or it does not open here; says why.
    """
    if name is None:
        return ComputeDevice(get_session().device_name)
    found = ComputeDevice(name)
    _ = found.traits  # it opens now, or says why not
    return found


def capture(path: str | os.PathLike[str]) -> AbstractContextManager[None]:
    """What the current device runs within the block goes to a file for its vendor's tools: a .gputrace for Xcode.

    Raises:
        DeviceError: only Metal captures, in a process that was started with MTL_CAPTURE_ENABLED=1.
    """
    return get_session().device.capture(os.fspath(path))


def profile(*, roofline: bool = True) -> Profile:
    """What iris does within the block, on every device and in every thread: kernels, memory, compiling, waiting.

    Begins and ends with nothing pending. ``print(p)`` shows the kernels; ``p.table()``, ``p.timeline()`` and
    ``p.memory()`` are for rich to print; ``p.save("x.json")`` writes a trace for Perfetto, ``p.save("x.html")`` a page::

        with api.profile() as p:
            train_step()
        print(p)

    ``roofline=False`` does not measure what the device reaches, which the first profile on a machine does.
    ``IRIS_PROFILE=1`` profiles a whole process.

    Raises:
        KernelFault: a launch before the block, or one within it, failed.
    """
    found: Profile = importlib.import_module("metal_runtime.profile").profile(roofline=roofline)
    return found


def log_event(name: str, duration_ms: float, phase: str = "run") -> None:
    """Enters an event of the program's own, in milliseconds, beside those of iris."""
    get_session().log_event(LoggedEvent(name, float(duration_ms), phase))


class FusedRegion:
    """What ``with api.fused() as region:`` gives: its ``report``, once the block has ended."""

    report: Explanation | None = None

    def __str__(self) -> str:
        return "the region has not ended" if self.report is None else str(self.report)


def _library(source: str, name: str) -> Library:
    """Each text is read once, however many kernels are taken from it."""
    libraries = get_session().shared.libraries
    library = libraries.get(source) if isinstance(source, str) else None
    if library is None:
        if not isinstance(source, str) or not source.strip():
            raise MslError(
                f"the MSL text of kernel `{name}` is {'empty' if isinstance(source, str) else 'no string'}",
                hint="pass the text itself, for example Path('kernels.metal').read_text()",
            )
        library = libraries[source] = compile_library(source)
    return library
