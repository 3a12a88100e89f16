"""Scalar operands: what promotion sees of one, and the bytes that a kernel gets of it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from metal_runtime.dtype import DType
from metal_runtime.errors import DTypeError
from metal_runtime.ops.promotion import OperandType, dtype_name, weak_type
from metal_runtime.runtime.value_arguments import fast_pack

Scalar = bool | int | float
"""A Python number."""

_PACKERS = {dtype: fast_pack(dtype) for dtype in DType}


def read_scalar(value: Any) -> tuple[OperandType, Scalar] | None:
    """What promotion sees of a scalar operand, and its Python value; None when it is no scalar.

    NumPy's scalars and arrays of no axes have their own dtype, except float64, which counts as a
    Python float, for Metal has no double.

    Raises:
        DTypeError: a NumPy scalar of a dtype that Metal has not, or an int beyond every integer dtype.
    """
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0):
        if value.dtype == np.float64:
            return weak_type(float(value)), float(value)
        dtype = DType.from_numpy(value.dtype)
        return dtype, float(value) if dtype.is_float else value.item()
    if isinstance(value, bool | int | float):
        return weak_type(value), value
    return None


packed_scalars: dict[tuple[Scalar, DType], bytes] = {}
"""The bytes of scalars other than 0 that were packed, by value and dtype."""

_PACKED_KEPT = 1024


def pack_scalar(name: str, value: Scalar, dtype: DType) -> bytes:
    """The bytes of a scalar as a value parameter of type ``dtype``; to bool it is ``value != 0``.

    Raises:
        DTypeError: the dtype, which the arrays beside it chose, does not hold the value.
    """
    if value == 0:  # 0.0 and -0.0 are one key
        return _pack(name, value, dtype)
    found = packed_scalars.get((value, dtype))
    if found is None:
        if len(packed_scalars) >= _PACKED_KEPT:
            packed_scalars.clear()
        found = packed_scalars[value, dtype] = _pack(name, value, dtype)
    return found


def _pack(name: str, value: Scalar, dtype: DType) -> bytes:
    typed = value != 0 if dtype is DType.BOOL else float(value) if dtype.is_float else value
    packed = _pack_bfloat(float(typed)) if dtype is DType.BFLOAT16 else _PACKERS[dtype](typed)
    if packed is not None:
        return packed
    hint = "convert the array to a wider dtype first, with ops.cast(array, dtype)"
    if dtype.is_float:
        hint = "write float('inf') where an infinity is meant, or ops.cast the array to float32"
    raise DTypeError(
        f"ops.{name}: the scalar {value} does not fit into {dtype_name(dtype)}", hint=hint
    )


def _pack_bfloat(value: float) -> bytes | None:
    with np.errstate(all="ignore"):
        packed = np.asarray(value).astype(DType.BFLOAT16.numpy_dtype)
    return None if math.isfinite(value) and not np.isfinite(packed) else packed.tobytes()
