"""The arguments of a call -> the types of parameters for which none is declared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from metal_runtime.buffer import MetalBuffer
from metal_runtime.dtype import DType
from metal_runtime.errors import DTypeError, LaunchError
from metal_runtime.msl_types import AddressSpace, Pointer, ValueType, Vector
from metal_runtime.runtime.value_arguments import described

TypeKey = tuple[Any, ...]
"""What decides the inferred types of a call: dtypes and Python classes, one entry a parameter."""

_NUMBERS = frozenset({bool, int, float})


def type_key(args: Sequence[Any]) -> TypeKey:
    """Equal for calls whose arguments have the same types."""
    return tuple(  # of a list: measurably faster than of a generator
        [
            a._dtype
            if a.__class__ is MetalBuffer
            else a.__class__
            if a.__class__ in _NUMBERS
            else _key(a)
            for a in args
        ]
    )


def _key(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return np.ndarray, value.dtype
    if isinstance(value, tuple | list):
        return tuple, len(value), *(part.__class__ for part in value)
    return value.__class__


def argument_type(kernel: str, parameter: str, value: Any) -> Pointer | ValueType:
    """The type that a parameter without a declared one has for this argument.

    Buffers and arrays are pointers into device memory; int is ``int``, float is ``float``, a NumPy scalar
    has its own type, a tuple of 2 to 4 numbers is a vector.
    """
    if isinstance(value, MetalBuffer):
        return Pointer(AddressSpace.DEVICE, value.dtype)
    try:
        if isinstance(value, np.ndarray):
            return Pointer(AddressSpace.DEVICE, DType.from_numpy(value.dtype))
        if isinstance(value, tuple | list) and 2 <= len(value) <= 4:
            element = DType.FLOAT32 if any(isinstance(v, float) for v in value) else DType.INT32
            return Vector(element, len(value))
        scalar = _scalar_type(value)
    except DTypeError as error:
        raise LaunchError(
            error.message, kernel=kernel, parameter=parameter, hint=error.hint
        ) from None
    if scalar is None:
        raise LaunchError(
            f"no Metal type can be inferred from {described(value)}",
            kernel=kernel,
            parameter=parameter,
            hint='pass a buffer, an array or a number, or declare it: param_types={"'
            + parameter
            + '": "device const float*"}',
        )
    return scalar


def _scalar_type(value: Any) -> DType | None:
    if isinstance(value, bool):
        return DType.BOOL
    if isinstance(value, int):
        return DType.INT32
    if isinstance(value, float):  # np.float64 is one too
        return DType.FLOAT32
    return DType.from_numpy(value.dtype) if isinstance(value, np.generic) else None
