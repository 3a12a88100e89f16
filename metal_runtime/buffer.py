"""MetalBuffer: an array of one scalar type, in device memory or still to be computed, with NumPy's operators and views."""

from __future__ import annotations

import math
from collections.abc import Iterator
from types import TracebackType
from typing import Any

import numpy as np

from metal_runtime.array_interchange import ArrayInterchange, numpy_export
from metal_runtime.array_operators import ArrayOperators
from metal_runtime.array_reductions import ArrayReductions, Axis
from metal_runtime.array_views import ArrayViews
from metal_runtime.basic_indexing import movements_of
from metal_runtime.buffer_host import ArrayGraph, BufferHost
from metal_runtime.device.block import Block
from metal_runtime.device.protocol import BufferBinding
from metal_runtime.dtype import DType
from metal_runtime.errors import ClosedBufferError, DeviceError, DTypeError, ShapeError
from metal_runtime.recording.events import Direction
from metal_runtime.recording.noting import transfer
from metal_runtime.strided import Movement, Shape, Strided, contiguous, moved
from metal_runtime.value import Cell, Value, View, cell_of, pending_value, value_in_memory

__all__ = ["ArrayGraph", "BufferHost", "MetalBuffer", "Shape"]


class MetalBuffer(ArrayOperators, ArrayReductions, ArrayViews, ArrayInterchange):
    """Elements of one scalar type on a device; made by ``metal_runtime.api`` and by operators.

    Operators and functions give new buffers. What they compute is recorded and runs when somebody needs
    it: ``numpy()``, a kernel launch, ``synchronize()``. ``==`` works element by element too, while the
    hash is the identity's, so that a buffer can be a key. A buffer of vectors is one with a last axis
    of their components: a kernel's ``device float4*`` takes shape ``(n, 4)``.

    Indexing with integers and slices, ``reshape``, ``transpose`` and their like give views, which share
    their elements with the buffer as NumPy's do.

    The memory goes back to the pool at ``close()``, at the end of a ``with`` block, or when nothing
    refers to the buffer, its views, and the NumPy views made from it any more. A view keeps the memory
    alive even after ``close()``.
    """

    __slots__ = (
        "__weakref__",
        "_binding",
        "_cell",
        "_dtype",
        "_host",
        "_movements",
        "_nbytes",
        "_seen",
        "_shape",
    )

    __array_priority__ = 1000.0  # `array + buffer` runs on the device, as `buffer + array` does

    _host: BufferHost[MetalBuffer]
    _cell: Cell | None
    """None once it is closed."""

    _shape: Shape
    _dtype: DType
    _nbytes: int
    _movements: tuple[Movement, ...]
    _seen: Value | None
    """A view's elements in memory, once somebody asked: to the graph, all who read them read the same."""

    _binding: BufferBinding | None
    """Where its elements lie, once they are in memory and in C order."""

    def __init__(self) -> None:
        raise DTypeError(
            "a MetalBuffer is not made from nothing",
            hint="write api.asarray(values) or api.empty(shape)",
        )

    @classmethod
    def _in_block(
        cls, host: BufferHost[MetalBuffer], block: Block, shape: Shape, dtype: DType
    ) -> MetalBuffer:
        """A buffer over the first bytes of a block."""
        nbytes = math.prod(shape) * dtype.itemsize
        buffer = array_of(host, cell_of(value_in_memory(shape, dtype, block)), shape, dtype, nbytes)
        buffer._binding = block.binding
        return buffer

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
        return self._nbytes // self._dtype.itemsize

    @property
    def numel(self) -> int:
        """How many elements."""
        return self._nbytes // self._dtype.itemsize

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
        return tuple(stride * self.itemsize for stride in self._layout().strides)

    @property
    def device(self) -> str:
        """The name of the device whose memory it is, e.g. ``cpu``."""
        return self._host.device_name

    @property
    def persistent(self) -> bool:
        """Whether its memory stays in the pool until ``api.trim()`` once the buffer is closed."""
        block = self._open().value.block
        return block is not None and block.persistent

    @property
    def closed(self) -> bool:
        return self._cell is None

    # --- its life --------------------------------------------------------------------------------

    def close(self) -> None:
        """Lets go of the elements; may be called twice. Views of the buffer stay valid."""
        self._binding = self._cell = self._seen = None

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

    def _open(self) -> Cell:
        if self._cell is None:
            raise ClosedBufferError(
                f"the buffer of shape {self._shape} and dtype {self._dtype.metal_name} is closed",
                hint="use it before close(), or before its `with` block ends",
            )
        return self._cell

    def _opened(self) -> None:
        self._open()

    def _layout(self) -> Strided:
        """How its elements lie in the memory of the buffer that it is a view of."""
        value = self._open().value
        layout = moved(value.layout or contiguous(value.shape), self._movements)
        assert layout is not None  # `_viewed` copies where it would be
        return layout

    def _value(self) -> Value:
        """Its elements, pending or in memory."""
        value = self._open().value
        if not self._movements:
            return value
        if value.operation is None:
            seen = self._seen
            if seen is None or seen.block is not value.block:
                seen = value_in_memory(self._shape, self._dtype, value.block, self._layout())
                self._seen = seen
            return seen
        view = View(value.shape, value.dtype, self._movements)
        return pending_value(self._shape, self._dtype, view, (value,))

    def _in_memory(self) -> Value:
        """Its elements in memory: what computes them is started."""
        value = self._open().value
        if value.operation is not None:
            self._host.graph.start(value)
        return self._value()

    def _in_order(self) -> MetalBuffer:
        """Itself, or a copy if it is a view whose elements do not lie in C order."""
        return self if self._layout().is_contiguous else self._host.graph.copy(self)

    def _bound(self) -> BufferBinding:
        """What a kernel is given, of a buffer in C order (see ``_in_order``)."""
        if self._binding is None:
            value = self._in_memory()
            assert value.block is not None
            assert value.layout is None or value.layout.is_contiguous
            allocation, first = value.block.binding
            offset = 0 if value.layout is None else value.layout.offset
            self._binding = (allocation, first + offset * self._dtype.itemsize)
        return self._binding

    # --- the host's side -------------------------------------------------------------------------

    def _elements(self, exported: bool = False) -> np.ndarray[Any, Any]:
        """The memory as NumPy sees it, after all launches so far have ended."""
        pending = self._open().value
        if pending.operation is not None:
            self._host.graph.flush(pending)  # who looks at one result will look at others
        value = self._in_memory()
        block = value.block
        assert block is not None
        raw = np.asarray(numpy_export(block) if exported else block)
        self._host.wait()
        layout = value.layout
        if layout is None:
            return raw[: self._nbytes].view(self._dtype.numpy_dtype).reshape(self._shape)
        itemsize = self._dtype.itemsize
        whole = raw[: raw.size // itemsize * itemsize].view(self._dtype.numpy_dtype)
        return np.lib.stride_tricks.as_strided(
            whole[layout.offset :],
            layout.shape,
            tuple(stride * itemsize for stride in layout.strides),
        )

    def numpy(self) -> np.ndarray[Any, Any]:
        """A writable NumPy view of the memory itself, after all launches so far have ended.

        Launches made later change what the view shows; ``synchronize()`` says when they are done. While
        the view is there, operators on the buffer run at once, so that what is written to it counts
        from then on.
        """
        self._open()
        self._host.graph.flush()  # what is pending may read what a view can write
        return self._elements(exported=True)

    def copy_from(self, source: Any) -> MetalBuffer:
        """Writes an array or buffer of the same shape and dtype into this one, and returns this one.

        Raises:
            ShapeError: the shapes differ.
            DTypeError: the dtypes differ.
        """
        array = source._elements() if isinstance(source, MetalBuffer) else np.asarray(source)
        if array.shape != self._shape:
            raise ShapeError(
                f"cannot copy shape {array.shape} into a buffer of shape {self._shape}",
                hint=f"reshape it with array.reshape({self._shape})"
                if array.size == self.size
                else None,
            )
        if array.dtype != self._dtype.numpy_dtype:
            raise DTypeError(
                f"cannot copy dtype {array.dtype} into a buffer of {self._dtype.numpy_dtype}",
                hint=f"convert it with array.astype({self._dtype.numpy_dtype.name!r})",
            )
        self._host.graph.start_before((), (self,))
        elements = self._elements()
        with transfer(self.device, _direction(source), self._nbytes):
            elements[...] = array
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

    def __iter__(self) -> Iterator[MetalBuffer]:
        """The views along the first axis."""
        return (self[k] for k in range(len(self)))

    def __getitem__(self, index: Any) -> MetalBuffer:
        """``buffer[1]``, ``buffer[1:, ::2]``, ``buffer[..., None]``: a view, of no axes where all are indexed.

        An array of integers, or of bool, chooses elements, as in NumPy; the result is a copy.
        """
        movements = movements_of(self._shape, index)
        if movements is None:
            return self._host.graph.function("index", self, index)
        layout = moved(contiguous(self._shape), movements)
        assert layout is not None  # of contiguous elements, slices and new axes are views
        return self._viewed(movements, layout.shape)

    def __setitem__(self, index: Any, value: Any) -> None:
        if movements_of(self._shape, index) is None:
            self._host.graph.start_before((), (self,))
            chosen = index.numpy() if isinstance(index, MetalBuffer) else index
            self._elements()[chosen] = (
                value._elements() if isinstance(value, MetalBuffer) else value
            )
        else:
            self._host.graph.assign(self[index], value)

    def _viewed(self, movements: tuple[Movement, ...], shape: Shape) -> MetalBuffer:
        nbytes = math.prod(shape) * self._dtype.itemsize
        if moved(self._layout(), movements) is None:
            copy = self._host.graph.copy(self)
            return copy._viewed(movements, shape)
        every = self._movements + movements
        return array_of(self._host, self._open(), shape, self._dtype, nbytes, every)

    def __repr__(self) -> str:
        what = f"shape={self._shape}, dtype={self._dtype.metal_name}, device={self.device}"
        if self._cell is None:
            return f"MetalBuffer({what}, closed)"
        values = np.array2string(self._elements(), threshold=32, edgeitems=3, separator=", ")
        return f"MetalBuffer({values}, {what})"

    # --- operators -------------------------------------------------------------------------------

    __hash__ = object.__hash__

    def _binary(
        self, operator: str, left: Any, right: Any, out: MetalBuffer | None = None
    ) -> MetalBuffer:
        if out is None and left.__class__ is MetalBuffer and right.__class__ in _COMMON:
            return self._host.graph.binary(operator, left, right)
        for operand in (left, right):
            if not isinstance(operand, _OPERANDS):
                return NotImplemented  # type: ignore[no-any-return]
        return self._host.graph.elementwise(operator, (left, right), out)

    def _unary(self, operator: str) -> MetalBuffer:
        return self._host.graph.elementwise(operator, (self,))

    def _matmul(self, left: Any, right: Any, out: MetalBuffer | None = None) -> MetalBuffer:
        if not (isinstance(left, _ARRAYS) and isinstance(right, _ARRAYS)):
            return NotImplemented  # type: ignore[no-any-return]
        return self._host.graph.function("matmul", left, right, out)

    def astype(self, dtype: Any) -> MetalBuffer:
        """A new buffer with every element converted as MSL does."""
        return self._host.graph.function("cast", self, dtype)

    def _reduced(self, name: str, axis: Axis, keepdims: bool, **options: Any) -> MetalBuffer:
        return self._host.graph.function(name, self, axis, keepdims, **options)

    def copy(self) -> MetalBuffer:
        """The elements in C order, as a buffer of its own."""
        return self._host.graph.copy(self)


_new = MetalBuffer.__new__


def array_of(
    host: BufferHost[MetalBuffer],
    cell: Cell,
    shape: Shape,
    dtype: DType,
    nbytes: int,
    movements: tuple[Movement, ...] = (),
) -> MetalBuffer:
    """A buffer over what a cell holds, or over a view of it: the only place where one is made."""
    # Not by ``__init__``: every operator comes here, and Python takes twice as long for that.
    buffer = _new(MetalBuffer)
    buffer._host = host
    buffer._cell = cell
    buffer._shape = shape
    buffer._dtype = dtype
    buffer._nbytes = nbytes
    buffer._movements = movements
    buffer._binding = buffer._seen = None
    return buffer


def _direction(source: Any) -> Direction:
    return Direction.BETWEEN if isinstance(source, MetalBuffer) else Direction.TO_DEVICE


_ARRAYS = (MetalBuffer, np.ndarray)
_COMMON = frozenset({MetalBuffer, float})
"""The right operands of most operators."""

_OPERANDS = (MetalBuffer, int, float, np.ndarray, np.generic)
