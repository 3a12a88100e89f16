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
    if out is None and a.__class__ is b.__class__ is MetalBuffer:
        known = a._host.graph.quick_product(a, b)
        if known is not None:
            return known
    session = session_of((a, b, out))
    left, right = (_array(session, value) for value in (a, b))
    result = _common(left.dtype, right.dtype)
    if left.ndim == right.ndim == 1 and left.shape != right.shape:
        raise ShapeError(
            f"ops.{NAME}: shapes {left.shape} and {right.shape} do not multiply",
            hint="two vectors must be of one length",
        )
    # As matrices: a vector on the left is a row, one on the right a column.
    x = left.expand_dims(0) if left.ndim == 1 else left
    y = right.expand_dims(1) if right.ndim == 1 else right
    shape = _squeezed(sizes_of(x.shape, y.shape).shape, left.ndim, right.ndim)
    if out is not None:
        _check_out(session, out, shape, result)
        if result.is_float:
            result = out.dtype  # rounded once, to what it is stored as
    product = session.graph.product(x, y, result)
    if product.shape != shape:
        product = product.reshape(shape)
    if out is None:
        return product
    return session.graph.elementwise("cast", (product,), out)


def _check_out(session: Session, out: Any, shape: Shape, result: DType) -> None:
    check_out(session, NAME, out)
    out_dtype(NAME, result, out.dtype)
    if out.shape != shape:
        raise ShapeError(
            f"ops.{NAME}: the result has shape {shape}, but out= has {out.shape}",
            hint=f"give out= the shape {shape}, or leave it away",
        )


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


def _squeezed(shape: Shape, left: int, right: int) -> Shape:
    """The shape without the axes that vectors were given."""
    kept = list(shape)
    if right == 1:
        del kept[-1]
    if left == 1:
        del kept[-1 if right == 1 else -2]
    return tuple(kept)
