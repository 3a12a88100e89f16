"""Buffers and NumPy arrays -> what is bound to a pointer parameter, uploads and copies back included."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from metal_runtime.buffer import MetalBuffer
from metal_runtime.device.block import Block
from metal_runtime.device.protocol import UNBOUND, Binding, BufferBinding
from metal_runtime.dtype import DType
from metal_runtime.errors import DTypeError, LaunchError
from metal_runtime.msl_types import AddressSpace, Pointer, ValueType, Vector, element_of, type_name
from metal_runtime.program import Argument, ArgumentKind
from metal_runtime.recording.events import Direction
from metal_runtime.recording.noting import transfer
from metal_runtime.runtime.value_arguments import described, is_bytes, pack_struct, pack_value

if TYPE_CHECKING:
    from metal_runtime.runtime.session import Session

_INACTIVE_BYTES = (
    4096  # Metal's greatest inline value: enough for a value that the kernel does not read
)

_WIDEST = 32  # bytes: the alignment of long4, MSL's widest


def fast_binding(argument: Argument, session: Session) -> Callable[[Any], Binding | None]:
    """The quick way for the usual case: an open buffer of this session and of exactly the parameter's scalar type.

    The result is None otherwise: then ``Uploads.bind`` decides.
    """
    type_ = argument.type
    if not isinstance(type_, Pointer):
        return lambda value: None
    wanted = element_of(type_.element)
    width, alignment = storage_width(type_.element), type_.element.itemsize

    # Slots, not properties: one of these runs for each argument of each launch.
    def fast(value: Any) -> Binding | None:
        if value.__class__ is MetalBuffer and value._dtype is wanted and value._host is session:
            binding: Binding | None = value._binding
            return binding
        return None

    def fast_vector(value: Any) -> Binding | None:
        shape = value._shape if value.__class__ is MetalBuffer else ()
        binding = fast(value) if shape and shape[-1] % width == 0 else None
        return None if binding is None or binding[0].address % alignment else binding  # type: ignore[union-attr]

    if width == 1:
        return fast
    return fast_vector if type_.element != Vector(wanted, 3) else lambda value: None


def where(buffer: MetalBuffer, here: str) -> str:
    """Where a buffer is that is not of the session that uses it."""
    if buffer.device == here:
        return f"of a session of device `{here}` that has ended, or of before a fork"
    return f"on device `{buffer.device}`, not on `{here}`"


def storage_width(type_: ValueType) -> int:
    """Components' worth of room that a buffer element takes: 4 for a vector of 3."""
    return type_.itemsize // element_of(type_).itemsize


@dataclass(slots=True)
class Upload:
    """A NumPy array's copy in device memory for the time of one launch."""

    array: np.ndarray[Any, Any]
    block: Block
    parameter: str
    written: bool = False

    def view(self) -> np.ndarray[Any, Any]:
        raw = np.asarray(self.block)[: self.array.nbytes]
        view: np.ndarray[Any, Any] = raw.view(self.array.dtype).reshape(self.array.shape)
        return view


