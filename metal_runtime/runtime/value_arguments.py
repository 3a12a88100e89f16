"""Python and NumPy values -> the bytes of a value parameter (``constant T&``), or a LaunchError that says why not."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable
from typing import Any

import numpy as np

from metal_runtime.dtype import DType
from metal_runtime.errors import LaunchError
from metal_runtime.msl_types import ValueType, Vector, type_name
from metal_runtime.program import Argument, ArgumentKind

FastPack = Callable[[Any], bytes | None]
"""The bytes of a value of the parameter's own Python type, or None: then ``pack_value`` decides."""

_FORMATS = {
    DType.BOOL: "?", DType.INT8: "b", DType.UINT8: "B", DType.INT16: "h", DType.UINT16: "H",
    DType.INT32: "i", DType.UINT32: "I", DType.INT64: "q", DType.UINT64: "Q",
    DType.FLOAT16: "e", DType.FLOAT32: "f",
}  # fmt: skip


def fast_pack(type_: ValueType | None) -> FastPack:
    """The quick way for the usual case: an int, float or bool for a scalar parameter."""
    format_ = _FORMATS.get(type_) if isinstance(type_, DType) else None
    if format_ is None:
        return lambda value: None
    pack = struct.Struct("<" + format_).pack
    wanted = {"b": bool, "f": float}.get(type_.kind, int)  # type: ignore[union-attr]

    def fast(value: Any) -> bytes | None:
        if value.__class__ is wanted:
            try:
                return pack(value)
            except (struct.error, OverflowError):  # out of range: pack_value says which
                return None
        return None

    return fast


def pack_value(kernel: str, argument: Argument, value: Any) -> bytes:
    """The bytes of any value that the parameter can take. Raises LaunchError."""
    type_ = argument.type
    if isinstance(type_, Vector):
        return _pack_vector(kernel, argument, type_, value)
    if isinstance(type_, DType):
        return _pack_scalar(kernel, argument, type_, value)
    return pack_struct(kernel, argument, value)


def _pack_scalar(kernel: str, argument: Argument, type_: DType, value: Any) -> bytes:
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    number = _number(value)
    if number is None:
        raise _error(
            kernel, argument, f"takes one {type_.metal_name}, not {described(value)}",
            _scalar_hint(type_, value),
        )  # fmt: skip
    if type_ is DType.BOOL:
        if not isinstance(number, bool):
            raise _error(
                kernel,
                argument,
                f"takes a bool, not {described(value)}",
                "convert it with bool(...)",
            )
        return b"\1" if number else b"\0"
    if type_.is_integer:
        if isinstance(number, float):
            hint = "convert it with int(...), or declare the parameter `float`"
            raise _error(
                kernel,
                argument,
                f"takes an integer ({type_.metal_name}), not {described(value)}",
                hint,
            )
        return _pack_integer(kernel, argument, type_, number)
    return _pack_float(kernel, argument, type_, number)


def _pack_integer(kernel: str, argument: Argument, type_: DType, number: int) -> bytes:
    low, high = integer_range(type_)
    if not low <= number <= high:
        raise _error(
            kernel,
            argument,
            f"{number} is out of the range of {type_.metal_name}, {low} to {high}",
            _wider_hint(type_, number),
        )
    return number.to_bytes(type_.itemsize, "little", signed=type_.is_signed)


def _pack_float(kernel: str, argument: Argument, type_: DType, number: float) -> bytes:
    double = _float_of(number)
    with np.errstate(all="ignore"):
        packed = np.asarray(double, np.float64).astype(type_.numpy_dtype)
    if np.isinf(packed.astype(np.float64)) and abs(double) != float("inf"):
        raise _error(
            kernel,
            argument,
            f"{described(number)} is out of the range of {type_.metal_name}",
            "pass float('inf') if infinity is meant"
            if type_ is DType.FLOAT32
            else "declare the parameter `float`",
        )
    return packed.tobytes()


