"""An array in, its elements in another dtype out."""

from __future__ import annotations

from typing import Any

from metal_runtime.buffer import MetalBuffer
from metal_runtime.dtype import DType
from metal_runtime.errors import DTypeError
from metal_runtime.ops.functions import Operand
from metal_runtime.ops.promotion import dtype_name
from metal_runtime.runtime.sessions import session_of


def cast(a: Operand, dtype: Any, out: MetalBuffer | None = None) -> MetalBuffer:
    """A new buffer (or ``out``) of ``dtype``: a DType, a NumPy dtype, or a name such as ``"float16"``.

    Floats to integers truncate toward 0; what is out of range becomes the nearest value, and a NaN 0.
    Between integers the low bits are kept. To bool it is ``a != 0``.

    Raises:
        DTypeError: Metal has no such dtype, or ``out`` has another one.
        ShapeError: ``out`` has another shape.
    """
    session = session_of((a, out))
    target = DType.from_numpy(dtype)
    if isinstance(out, MetalBuffer) and out.dtype is not target:
        raise DTypeError(
            f"ops.cast: out= has dtype {dtype_name(out.dtype)}, not {dtype_name(target)}",
            hint="give both the same dtype",
        )
    return session.graph.elementwise("cast", (a,), out, target)
