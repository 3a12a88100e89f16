"""Python's numbers, other libraries' arrays and shapes in, arrays of the default dtypes or of those named out."""

from __future__ import annotations

from typing import Any

import numpy as np

from metal_runtime import ops
from metal_runtime.array_api.dtypes import DEFAULT_FLOAT, DEFAULT_INTEGER
from metal_runtime.buffer import MetalBuffer
from metal_runtime.compute_device import ComputeDevice
from metal_runtime.dtype import DType
from metal_runtime.errors import DTypeError, ShapeError
from metal_runtime.ops.layout import broadcast_shape
from metal_runtime.runtime.array_arguments import ShapeLike
from metal_runtime.runtime.sessions import get_session

Device = str | ComputeDevice | None
"""A device's name, what ``api.device`` gives, or None for the current device."""


def asarray(
    obj: Any,
    /,
    *,
    dtype: DType | None = None,
    device: Device = None,
    copy: bool | None = None,
) -> MetalBuffer:
    """An array of numbers, nested lists of them, or another library's array.

    Python's integers become int64 and its floats float32, unless ``dtype`` says otherwise. Only an array of
    this namespace can do without a copy.

    Raises:
        ValueError: ``copy=False``, and there is no array without one.
        DTypeError: Metal has no such dtype.
    """
    if isinstance(obj, MetalBuffer):
        return _converted(obj, dtype, device, copy)
    if copy is False:
        raise ValueError(f"asarray: an array of a {type(obj).__name__} needs a copy")
    source = np.asarray(_on_host(obj))
    foreign = hasattr(obj, "dtype")
    target = (
        DType.from_numpy(source.dtype if foreign else _default(source)) if dtype is None else dtype
    )
    if not foreign and source.dtype.kind in "iuOb" and target.is_integer:
        # Of Python's integers one that does not fit is an error; arrays are converted.
        source = np.asarray(_on_host(obj), target.numpy_dtype)
    return _device(device).asarray(source.astype(target.numpy_dtype))


def _converted(
    x: MetalBuffer, dtype: DType | None, device: Device, copy: bool | None
) -> MetalBuffer:
    moved = x if device is None else x.to(device)
    if dtype is not None and dtype is not moved.dtype:
        moved = moved.astype(dtype)
    if moved is not x and copy is False:
        raise ValueError("asarray: another dtype or device needs a copy")
    return moved.copy() if moved is x and copy else moved


def _on_host(obj: Any) -> Any:
    """Nested lists with the arrays of this namespace in them as numbers or NumPy arrays."""
    if isinstance(obj, list | tuple):
        return [_on_host(one) for one in obj]
    return obj.to_numpy() if isinstance(obj, MetalBuffer) else obj


def _default(source: np.ndarray[Any, Any]) -> DType:
    """The dtype of an array made of Python's numbers."""
    if source.dtype == np.float64:
        return DEFAULT_FLOAT
    if source.dtype.kind in "cO":
        raise DTypeError(
            f"asarray: no dtype of Metal holds {source.dtype} numbers",
            hint="pass bools, integers of at most 64 bits or floats",
        )
    return DType.from_numpy(source.dtype)


def _device(device: Device) -> ComputeDevice:
    if isinstance(device, ComputeDevice):
        return device
    return ComputeDevice(get_session().device_name if device is None else device)


def _scalar_dtype(value: Any) -> DType:
    if isinstance(value, MetalBuffer):
        return value.dtype
    if isinstance(value, bool):
        return DType.BOOL
    if isinstance(value, int):
        return DEFAULT_INTEGER
    if isinstance(value, float):
        return DEFAULT_FLOAT
    raise DTypeError(f"no dtype of Metal holds a {type(value).__name__}", hint="pass a real number")


# --- of a shape --------------------------------------------------------------------------------------


def empty(shape: ShapeLike, *, dtype: DType | None = None, device: Device = None) -> MetalBuffer:
    """An array whose elements are whatever the memory held."""
    return _device(device).empty(shape, DEFAULT_FLOAT if dtype is None else dtype)


def full(
    shape: ShapeLike, fill_value: Any, *, dtype: DType | None = None, device: Device = None
) -> MetalBuffer:
    """An array with every element ``fill_value``, whose default dtype it has if none is given."""
    target = _scalar_dtype(fill_value) if dtype is None else dtype
    return _device(device).full(shape, fill_value, target)


def zeros(shape: ShapeLike, *, dtype: DType | None = None, device: Device = None) -> MetalBuffer:
    """An array of zeros."""
    return full(shape, 0, dtype=DEFAULT_FLOAT if dtype is None else dtype, device=device)


