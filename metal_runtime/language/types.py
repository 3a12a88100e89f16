# ruff: noqa: N801 -- the classes bear the names of MSL's types
"""The scalar and vector types of MSL as names to convert, construct and annotate with in a kernel.

``metal.uint(x)`` converts, ``metal.float4(p.xyz, 1.0)`` constructs, ``v: metal.float4`` declares.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

from metal_runtime.dtype import DType
from metal_runtime.language.outside import only_in_a_kernel
from metal_runtime.msl_types import ValueType
from metal_runtime.msl_types import Vector as VectorType


class Value:
    """A value of an MSL type. Such values exist in kernels only."""

    msl_type: ClassVar[ValueType]

    def __init_subclass__(cls, *, msl_type: ValueType | None = None) -> None:
        if msl_type is not None:
            cls.msl_type = msl_type

    def __init__(self, *components: Any) -> None:
        only_in_a_kernel(f"{type(self).__name__}(...)")

    # fmt: off
    if TYPE_CHECKING:  # the operators of kernels, for editors and type checkers
        def __lt__(self, other: Any) -> Any: ...
        def __le__(self, other: Any) -> Any: ...
        def __gt__(self, other: Any) -> Any: ...
        def __ge__(self, other: Any) -> Any: ...
    # fmt: on


class Scalar(Value):
    """A scalar; also an index."""

    # fmt: off
    if TYPE_CHECKING:  # the result's type depends on both operands
        def __index__(self) -> Any: ...
        def __add__(self, other: Any) -> Any: ...
        def __radd__(self, other: Any) -> Any: ...
        def __sub__(self, other: Any) -> Any: ...
        def __rsub__(self, other: Any) -> Any: ...
        def __mul__(self, other: Any) -> Any: ...
        def __rmul__(self, other: Any) -> Any: ...
        def __truediv__(self, other: Any) -> Any: ...
        def __rtruediv__(self, other: Any) -> Any: ...
        def __floordiv__(self, other: Any) -> Any: ...
        def __rfloordiv__(self, other: Any) -> Any: ...
        def __mod__(self, other: Any) -> Any: ...
        def __rmod__(self, other: Any) -> Any: ...
        def __pow__(self, other: Any) -> Any: ...
        def __rpow__(self, other: Any) -> Any: ...
        def __and__(self, other: Any) -> Any: ...
        def __rand__(self, other: Any) -> Any: ...
        def __or__(self, other: Any) -> Any: ...
        def __ror__(self, other: Any) -> Any: ...
        def __xor__(self, other: Any) -> Any: ...
        def __rxor__(self, other: Any) -> Any: ...
        def __lshift__(self, other: Any) -> Any: ...
        def __rlshift__(self, other: Any) -> Any: ...
        def __rshift__(self, other: Any) -> Any: ...
        def __rrshift__(self, other: Any) -> Any: ...
        def __neg__(self) -> Any: ...
        def __pos__(self) -> Any: ...
        def __invert__(self) -> Any: ...
    # fmt: on


class Vector(Value):
    """A vector: components by name (``v.x``, ``v.zyx``, ``v.rgb``) and by index (``v[i]``)."""

    # fmt: off
    if TYPE_CHECKING:
        def __getitem__(self, index: Any) -> Any: ...
        def __setitem__(self, index: Any, value: Any) -> None: ...
        def __getattr__(self, components: str) -> Any: ...
        def __setattr__(self, components: str, value: Any) -> None: ...
        def __iter__(self) -> Any: ...
        def __len__(self) -> Any: ...
        def __add__(self, other: Any) -> Self: ...
        def __radd__(self, other: Any) -> Self: ...
        def __sub__(self, other: Any) -> Self: ...
        def __rsub__(self, other: Any) -> Self: ...
        def __mul__(self, other: Any) -> Self: ...
        def __rmul__(self, other: Any) -> Self: ...
        def __truediv__(self, other: Any) -> Self: ...
        def __rtruediv__(self, other: Any) -> Self: ...
        def __floordiv__(self, other: Any) -> Self: ...
        def __rfloordiv__(self, other: Any) -> Self: ...
        def __mod__(self, other: Any) -> Self: ...
        def __rmod__(self, other: Any) -> Self: ...
        def __pow__(self, other: Any) -> Self: ...
        def __rpow__(self, other: Any) -> Self: ...
        def __and__(self, other: Any) -> Self: ...
        def __rand__(self, other: Any) -> Self: ...
        def __or__(self, other: Any) -> Self: ...
        def __ror__(self, other: Any) -> Self: ...
        def __xor__(self, other: Any) -> Self: ...
        def __rxor__(self, other: Any) -> Self: ...
        def __lshift__(self, other: Any) -> Self: ...
        def __rlshift__(self, other: Any) -> Self: ...
        def __rshift__(self, other: Any) -> Self: ...
        def __rrshift__(self, other: Any) -> Self: ...
        def __neg__(self) -> Self: ...
        def __pos__(self) -> Self: ...
        def __invert__(self) -> Self: ...
    # fmt: on


class bool(Scalar, msl_type=DType.BOOL):
    """MSL's ``bool``: true or false."""


class bool2(Vector, msl_type=VectorType(DType.BOOL, 2)):
    """A vector of 2 ``bool``."""


class bool3(Vector, msl_type=VectorType(DType.BOOL, 3)):
    """A vector of 3 ``bool``."""


