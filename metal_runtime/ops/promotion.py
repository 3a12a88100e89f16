"""Operand dtypes in, their common dtype out: the one promotion table of docs/promotion.md."""

from __future__ import annotations

import enum
import functools
from collections.abc import Sequence

from metal_runtime.dtype import DType
from metal_runtime.errors import DTypeError


class Weak(enum.Enum):
    """A Python scalar: it takes the dtype of the arrays beside it, and has one of its own only alone."""

    BOOL = (DType.BOOL, "bool")
    INT = (DType.INT32, "int")
    LONG = (DType.INT64, "int")  # an int that int32 cannot hold
    ULONG = (DType.UINT64, "int")  # an int that int64 cannot hold
    FLOAT = (DType.FLOAT32, "float")

    alone: DType
    python_name: str

    def __init__(self, alone: DType, python_name: str) -> None:
        self.alone = alone
        self.python_name = python_name

    __hash__ = object.__hash__


OperandType = DType | Weak
"""What promotion knows of an operand: the dtype of an array or NumPy scalar, or a Python scalar's kind."""

_SIGNED = {8: DType.INT8, 16: DType.INT16, 32: DType.INT32, 64: DType.INT64}


def weak_type(value: bool | int | float) -> Weak:
    """The kind of a Python scalar. NumPy's float64 scalars are Python floats and count as such."""
    if isinstance(value, bool):
        return Weak.BOOL
    if isinstance(value, float):
        return Weak.FLOAT
    if -(2**31) <= value < 2**31:
        return Weak.INT
    if -(2**63) <= value < 2**63:
        return Weak.LONG
    if 0 <= value < 2**64:
        return Weak.ULONG
    raise DTypeError(
        f"the Python int {value} does not fit into any integer dtype",
        hint=f"write {float(value)!r} to compute in floating point",
    )


def promote_pair(a: DType, b: DType) -> DType:
    """The dtype that array ``a`` and array ``b`` meet in.

    NumPy's table, except that a result of float64 is float32 (Metal has no double) and that a
    signed integer with uint64 is an error (NumPy: float64). float16 with bfloat16 is float32.

    Raises:
        DTypeError: a signed integer with uint64.
    """
    if a is b:
        return a
    if a is DType.BOOL or b is DType.BOOL:
        return b if a is DType.BOOL else a
    if a.is_float and b.is_float:
        return DType.FLOAT32  # two different ones: the half formats have no common type but float
    if a.is_float or b.is_float:
        floating, integer = (a, b) if a.is_float else (b, a)
        # 8-bit integers are exact in float16 and bfloat16; wider ones need float32, as in NumPy.
        return floating if integer.bits == 8 else DType.FLOAT32
    if a.kind == b.kind:
        return a if a.bits > b.bits else b
    signed, unsigned = (a, b) if a.is_signed else (b, a)
    if signed.bits > unsigned.bits:
        return signed
    if unsigned.bits == 64:
        raise DTypeError(
            f"{dtype_name(a)} and {dtype_name(b)} have no common dtype: no integer holds both",
            hint="convert one of them with ops.cast(array, dtype)",
        )
    return _SIGNED[unsigned.bits * 2]


def promote(operands: Sequence[OperandType]) -> DType:
    """The common dtype of all operands, whatever their order.

    Integers meet first, then floating-point types, then both; Python scalars come last and matter
    only where they are of a higher kind (bool < int < float) than every array.

    Raises:
        DTypeError: a signed integer with uint64.
    """
    strong = [o for o in operands if isinstance(o, DType)]
    integers = [d for d in strong if not d.is_float]
    floats = [d for d in strong if d.is_float]
    common = _meet([d for d in (_meet(integers), _meet(floats)) if d is not None])
    weak = [o.alone for o in operands if isinstance(o, Weak)]
    if not weak or (common is not None and _rank(common) >= max(map(_rank, weak))):
        if common is None:
            raise ValueError("nothing to promote")
        return common
    highest = max(map(_rank, weak))
    return functools.reduce(promote_pair, [d for d in weak if _rank(d) == highest])


def _meet(dtypes: Sequence[DType]) -> DType | None:
    return functools.reduce(promote_pair, dtypes) if dtypes else None


def _rank(dtype: DType) -> int:
    return 2 if dtype.is_float else 0 if dtype is DType.BOOL else 1


def floating(dtype: DType) -> DType:
    """The dtype in which a function of real numbers is computed: float32 unless it is a float already."""
    return dtype if dtype.is_float else DType.FLOAT32


def can_store(value: DType, out: DType) -> bool:
    """Whether a result of dtype ``value`` may be written to ``out=`` of dtype ``out``.

    NumPy's "same_kind" rule: never from float to integer, from signed to unsigned, or from a number
    to bool.
    """
    if value is out or value is DType.BOOL:
        return True
    if out is DType.BOOL:
        return False
    if value.is_float or out.is_float:
        return out.is_float
    return out.is_signed or not value.is_signed


def dtype_name(dtype: OperandType) -> str:
    """The name that messages, kernels and the documentation use: NumPy's, e.g. ``float32``."""
    return f"Python {dtype.python_name}" if isinstance(dtype, Weak) else dtype.name.lower()
