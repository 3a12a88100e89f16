"""What a caller passes to an operator -> buffers and numbers that a launch takes, or an error that says why not."""

from __future__ import annotations

from typing import Any

import numpy as np

from metal_runtime.buffer import MetalBuffer
from metal_runtime.dtype import DType
from metal_runtime.errors import DeviceError, DTypeError
from metal_runtime.ops.promotion import can_store, dtype_name
from metal_runtime.ops.scalars import Scalar, read_scalar
from metal_runtime.recording.events import Direction
from metal_runtime.recording.noting import transfer
from metal_runtime.runtime.buffer_arguments import where
from metal_runtime.runtime.session import Session


def foreign_operand(
    session: Session, name: str, value: Any
) -> tuple[MetalBuffer | Scalar, tuple[Any, ...]]:
    """The operand that ``value`` stands for, and its part of the key: (shape, dtype), or a scalar's kind.

    A NumPy array is uploaded.

    Raises:
        DTypeError: neither buffer, array nor number, or of a dtype that Metal has not.
        DeviceError: a buffer on another device.
    """
    try:
        scalar = read_scalar(value)
        if scalar is not None:
            return scalar[1], (scalar[0],)
        if isinstance(value, np.ndarray):
            value = upload(session, value)
    except DTypeError as error:
        raise DTypeError(f"ops.{name}: {error.message}", hint=error.hint) from None
    buffer = own_buffer(session, name, value)
    return buffer, (buffer.shape, buffer.dtype)


def upload(session: Session, array: np.ndarray[Any, Any]) -> MetalBuffer:
    """A buffer with the array's elements. Raises DTypeError."""
    buffer = session.empty(array.shape, DType.from_numpy(array.dtype))
    elements = buffer._elements()
    with transfer(session.device_name, Direction.TO_DEVICE, buffer.nbytes):
        elements[...] = array
    return buffer


def host_elements(buffer: MetalBuffer) -> np.ndarray[Any, Any]:
    """The elements for the host to look at now, once they are computed; what else is pending stays so."""
    buffer._in_memory()
    return buffer._elements()


def as_buffer(session: Session, name: str, value: Any) -> MetalBuffer:
    """A buffer as it is, an array uploaded. Raises DTypeError, DeviceError."""
    if not isinstance(value, np.ndarray):
        return own_buffer(session, name, value)
    try:
        return upload(session, value)
    except DTypeError as error:
        raise DTypeError(f"ops.{name}: {error.message}", hint=error.hint) from None


def own_buffer(session: Session, name: str, value: Any) -> MetalBuffer:
    """``value`` itself if it is a buffer of the session. Raises DTypeError, DeviceError."""
    if not isinstance(value, MetalBuffer):
        hint = "pass a buffer made with metal_runtime.api, a NumPy array or a number"
        if isinstance(value, list | tuple | range):
            hint = "pass np.array(values, np.float32), or another dtype that Metal has"
        raise DTypeError(f"ops.{name} does not take a {type(value).__name__}", hint=hint)
    if value._host is not session:
        raise DeviceError(
            f"ops.{name}: the buffer of shape {value.shape} is {where(value, session.device_name)}",
            hint=f'copy it with buffer.to("{session.device_name}")',
        )
    return value


def check_out(session: Session, name: str, out: Any) -> None:
    """Returns if ``out`` is a buffer of the session. Raises DTypeError, DeviceError."""
    if isinstance(out, MetalBuffer):
        own_buffer(session, name, out)
        return
    raise DTypeError(
        f"ops.{name}: out= takes a buffer, not a {type(out).__name__}",
        hint="make one with api.empty(shape, dtype), or leave out= away and use the result",
    )


def out_dtype(name: str, result: DType, out: DType) -> DType:
    """``out`` itself if a result may be written there. Raises DTypeError."""
    if name == "cast" or can_store(result, out):
        return out
    raise DTypeError(
        f"ops.{name}: the result is {dtype_name(result)}, which out= of {dtype_name(out)} cannot hold",
        hint=f"give out= the dtype {dtype_name(result)}, or convert the result with "
        f"ops.cast(result, {dtype_name(out)!r})",
    )