def _pack_vector(kernel: str, argument: Argument, type_: Vector, value: Any) -> bytes:
    wanted = f"{type_.width} numbers ({type_})"
    if not isinstance(value, tuple | list | np.ndarray):
        hint = f"pass a tuple such as {_example(type_)}"
        raise _error(kernel, argument, f"takes {wanted}, not {described(value)}", hint)
    if isinstance(value, np.ndarray) and value.ndim != 1:
        hint = f"pass one vector, such as {_example(type_)}"
        raise _error(kernel, argument, f"takes {wanted}, not {described(value)}", hint)
    if len(value) != type_.width:
        hint = f"pass {_example(type_)}"
        raise _error(kernel, argument, f"takes {wanted}, not {len(value)} of them", hint)
    parts = b"".join(_pack_scalar(kernel, argument, type_.element, part) for part in value)
    return parts.ljust(type_.itemsize, b"\0")


def is_bytes(value: Any) -> bool:
    """Whether a value is the bytes of structs: bytes, a NumPy structured scalar, a ctypes structure."""
    return isinstance(value, bytes | bytearray | memoryview | np.void | ctypes.Structure)


def pack_struct(kernel: str, argument: Argument, value: Any) -> bytes:
    """The bytes of a struct, or of several for a pointer parameter. Raises LaunchError."""
    if isinstance(value, np.ndarray | np.generic):
        data = value.tobytes()
    elif is_bytes(value):
        data = bytes(value)
    else:
        raise _error(
            kernel,
            argument,
            f"takes the bytes of a `{argument.type_text}`, not {described(value)}",
            "pass bytes (struct.pack), or an element of a NumPy structured array",
        )
    if argument.kind is ArgumentKind.BUFFER and argument.itemsize and data:
        fits = len(data) % argument.itemsize == 0
    else:
        fits = argument.itemsize in (None, len(data))
    if not fits:
        raise _error(
            kernel,
            argument,
            f"`{argument.type_text}` has {argument.itemsize} bytes, the value has {len(data)}",
            "mind the alignment of MSL's structs: a float3 takes 16 bytes",
        )
    return data


def integer_range(type_: DType) -> tuple[int, int]:
    """The least and the greatest value of an integer type."""
    if type_.is_signed:
        return -(1 << (type_.bits - 1)), (1 << (type_.bits - 1)) - 1
    return 0, (1 << type_.bits) - 1


def _float_of(number: int | float) -> float:
    """The nearest double; an integer beyond all doubles gives the greatest one, which no MSL type holds."""
    try:
        return float(number)
    except OverflowError:
        return 1.7976931348623157e308 if number > 0 else -1.7976931348623157e308


def _number(value: Any) -> bool | int | float | None:
    """The Python number that a Python or NumPy scalar is, or None."""
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, np.floating):
        return float(value)
    if isinstance(value, np.generic) and value.dtype.name == "bfloat16":
        return float(value)
    return None


def _wider_hint(type_: DType, number: int) -> str:
    if number < 0 and not type_.is_signed:
        return (
            f"declare the parameter `{'long' if type_.bits == 64 else 'int'}` if it can be negative"
        )
    for name in ("int", "uint", "long", "ulong"):
        low, high = integer_range(DType.from_metal_name(name))
        if low <= number <= high:
            return f"declare the parameter `{name}`"
    return "no MSL integer is as wide"


def _scalar_hint(type_: DType, value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"pass one element, or declare the parameter `device const {type_.metal_name}*`"
    if isinstance(value, complex | np.complexfloating):
        return "pass real and imaginary part, or a float2"
    return f"pass {'True or False' if type_ is DType.BOOL else 'a number'}"


def _example(type_: Vector) -> str:
    numbers = ("1", "2", "3", "4") if not type_.element.is_float else ("1.0", "2.0", "3.0", "4.0")
    return f"({', '.join(numbers[: type_.width])})"


def described(value: Any) -> str:
    """What an error calls a value: short, and never its whole content."""
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape} and dtype {value.dtype}"
    if value is None:
        return "None"
    if isinstance(value, int) and abs(value) > 10**40:
        return "an int of more than 40 digits"
    text = repr(value)
    name = type(value).__name__
    article = "an" if name[0] in "aeiouAEIOU" and not name.startswith("ui") else "a"
    if len(text) > 40 or "\n" in text or text.startswith("<"):
        return f"{article} {name}"
    return f"{text} ({article} {name})"


def _error(kernel: str, argument: Argument, message: str, hint: str | None) -> LaunchError:
    return LaunchError(message, kernel=kernel, parameter=argument.name, hint=hint)


def wanted_text(argument: Argument) -> str:
    """The parameter's type as its declaration reads."""
    return argument.type_text or (type_name(argument.type) if argument.type is not None else "?")