def ones(shape: ShapeLike, *, dtype: DType | None = None, device: Device = None) -> MetalBuffer:
    """An array of ones."""
    return full(shape, 1, dtype=DEFAULT_FLOAT if dtype is None else dtype, device=device)


def empty_like(
    x: MetalBuffer, /, *, dtype: DType | None = None, device: Device = None
) -> MetalBuffer:
    """As ``empty``, with the shape, dtype and device of ``x`` where nothing else is said."""
    return empty(x.shape, dtype=dtype or x.dtype, device=device or x.device)


def full_like(
    x: MetalBuffer, /, fill_value: Any, *, dtype: DType | None = None, device: Device = None
) -> MetalBuffer:
    """As ``full``, with the shape, dtype and device of ``x`` where nothing else is said."""
    return full(x.shape, fill_value, dtype=dtype or x.dtype, device=device or x.device)


def zeros_like(
    x: MetalBuffer, /, *, dtype: DType | None = None, device: Device = None
) -> MetalBuffer:
    """As ``zeros``, with the shape, dtype and device of ``x`` where nothing else is said."""
    return full_like(x, 0, dtype=dtype, device=device)


def ones_like(
    x: MetalBuffer, /, *, dtype: DType | None = None, device: Device = None
) -> MetalBuffer:
    """As ``ones``, with the shape, dtype and device of ``x`` where nothing else is said."""
    return full_like(x, 1, dtype=dtype, device=device)


# --- of positions ------------------------------------------------------------------------------------


def arange(
    start: float,
    /,
    stop: float | None = None,
    step: float = 1,
    *,
    dtype: DType | None = None,
    device: Device = None,
) -> MetalBuffer:
    """The numbers from ``start`` on (0 where only one is given), before ``stop``: int64 of integers, else float32."""
    exact = all(isinstance(v, int) for v in (start, stop, step) if v is not None)
    target = dtype or (DEFAULT_INTEGER if exact else DEFAULT_FLOAT)
    with _device(device):
        return ops.arange(start, stop, step, target)


def linspace(
    start: float,
    stop: float,
    /,
    num: int,
    *,
    dtype: DType | None = None,
    device: Device = None,
    endpoint: bool = True,
) -> MetalBuffer:
    """``num`` numbers at equal distances from ``start`` to ``stop``, which is the last or left out."""
    with _device(device):
        return ops.linspace(start, stop, num, endpoint, dtype or DEFAULT_FLOAT)


def eye(
    n_rows: int,
    n_cols: int | None = None,
    /,
    *,
    k: int = 0,
    dtype: DType | None = None,
    device: Device = None,
) -> MetalBuffer:
    """Zeros, with ones on the k-th diagonal."""
    with _device(device):
        return ops.eye(n_rows, n_cols, k, dtype or DEFAULT_FLOAT)


def tril(x: MetalBuffer, /, *, k: int = 0) -> MetalBuffer:
    """The last two axes with zeros above the k-th diagonal."""
    return ops.tril(x, k)


def triu(x: MetalBuffer, /, *, k: int = 0) -> MetalBuffer:
    """The last two axes with zeros below the k-th diagonal."""
    return ops.triu(x, k)


def meshgrid(*arrays: MetalBuffer, indexing: str = "xy") -> list[MetalBuffer]:
    """Arrays of one axis, each repeated over the grid of all: the first two axes exchanged ("xy") or not ("ij").

    Raises:
        ShapeError: an array has not one axis, or there is no such order.
    """
    if indexing not in ("xy", "ij") or any(x.ndim != 1 for x in arrays):
        raise ShapeError(
            f"meshgrid: arrays of {[x.ndim for x in arrays]} axes, indexing {indexing!r}",
            hint='give arrays of one axis, and "xy" or "ij"',
        )
    rank = len(arrays)
    places = list(range(rank))
    if indexing == "xy" and rank > 1:
        places[:2] = [1, 0]
    lined = [
        x.reshape((1,) * place + x.shape + (1,) * (rank - place - 1))
        for x, place in zip(arrays, places, strict=True)
    ]
    shape = broadcast_shape("meshgrid", tuple(x.shape for x in lined))
    return [x.broadcast_to(shape).copy() for x in lined]


def from_dlpack(x: Any, /, *, device: Device = None, copy: bool | None = None) -> MetalBuffer:
    """An array of what another library exports by DLPack: a copy, unless it is an array of iris.

    Raises:
        BufferError: ``copy=False``, and the elements have to be copied.
    """
    if isinstance(x, MetalBuffer):
        return _converted(x, None, device, copy)
    if copy is False:
        raise BufferError(f"from_dlpack: the elements of a {type(x).__name__} are copied")
    return asarray(np.from_dlpack(x), device=device)
