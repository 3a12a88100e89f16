"""What every generated kernel is made of: types of arguments, and the thread's place in the grid."""

from __future__ import annotations

from metal_runtime.dtype import DType
from metal_runtime.ir.nodes import Builtin, Constant, Expr, Swizzle
from metal_runtime.msl_types import AddressSpace, Pointer, Vector

UINT = DType.UINT32


def pointer(dtype: DType, *, const: bool = False) -> Pointer:
    """A pointer into device memory."""
    return Pointer(AddressSpace.DEVICE, dtype, const)


def uint(value: int) -> Constant:
    """An unsigned constant."""
    return Constant(value, UINT)


def position(axis: str) -> Expr:
    """The thread's place in the grid along ``x``, ``y`` or ``z``."""
    return Swizzle(Builtin("thread_position_in_grid", Vector(UINT, 3)), axis, UINT)