class bool4(Vector, msl_type=VectorType(DType.BOOL, 4)):
    """A vector of 4 ``bool``."""


class char(Scalar, msl_type=DType.INT8):
    """MSL's ``char``: 8-bit signed."""


class char2(Vector, msl_type=VectorType(DType.INT8, 2)):
    """A vector of 2 ``char``."""


class char3(Vector, msl_type=VectorType(DType.INT8, 3)):
    """A vector of 3 ``char``."""


class char4(Vector, msl_type=VectorType(DType.INT8, 4)):
    """A vector of 4 ``char``."""


class uchar(Scalar, msl_type=DType.UINT8):
    """MSL's ``uchar``: 8-bit unsigned."""


class uchar2(Vector, msl_type=VectorType(DType.UINT8, 2)):
    """A vector of 2 ``uchar``."""


class uchar3(Vector, msl_type=VectorType(DType.UINT8, 3)):
    """A vector of 3 ``uchar``."""


class uchar4(Vector, msl_type=VectorType(DType.UINT8, 4)):
    """A vector of 4 ``uchar``."""


class short(Scalar, msl_type=DType.INT16):
    """MSL's ``short``: 16-bit signed."""


class short2(Vector, msl_type=VectorType(DType.INT16, 2)):
    """A vector of 2 ``short``."""


class short3(Vector, msl_type=VectorType(DType.INT16, 3)):
    """A vector of 3 ``short``."""


class short4(Vector, msl_type=VectorType(DType.INT16, 4)):
    """A vector of 4 ``short``."""


class ushort(Scalar, msl_type=DType.UINT16):
    """MSL's ``ushort``: 16-bit unsigned."""


class ushort2(Vector, msl_type=VectorType(DType.UINT16, 2)):
    """A vector of 2 ``ushort``."""


class ushort3(Vector, msl_type=VectorType(DType.UINT16, 3)):
    """A vector of 3 ``ushort``."""


class ushort4(Vector, msl_type=VectorType(DType.UINT16, 4)):
    """A vector of 4 ``ushort``."""


class int(Scalar, msl_type=DType.INT32):
    """MSL's ``int``: 32-bit signed."""


class int2(Vector, msl_type=VectorType(DType.INT32, 2)):
    """A vector of 2 ``int``."""


class int3(Vector, msl_type=VectorType(DType.INT32, 3)):
    """A vector of 3 ``int``."""


class int4(Vector, msl_type=VectorType(DType.INT32, 4)):
    """A vector of 4 ``int``."""


class uint(Scalar, msl_type=DType.UINT32):
    """MSL's ``uint``: 32-bit unsigned."""


class uint2(Vector, msl_type=VectorType(DType.UINT32, 2)):
    """A vector of 2 ``uint``."""


class uint3(Vector, msl_type=VectorType(DType.UINT32, 3)):
    """A vector of 3 ``uint``."""


class uint4(Vector, msl_type=VectorType(DType.UINT32, 4)):
    """A vector of 4 ``uint``."""


class long(Scalar, msl_type=DType.INT64):
    """MSL's ``long``: 64-bit signed."""


class long2(Vector, msl_type=VectorType(DType.INT64, 2)):
    """A vector of 2 ``long``."""


class long3(Vector, msl_type=VectorType(DType.INT64, 3)):
    """A vector of 3 ``long``."""


class long4(Vector, msl_type=VectorType(DType.INT64, 4)):
    """A vector of 4 ``long``."""


class ulong(Scalar, msl_type=DType.UINT64):
    """MSL's ``ulong``: 64-bit unsigned."""


class ulong2(Vector, msl_type=VectorType(DType.UINT64, 2)):
    """A vector of 2 ``ulong``."""


class ulong3(Vector, msl_type=VectorType(DType.UINT64, 3)):
    """A vector of 3 ``ulong``."""


class ulong4(Vector, msl_type=VectorType(DType.UINT64, 4)):
    """A vector of 4 ``ulong``."""


class half(Scalar, msl_type=DType.FLOAT16):
    """MSL's ``half``: IEEE half precision."""


class half2(Vector, msl_type=VectorType(DType.FLOAT16, 2)):
    """A vector of 2 ``half``."""


class half3(Vector, msl_type=VectorType(DType.FLOAT16, 3)):
    """A vector of 3 ``half``."""


class half4(Vector, msl_type=VectorType(DType.FLOAT16, 4)):
    """A vector of 4 ``half``."""


class bfloat(Scalar, msl_type=DType.BFLOAT16):
    """MSL's ``bfloat``: brain floating point."""


class bfloat2(Vector, msl_type=VectorType(DType.BFLOAT16, 2)):
    """A vector of 2 ``bfloat``."""


class bfloat3(Vector, msl_type=VectorType(DType.BFLOAT16, 3)):
    """A vector of 3 ``bfloat``."""


class bfloat4(Vector, msl_type=VectorType(DType.BFLOAT16, 4)):
    """A vector of 4 ``bfloat``."""


class float(Scalar, msl_type=DType.FLOAT32):
    """MSL's ``float``: IEEE single precision."""


class float2(Vector, msl_type=VectorType(DType.FLOAT32, 2)):
    """A vector of 2 ``float``."""


class float3(Vector, msl_type=VectorType(DType.FLOAT32, 3)):
    """A vector of 3 ``float``."""


class float4(Vector, msl_type=VectorType(DType.FLOAT32, 4)):
    """A vector of 4 ``float``."""
