"""The array door, with the original iris' names: arrays in and out of device memory, kernels launched by name."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np

from metal_runtime.buffer import MetalBuffer, Shape
from metal_runtime.device.pool import PoolStatistics
from metal_runtime.device.protocol import DeviceTraits
from metal_runtime.dtype import DType
from metal_runtime.errors import DTypeError, MslError, ShapeError
from metal_runtime.library import Library, LibraryKernel
from metal_runtime.library import compile as compile_library
from metal_runtime.msl_types import Vector, numpy_storage, parse_value_type
from metal_runtime.runtime.kernel_registry import KernelRegistry
from metal_runtime.runtime.session import Event, get_session

__all__ = [
    "DType",
    "KernelRegistry",
    "MetalBuffer",
    "asarray",
    "device",
    "empty",
    "empty_like",
    "enable_persistence_default",
    "full",
    "fused",
    "launch",
    "launch_kernel",
    "log_event",
    "memory",
    "ones",
    "persistent_buffers",
    "register_kernel",
    "set_memory_limit",
    "synchronize",
    "to_numpy",
    "trim",
    "zeros",
]

ShapeLike = int | Sequence[int]
DTypeLike = Any
"""A DType, a NumPy dtype or its name, or an MSL type name; a vector's name adds its axis to the shape."""


# --- arrays --------------------------------------------------------------------------------------


def asarray(array: Any, *, persistent: bool | None = None) -> MetalBuffer:
    """A buffer with a copy of the elements, in C order and in the array's own dtype.

    Python floats become float32, Python integers int32, as far as they fit. A buffer is returned as it is.
    ``persistent=True`` keeps the memory in the pool after the buffer is closed, until ``trim()``, so that
    the next buffer of about this size need not be made anew; other memory stays only while there is room.

    Raises:
        DTypeError: Metal has no such dtype; for float64 the hint says how to convert.
    """
    if isinstance(array, MetalBuffer):
        return array
    source = _to_numpy_array(array)
    dtype = DType.from_numpy(source.dtype)
    buffer = get_session().empty(source.shape, dtype, persistent=persistent)
    buffer.numpy()[...] = source
    return buffer


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
    extents, element = _extents(shape), _element(dtype)
    scalar, trailing = (
        (element.element, numpy_storage(element)[1])
        if isinstance(element, Vector)
        else (element, ())
    )
    return get_session().empty(extents + trailing, scalar, persistent=persistent)


def empty_like(buffer: MetalBuffer, *, persistent: bool | None = None) -> MetalBuffer:
    """A buffer of the same shape and dtype; its elements are whatever the memory held."""
    return get_session().empty(buffer.shape, buffer.dtype, persistent=persistent)


def full(
    shape: ShapeLike,
    value: Any,
    dtype: DTypeLike = DType.FLOAT32,
    *,
    persistent: bool | None = None,
) -> MetalBuffer:
    """A buffer with every element ``value``."""
    buffer = empty(shape, dtype, persistent=persistent)
    buffer.numpy()[...] = value
    return buffer


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
    """Waits until every launch has ended. Raises KernelFault for one that failed."""
    get_session().synchronize()


@contextmanager
def fused() -> Iterator[None]:
    """A scope whose operators may be computed together. Today they run one by one, with the same results."""
    yield


# --- memory --------------------------------------------------------------------------------------


def enable_persistence_default(value: bool = True) -> None:
    """Whether buffers are persistent unless they say otherwise (see ``asarray``)."""
    get_session().persistent_default = bool(value)


def persistent_buffers() -> AbstractContextManager[None]:
    """Within the block, in this thread, new buffers are persistent unless they say otherwise."""
    return get_session().persistent_buffers()


def memory() -> PoolStatistics:
    """What the pool holds at this moment, in bytes and blocks."""
    return get_session().pool.statistics()


def trim() -> int:
    """Gives memory that waits for reuse back to the system, persistent or not; the bytes that it was."""
    return get_session().pool.trim()


def set_memory_limit(limit: int | None) -> None:
    """The most bytes that buffers and memory waiting for reuse may take together; None: what the device has.

    Raises:
        DeviceMemoryError: live buffers hold more than that already.
    """
    get_session().pool.set_limit(limit)


def device() -> DeviceTraits:
    """The device that this process uses (``IRIS_DEVICE`` chooses it): its name, limits and memory."""
    return get_session().device.traits


def log_event(name: str, duration_ms: float, phase: str = "run") -> None:
    """Enters an event of the program's own, in milliseconds, beside those of iris."""
    get_session().log_event(Event(name, float(duration_ms), phase))


def _library(source: str, name: str) -> Library:
    """Each text is read once a session, however many kernels are taken from it."""
    libraries = get_session().libraries
    library = libraries.get(source) if isinstance(source, str) else None
    if library is None:
        if not isinstance(source, str) or not source.strip():
            raise MslError(
                f"the MSL text of kernel `{name}` is {'empty' if isinstance(source, str) else 'no string'}",
                hint="pass the text itself, for example Path('kernels.metal').read_text()",
            )
        library = libraries[source] = compile_library(source)
    return library


# --- what callers pass ---------------------------------------------------------------------------


def _to_numpy_array(array: Any) -> np.ndarray[Any, Any]:
    if isinstance(array, np.ndarray | np.generic):
        return np.asarray(array)
    try:
        source = np.asarray(array)
    except ValueError as error:
        raise ShapeError(
            "cannot make a buffer of rows of different lengths",
            hint="give every row one length, or pass each row by itself",
        ) from error
    if hasattr(array, "__array__") or hasattr(array, "__array_interface__"):
        return source  # another library's array has a dtype of its own
    if source.dtype == np.float64:
        return source.astype(np.float32)
    if source.dtype == np.int64:
        small = source.astype(np.int32)
        return small if np.array_equal(small, source) else source
    if source.dtype == object:
        raise DTypeError(
            f"cannot make a buffer of {type(array).__name__} objects",
            hint="pass numbers, lists of numbers, or an array",
        )
    return source


def _extents(shape: ShapeLike) -> Shape:
    parts = shape if isinstance(shape, Sequence) else (shape,)
    try:
        extents = tuple(operator.index(part) for part in parts)
    except TypeError:
        raise ShapeError(
            f"shape {shape!r} holds something that is no integer",
            hint="give an integer or a tuple of them, such as (height, width)",
        ) from None
    if any(extent < 0 for extent in extents):
        raise ShapeError(f"shape {shape!r} is negative on one axis")
    return extents


def _element(dtype: DTypeLike) -> DType | Vector:
    if isinstance(dtype, DType | Vector):
        return dtype
    if isinstance(dtype, str):
        # NumPy's names for NumPy's types first would read "long" and "half" as C does.
        named = parse_value_type(dtype)
        if named is not None:
            return named
    try:
        return DType.from_numpy(dtype)
    except TypeError as error:
        if isinstance(error, DTypeError):
            raise
        raise DTypeError(
            f"{dtype!r} is no dtype",
            hint="give a DType, a NumPy dtype, or a name such as 'float32', 'half' or 'float4'",
        ) from None