@dataclass(slots=True)
class Uploads:
    """The NumPy arrays of one launch: each memory is uploaded once, so that two parameters may share it."""

    kernel: str
    session: Session
    optional_buffers: bool = False
    by_memory: dict[tuple[Any, ...], Upload] = field(default_factory=dict)
    strided: list[tuple[MetalBuffer, MetalBuffer, bool]] = field(default_factory=list)
    """Views that are not in C order, the copies that the kernel is given, and whether it writes to them."""

    held: list[MetalBuffer] = field(default_factory=list)
    """Copies of views in C order: their memory is theirs until the launch."""

    def bind(self, argument: Argument, value: Any) -> Binding:
        """The binding of any value that a parameter can take. Raises LaunchError."""
        if value is None and (self.optional_buffers or not argument.active):
            if argument.kind is ArgumentKind.BUFFER:
                return UNBOUND
            if not argument.active:
                return bytes(argument.itemsize or _INACTIVE_BYTES)
        if isinstance(value, MetalBuffer):
            return self._bind_buffer(argument, value)
        if argument.kind is ArgumentKind.VALUE:
            return pack_value(self.kernel, argument, value)
        if isinstance(value, np.ndarray):
            return self._bind_array(argument, value)
        type_ = argument.type
        if not argument.written and type_ is None and is_bytes(value):
            return pack_struct(self.kernel, argument, value)
        if (
            isinstance(type_, Pointer)
            and type_.space is AddressSpace.CONSTANT
            and _is_number(value)
        ):
            # Metal's setBytes: hand-written kernels take a scalar as `constant T*` too.
            return pack_value(self.kernel, replace(argument, type=type_.element), value)
        raise self._error(
            argument,
            f"takes a buffer (`{argument.type_text}`), not {described(value)}",
            _buffer_hint(argument, value),
        )

    def copy_back(self) -> None:
        """After the launch: what the kernel may have written goes back into the arrays."""
        written = [upload for upload in self.by_memory.values() if upload.written]
        if written:
            self.session.wait()
        for upload in written:
            with transfer(self.session.device_name, Direction.TO_HOST, upload.array.nbytes):
                np.copyto(upload.array, upload.view())
        for view, copy, was_written in self.strided:
            if was_written:
                self.session.graph.assign(view, copy)

    # --- buffers ---------------------------------------------------------------------------------

    def _bind_buffer(self, argument: Argument, buffer: MetalBuffer) -> BufferBinding:
        if buffer.closed:
            raise self._error(
                argument,
                "the buffer is closed",
                "launch before close(), or before its `with` block ends",
            )
        if buffer._host is not self.session:
            here = self.session.device_name
            raise self._error(
                argument,
                f"the buffer is {where(buffer, here)}",
                f'copy it with buffer.to("{here}")',
            )
        self._check_type(argument, buffer.dtype, buffer.shape, buffer.nbytes, is_buffer=True)
        ordered = buffer._in_order()
        if ordered is not buffer:
            self.strided.append((buffer, ordered, argument.written))
        binding = ordered._bound()
        self._check_alignment(argument, binding)
        return binding

    def _check_alignment(self, argument: Argument, binding: BufferBinding) -> None:
        """Memory of the pool suits every type; adopted memory begins where an element of its array may."""
        itemsize = argument.itemsize or 1
        unit = min(itemsize & -itemsize, _WIDEST)
        if binding[0].address % unit:
            raise self._error(
                argument,
                f"takes `{argument.type_text}`, whose elements begin at multiples of {unit} bytes; "
                "the adopted memory does not",
                "pass api.asarray(array), which copies, or memory that begins there",
            )

    def _check_type(
        self, argument: Argument, dtype: DType, shape: tuple[int, ...], nbytes: int, is_buffer: bool
    ) -> None:
        type_ = argument.type
        element = type_.element if isinstance(type_, Pointer) else type_
        if element is not None and dtype is not element_of(element):
            want = element_of(element)
            what = "buffer" if is_buffer else "array"
            raise self._error(
                argument,
                f"takes `{argument.type_text}`, but the {what} holds {_both_names(dtype)}",
                f"convert it with {what}.astype({want.numpy_dtype.name!r})",
            )
        if argument.kind is ArgumentKind.VALUE:
            if argument.itemsize is not None and nbytes < argument.itemsize:
                raise self._error(
                    argument, f"takes {argument.itemsize} bytes, the buffer has {nbytes}", None
                )
        elif isinstance(element, Vector):
            self._check_vector(argument, element, shape)
        elif argument.itemsize is not None and nbytes % argument.itemsize:
            raise self._error(
                argument,
                f"takes elements of {argument.itemsize} bytes; {nbytes} bytes are no whole number of them",
                None,
            )

    def _check_vector(self, argument: Argument, element: Vector, shape: tuple[int, ...]) -> None:
        width = storage_width(element)
        last = shape[-1] if shape else 1
        fits = last == width if element.width == 3 else last % width == 0
        if fits:
            return
        hint = f"the last axis must hold {width} components, such as shape (n, {width})"
        if element.width == 3:
            hint += "; MSL stores a vector of 3 in the room of 4, the fourth is padding"
        raise self._error(argument, f"takes elements of {element}, but the shape is {shape}", hint)

    # --- arrays ----------------------------------------------------------------------------------

    def _bind_array(self, argument: Argument, array: np.ndarray[Any, Any]) -> BufferBinding:
        if argument.type is not None:
            dtype = self._array_dtype(argument, array)
            self._check_type(argument, dtype, array.shape, array.nbytes, is_buffer=False)
        elif argument.itemsize is not None and array.nbytes % argument.itemsize:
            raise self._error(
                argument,
                f"takes elements of {argument.itemsize} bytes; the array's {array.nbytes} bytes are no "
                "whole number of them",
                "mind the alignment of MSL's structs: a float3 takes 16 bytes",
            )
        if argument.written:
            self._check_writable(argument, array)
        return self._upload(argument, array).block.binding

    def _array_dtype(self, argument: Argument, array: np.ndarray[Any, Any]) -> DType:
        try:
            return DType.from_numpy(array.dtype)
        except DTypeError as error:
            raise self._error(
                argument, f"takes `{argument.type_text}`; {error.message}", error.hint
            ) from None

    def _check_writable(self, argument: Argument, array: np.ndarray[Any, Any]) -> None:
        if not array.flags.c_contiguous:
            raise self._error(
                argument,
                "the kernel writes to it, but the array is not contiguous in memory",
                "pass np.ascontiguousarray(array), or array.copy(), and read the result from that",
            )
        if not array.flags.writeable:
            raise self._error(
                argument, "the kernel writes to it, but the array is read-only", "pass array.copy()"
            )

    def _upload(self, argument: Argument, array: np.ndarray[Any, Any]) -> Upload:
        key = (array.ctypes.data, array.shape, array.strides, array.dtype)
        upload = self.by_memory.get(key)
        if upload is None:
            self._check_overlap(argument, array)
            block = self.session.pool.take(array.nbytes)
            upload = self.by_memory[key] = Upload(array, block, argument.name)
            self.session.wait()  # the memory may still be read by the launch that had it before
            with transfer(self.session.device_name, Direction.TO_DEVICE, array.nbytes):
                np.copyto(upload.view(), array)
        if argument.written:
            # The array passed here is writable, as the one that came first may not be.
            upload.array, upload.written = array, True
            for other in self.by_memory.values():
                if other is not upload:
                    self._refuse_overlap(argument, array, other)
        return upload

    def _check_overlap(self, argument: Argument, array: np.ndarray[Any, Any]) -> None:
        for other in self.by_memory.values():
            if other.written:
                self._refuse_overlap(argument, array, other)

    def _refuse_overlap(
        self, argument: Argument, array: np.ndarray[Any, Any], other: Upload
    ) -> None:
        if np.may_share_memory(array, other.array) and np.shares_memory(array, other.array):
            raise self._error(
                argument,
                f"its array overlaps that of `{other.parameter}`, and one of them is written",
                "pass the whole array once and index it in the kernel, or pass a copy",
            )

    def _error(self, argument: Argument, message: str, hint: str | None) -> LaunchError:
        return LaunchError(message, kernel=self.kernel, parameter=argument.name, hint=hint)


def _is_number(value: Any) -> bool:
    return isinstance(value, bool | int | float | np.generic)


def _both_names(dtype: DType) -> str:
    """``float (float32)``; one name where MSL and NumPy agree."""
    numpy_name = dtype.numpy_dtype.name
    return (
        dtype.metal_name if numpy_name == dtype.metal_name else f"{dtype.metal_name} ({numpy_name})"
    )


def _buffer_hint(argument: Argument, value: Any) -> str:
    if isinstance(value, list | tuple | range):
        element = argument.type.element if isinstance(argument.type, Pointer) else None
        dtype = "np.float32" if element is None else f"np.{element_of(element).numpy_dtype.name}"
        return f"pass np.array(values, {dtype}), or api.asarray of it"
    if _is_number(value):
        if argument.written:
            return "pass a NumPy array or a buffer; the kernel writes its result there"
        scalar = type_name(argument.type.element) if isinstance(argument.type, Pointer) else "float"
        return f"pass a NumPy array or a buffer, or declare the parameter `{scalar}` for one number"
    return "pass a NumPy array, or a buffer made with metal_runtime.api"
