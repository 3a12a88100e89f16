"""Two arrays in, their matrix product out: NumPy's ``matmul``, computed and accumulated on the device.

Floats are accumulated in float32 and rounded once: the error is at most
``depth * 2**-24 * (abs(a) @ abs(b))``, and half a unit in the last place of a result in float16 or
bfloat16. Integers wrap, as in NumPy; of bool the product is "any of all".
"""

from __future__ import annotations

from typing import Any

import numpy as np

from metal_runtime.buffer import MetalBuffer
from metal_runtime.dtype import DType
from metal_runtime.errors import DTypeError, ShapeError
from metal_runtime.ops.layout import Shape
from metal_runtime.ops.operands import as_buffer, check_out, out_dtype
from metal_runtime.ops.product_run import Operand, operand_of, run_matmul
from metal_runtime.ops.product_shapes import NAME, sizes_of
from metal_runtime.ops.promotion import promote_pair
from metal_runtime.runtime.session import Session
from metal_runtime.runtime.sessions import session_of

Array = MetalBuffer | np.ndarray[Any, Any]


def matmul(a: Array, b: Array, out: MetalBuffer | None = None) -> MetalBuffer:
    """The product of matrices, of vectors with one axis, or of stacks of matrices, as in NumPy.

    The last two axes are multiplied; those before them broadcast. The dtype is the common one of
    docs/promotion.md. Returns a new buffer, or ``out`` (of the result's shape) with its elements overwritten.

    Raises:
        ShapeError: the shapes do not fit each other, an operand is a number, or ``out`` has another shape.
        DTypeError: the dtypes have no common one, or ``out`` cannot hold the result's.
    """
    return matmul_on(session_of((a, b, out)), a, b, out)


def matmul_on(session: Session, a: Any, b: Any, out: MetalBuffer | None = None) -> MetalBuffer:
    """``matmul`` on one session. Raises DeviceError, too, for a buffer of another."""
    left, right = (_array(session, value)._in_order() for value in (a, b))
    result = _common(left.dtype, right.dtype)
    x, y = _matrices(left, right)
    shape = _squeezed(sizes_of(x.shape, y.shape).shape, left.ndim, right.ndim)
    if out is None:
        target = session.empty(shape, result)
    else:
        check_out(session, NAME, out)
        out_dtype(NAME, result, out.dtype)
        if out.shape != shape:
            raise ShapeError(
                f"ops.{NAME}: the result has shape {shape}, but out= has {out.shape}",
                hint=f"give out= the shape {shape}, or leave it away",
            )
        # An operand is read while the result is written.
        shared = not out._layout().is_contiguous or any(
            out._bound()[0] is o.memory[0] for o in (x, y)
        )
        target = session.empty(shape, out.dtype) if shared else out
    run_matmul(session, x, y, target, result)
    if out is None or target is out:
        return target
    return session.graph.elementwise("cast", (target,), out)


def _array(session: Session, value: Any) -> MetalBuffer:
    if isinstance(value, bool | int | float | np.generic) or getattr(value, "shape", None) == ():
        raise ShapeError(
            f"ops.{NAME} multiplies arrays of one axis or more, not a number",
            hint="use ops.mul, or `*`, to multiply every element with a number",
        )
    return as_buffer(session, NAME, value)


def _common(a: DType, b: DType) -> DType:
    try:
        return promote_pair(a, b)
    except DTypeError as error:
        raise DTypeError(f"ops.{NAME}: {error.message}", hint=error.hint) from None


def _matrices(left: MetalBuffer, right: MetalBuffer) -> tuple[Operand, Operand]:
    """The operands as matrices: a vector on the left is a row, one on the right a column."""
    a, b = operand_of(left), operand_of(right)
    if left.ndim == right.ndim == 1 and left.shape != right.shape:
        raise ShapeError(
            f"ops.{NAME}: shapes {left.shape} and {right.shape} do not multiply",
            hint="two vectors must be of one length",
        )
    if left.ndim == 1:
        a = Operand(a.memory, a.dtype, (1, *a.shape), (0, *a.strides))
    if right.ndim == 1:
        b = Operand(b.memory, b.dtype, (*b.shape, 1), (*b.strides, 0))
    return a, b


def _squeezed(shape: Shape, left: int, right: int) -> Shape:
    """The shape without the axes that vectors were given."""
    kept = list(shape)
    if right == 1:
        del kept[-1]
    if left == 1:
        del kept[-1 if right == 1 else -2]
    return tuple(kept)
