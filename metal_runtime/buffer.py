"""MetalBuffer: a contiguous array of one scalar type over device memory of the pool, with NumPy's operators."""

from __future__ import annotations

import math
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Protocol

import numpy as np

from metal_runtime import dlpack
from metal_runtime.array_operators import ArrayOperators
from metal_runtime.device.pool import Block, Pool
from metal_runtime.device.protocol import BufferBinding
from metal_runtime.dtype import DType
from metal_runtime.errors import ClosedBufferError, DeviceError, DTypeError, ShapeError

Shape = tuple[int, ...]


class BufferHost(Protocol):
    """What a buffer needs of the session that made it."""

    @property
    def device_name(self) -> str: ...

    @property
    def pool(self) -> Pool: ...

    @property
    def closed(self) -> bool: ...

    def elsewhere(self, device: str) -> BufferHost:
        """The session of a device; this one, if it is its own and open."""
        ...

    def empty(self, shape: Shape, dtype: DType) -> MetalBuffer: ...

    def synchronize(self) -> None:
        """Waits until every launch has ended."""
        ...

    def run_elementwise(
        self, operator: str, operands: Sequence[Any], out: MetalBuffer | None = None
    ) -> MetalBuffer:
        """Runs an operator of ``metal_runtime.ops`` by name."""
        ...


