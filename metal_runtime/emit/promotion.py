"""What C++ converts by itself: types in, whether a conversion is made, or need not be written, out."""

from __future__ import annotations

from metal_runtime.dtype import DType
from metal_runtime.msl_types import ValueType


def is_narrow(type_: object) -> bool:
    """Whether C++ computes with int instead of this type."""
    return isinstance(type_, DType) and not type_.is_float and type_.bits < 32


def narrows(source: ValueType, target: ValueType) -> bool:
    """Whether an integer conversion keeps only low bits."""
    if not isinstance(source, DType) or not isinstance(target, DType):
        return False
    return source.is_integer and target.is_integer and target.bits <= source.bits


def widens(source: object, target: object) -> bool:
    """Whether an integer conversion keeps every value."""
    if not isinstance(source, DType) or not isinstance(target, DType):
        return False
    if not (source.is_integer and target.is_integer):
        return False
    if source.is_signed == target.is_signed:
        return source.bits <= target.bits
    return target.is_signed and source.bits < target.bits


def converts_silently(source: ValueType, target: ValueType) -> bool:
    """Whether an initialisation needs no written conversion, in C++ and in a reader's eyes."""
    if not isinstance(source, DType) or not isinstance(target, DType):
        return False
    if DType.BOOL in (source, target) or DType.BFLOAT16 in (source, target):
        return False
    if target.is_float:
        return source.is_integer or (source is DType.FLOAT16 and target is DType.FLOAT32)
    return source.is_integer and source.bits <= target.bits
