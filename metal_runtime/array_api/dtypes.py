"""The standard's dtypes and its questions about them: names and dtypes in, dtypes and limits out."""

from __future__ import annotations

import builtins
from dataclasses import dataclass
from typing import Any

from metal_runtime.buffer import MetalBuffer
from metal_runtime.dtype import DType
from metal_runtime.errors import DTypeError
from metal_runtime.ops.promotion import OperandType, dtype_name, promote
from metal_runtime.ops.scalars import read_scalar

bool = DType.BOOL
int8 = DType.INT8
int16 = DType.INT16
int32 = DType.INT32
int64 = DType.INT64
uint8 = DType.UINT8
uint16 = DType.UINT16
uint32 = DType.UINT32
uint64 = DType.UINT64
float16 = DType.FLOAT16
bfloat16 = DType.BFLOAT16
float32 = DType.FLOAT32

DEFAULT_FLOAT = DType.FLOAT32
DEFAULT_INTEGER = DType.INT64
"""What sums and places are; the standard wants it of Python's integers too."""

_SIGNED = (int8, int16, int32, int64)
_UNSIGNED = (uint8, uint16, uint32, uint64)
_FLOATS = (float16, bfloat16, float32)

KINDS: dict[str, tuple[DType, ...]] = {
    "bool": (bool,),
    "signed integer": _SIGNED,
    "unsigned integer": _UNSIGNED,
    "integral": _SIGNED + _UNSIGNED,
    "real floating": _FLOATS,
    "complex floating": (),
    "numeric": _SIGNED + _UNSIGNED + _FLOATS,
}
"""The standard's kinds; there are no complex numbers."""

STANDARD: dict[str, DType] = {
    dtype_name(dtype): dtype for dtype in (bool, *_SIGNED, *_UNSIGNED, float32)
}
"""The dtypes of the standard that Metal has: float64, complex64 and complex128 are not among them."""


@dataclass(frozen=True, slots=True)
class FloatLimits:
    """What ``finfo`` gives."""

    dtype: DType
    bits: int
    eps: float
    max: float
    min: float
    smallest_normal: float


@dataclass(frozen=True, slots=True)
class IntegerLimits:
    """What ``iinfo`` gives."""

    dtype: DType
    bits: int
    max: int
    min: int


_FIELDS = {float16: (10, 5), bfloat16: (7, 8), float32: (23, 8)}
"""Bits of the fraction and of the exponent (IEEE 754; bfloat16 is the upper half of float32)."""


def finfo(type: DType | MetalBuffer, /) -> FloatLimits:
    """The limits of a floating-point dtype, or of an array's. Raises DTypeError."""
    dtype = _dtype_of(type)
    if not dtype.is_float:
        raise DTypeError(f"finfo: {dtype_name(dtype)} is no floating-point dtype", hint="use iinfo")
    fraction, exponent = _FIELDS[dtype]
    bias = 2 ** (exponent - 1) - 1
    largest = (2 - 2.0**-fraction) * 2.0**bias
    return FloatLimits(dtype, dtype.bits, 2.0**-fraction, largest, -largest, 2.0 ** (1 - bias))


def iinfo(type: DType | MetalBuffer, /) -> IntegerLimits:
    """The limits of an integer dtype, or of an array's. Raises DTypeError."""
    dtype = _dtype_of(type)
    if not dtype.is_integer:
        raise DTypeError(f"iinfo: {dtype_name(dtype)} is no integer dtype", hint="use finfo")
    least = -(1 << (dtype.bits - 1)) if dtype.is_signed else 0
    return IntegerLimits(dtype, dtype.bits, least + (1 << dtype.bits) - 1, least)


def isdtype(dtype: DType, kind: DType | str | tuple[DType | str, ...]) -> builtins.bool:
    """Whether a dtype is of a kind, or is another dtype; of several, one is enough. Raises DTypeError."""
    if isinstance(kind, tuple):
        return any(isdtype(dtype, one) for one in kind)
    if isinstance(kind, str):
        if kind not in KINDS:
            raise DTypeError(
                f"isdtype: there is no kind {kind!r}", hint=f"use one of: {', '.join(KINDS)}"
            )
        return dtype in KINDS[kind]
    return dtype is _dtype_of(kind)


def result_type(*arrays_and_dtypes: Any) -> DType:
    """The dtype in which arrays, dtypes and Python numbers meet (docs/promotion.md). Raises DTypeError."""
    if not arrays_and_dtypes:
        raise DTypeError("result_type: nothing is given", hint="give arrays, dtypes or numbers")
    return promote([_operand_type(value) for value in arrays_and_dtypes])


def can_cast(from_: DType | MetalBuffer, to: DType, /) -> builtins.bool:
    """Whether promotion leads from one dtype to the other: the two meet in ``to``."""
    try:
        return promote([_dtype_of(from_), _dtype_of(to)]) is to
    except DTypeError:
        return False


def astype(
    x: MetalBuffer, dtype: DType, /, *, copy: builtins.bool = True, device: Any = None
) -> MetalBuffer:
    """The elements in another dtype, as ``ops.cast`` converts them; ``x`` itself where nothing changes and no copy is asked for."""
    moved = x if device is None else x.to(device)
    target = DType.from_numpy(dtype)
    if moved.dtype is target and (moved is not x or not copy):
        return moved
    return moved.astype(target)


def _dtype_of(value: Any) -> DType:
    return value.dtype if isinstance(value, MetalBuffer) else DType.from_numpy(value)


def _operand_type(value: Any) -> OperandType:
    scalar = read_scalar(value)
    return _dtype_of(value) if scalar is None else scalar[0]