class MetalBuffer(ArrayOperators):
    """Elements of one scalar type in device memory, in C order; made by ``metal_runtime.api``.

    Operators and functions work element by element and give new buffers. ``==`` does so too, while the
    hash is the identity's, so that a buffer can be a key. A buffer of vectors is one with a last axis
    of their components: a kernel's ``device float4*`` takes shape ``(n, 4)``.

    The memory goes back to the pool at ``close()``, at the end of a ``with`` block, or when nothing
    refers to the buffer and to the NumPy views made from it any more. A view keeps the memory alive
    even after ``close()``.
    """

    __slots__ = (
        "__weakref__",
        "_binding",
        "_block",
        "_dtype",
        "_host",
        "_nbytes",
        "_shape",
        "_size",
        "_view",
    )

    __array_priority__ = 1000.0  # `array + buffer` runs on the device, as `buffer + array` does

    def __init__(self, host: BufferHost, block: Block, shape: Shape, dtype: DType) -> None:
        self._host = host
        self._block: Block | None = block
        self._binding: BufferBinding | None = block.binding
        self._shape = shape
        self._dtype = dtype
        self._size = math.prod(shape)
        self._nbytes = self._size * dtype.itemsize
        self._view: np.ndarray[Any, Any] | None = None

    # --- what it is ------------------------------------------------------------------------------

    @property
    def shape(self) -> Shape:
        return self._shape

    @property
    def dtype(self) -> DType:
        return self._dtype

    @property
    def size(self) -> int:
        """How many elements."""
        return self._size

    @property
    def numel(self) -> int:
        """How many elements."""
        return self._size

    @property
    def ndim(self) -> int:
        return len(self._shape)

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return self._dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all elements; the memory behind them is rounded up to whole pages."""
        return self._nbytes

    @property
    def strides(self) -> Shape:
        """Bytes from one element to the next, axis by axis, as in NumPy."""
        strides, step = [], self.itemsize
        for extent in reversed(self._shape):
            strides.append(step)
            step *= max(extent, 1)
        return tuple(reversed(strides))

    @property
    def device(self) -> str:
        """The name of the device whose memory it is, e.g. ``cpu``."""
        return self._host.device_name

    @property
    def persistent(self) -> bool:
        """Whether its memory stays in the pool until ``api.trim()`` once the buffer is closed."""
        return self._open().persistent

    @property
    def closed(self) -> bool:
        return self._block is None

    # --- its life --------------------------------------------------------------------------------

    def close(self) -> None:
        """Lets go of the memory; may be called twice. NumPy views of the buffer stay valid."""
        self._binding = self._block = self._view = None

    def __enter__(self) -> MetalBuffer:
        self._open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _open(self) -> Block:
        if self._block is None:
            raise ClosedBufferError(
                f"the buffer of shape {self._shape} and dtype {self._dtype.metal_name} is closed",
                hint="use it before close(), or before its `with` block ends",
            )
        return self._block

    # --- the host's side -------------------------------------------------------------------------

    def numpy(self) -> np.ndarray[Any, Any]:
        """A writable NumPy view of the memory itself, after all launches so far have ended.

        Launches made later change what the view shows; ``synchronize()`` says when they are done.
        """
        if self._view is None:
            raw = np.asarray(self._open())[: self.nbytes]
            self._view = raw.view(self._dtype.numpy_dtype).reshape(self._shape)
        self._host.synchronize()
        return self._view.view()

    def to_numpy(self, *, copy: bool = True) -> np.ndarray[Any, Any]:
        """The elements as an array that the caller owns, or as a view of the memory (``copy=False``)."""
        return self.numpy().copy() if copy else self.numpy()

    def copy_from(self, source: Any) -> MetalBuffer:
        """Writes an array or buffer of the same shape and dtype into this one, and returns this one.

        Raises:
            ShapeError: the shapes differ.
            DTypeError: the dtypes differ.
        """
        array = source.numpy() if isinstance(source, MetalBuffer) else np.asarray(source)
        if array.shape != self._shape:
            raise ShapeError(
                f"cannot copy shape {array.shape} into a buffer of shape {self._shape}",
                hint=f"reshape it with array.reshape({self._shape})"
                if array.size == self._size
                else None,
            )
        if array.dtype != self._dtype.numpy_dtype:
            raise DTypeError(
                f"cannot copy dtype {array.dtype} into a buffer of {self._dtype.numpy_dtype}",
                hint=f"convert it with array.astype({self._dtype.numpy_dtype.name!r})",
            )
        self.numpy()[...] = array
        return self

    def to(self, device: Any) -> MetalBuffer:
        """A copy on another device (a name, or what ``api.device`` gives); the buffer itself if it is there.

        Raises DeviceError when there is no such device.
        """
        name = device if isinstance(device, str) else getattr(device, "backend", None)
        if not isinstance(name, str):
            raise DeviceError(
                f"a {type(device).__name__} is no device",
                hint='write buffer.to("cpu"), for example',
            )
        self._open()
        target = self._host.elsewhere(name)
        return (
            self if target is self._host else target.empty(self._shape, self._dtype).copy_from(self)
        )

    def item(self) -> Any:
        """The one element as a Python number. Raises ShapeError when there is not exactly one."""
        if self._size != 1:
            raise ShapeError(f"a buffer of shape {self._shape} has no single value")
        return self.numpy().item()

    def tolist(self) -> Any:
        """The elements as nested lists of Python numbers."""
        return self.numpy().tolist()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        if dtype is not None and np.dtype(dtype) != self._dtype.numpy_dtype:
            if copy is False:
                raise ValueError(
                    f"a conversion of {self._dtype.metal_name} to {dtype} needs a copy"
                )
            return self.numpy().astype(dtype)
        return self.to_numpy(copy=bool(copy))

    @property
    def __array_interface__(self) -> dict[str, Any]:
        if self._dtype is DType.BFLOAT16:
            raise AttributeError("bfloat has no NumPy type string; __array__ serves instead")
        # The view, not its address, so that the array made of it keeps the memory alive.
        view = self.numpy()
        return {**view.__array_interface__, "data": view, "offset": 0}

    def __buffer__(self, flags: int) -> memoryview:
        """For ``memoryview(buffer)`` on Python 3.12 and later; before, use ``memoryview(buffer.numpy())``."""
        return memoryview(self.numpy().data)

    def __dlpack__(
        self,
        *,
        stream: Any = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        """For ``torch.from_dlpack(buffer)`` and the like: the memory itself, kept alive; after all launches so far."""
        return dlpack.exported(
            self.numpy(), stream=stream, max_version=max_version, dl_device=dl_device, copy=copy
        )

    def __dlpack_device__(self) -> tuple[int, int]:
        self._open()
        return dlpack.CPU

    def __len__(self) -> int:
        if not self._shape:
            raise TypeError("a buffer of shape () has no length")
        return self._shape[0]

    def __getitem__(self, index: Any) -> Any:
        """What ``buffer.numpy()[index]`` is: a scalar, or a view of the memory."""
        return self.numpy()[index]

    def __setitem__(self, index: Any, value: Any) -> None:
        self.numpy()[index] = value.numpy() if isinstance(value, MetalBuffer) else value

    def __bool__(self) -> bool:
        if self._size != 1:
            raise ShapeError(
                f"a buffer of shape {self._shape} has no single truth value",
                hint="reduce it first, for example with buffer.numpy().all()",
            )
        return bool(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __float__(self) -> float:
        return float(self.item())

    def __repr__(self) -> str:
        what = f"shape={self._shape}, dtype={self._dtype.metal_name}, device={self.device}"
        if self._block is None:
            return f"MetalBuffer({what}, closed)"
        values = np.array2string(self.numpy(), threshold=32, edgeitems=3, separator=", ")
        return f"MetalBuffer({values}, {what})"

    # --- operators -------------------------------------------------------------------------------

    __hash__ = object.__hash__

    def _binary(
        self, operator: str, left: Any, right: Any, out: MetalBuffer | None = None
    ) -> MetalBuffer:
        for operand in (left, right):
            if not isinstance(operand, _OPERANDS):
                return NotImplemented  # type: ignore[no-any-return]
        return self._host.run_elementwise(operator, (left, right), out)

    def _unary(self, operator: str) -> MetalBuffer:
        return self._host.run_elementwise(operator, (self,))

    def astype(self, dtype: Any) -> MetalBuffer:
        """A new buffer with every element converted as MSL does."""
        target = DType.from_numpy(dtype)
        block = self._host.pool.take(self._size * target.itemsize)
        out = MetalBuffer(self._host, block, self._shape, target)
        return self._host.run_elementwise("cast", (self,), out)


_OPERANDS = (MetalBuffer, int, float, np.ndarray, np.generic)
