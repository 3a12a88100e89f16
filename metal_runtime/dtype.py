"""The scalar element types: MSL name, size and NumPy type of each, interned."""

from __future__ import annotations

import enum
import functools
from typing import Any

import numpy as np

from metal_runtime.errors import DTypeError


class DType(enum.Enum):
    """A scalar type that a buffer element, a parameter or a local variable can have.

    There is no double: Metal has none (MSL specification, section 2.1).
    """

    BOOL = ("bool", "b", 1)
    INT8 = ("char", "i", 1)
    UINT8 = ("uchar", "u", 1)
    INT16 = ("short", "i", 2)
    UINT16 = ("ushort", "u", 2)
    INT32 = ("int", "i", 4)
    UINT32 = ("uint", "u", 4)
    INT64 = ("long", "i", 8)
    UINT64 = ("ulong", "u", 8)
    FLOAT16 = ("half", "f", 2)
    BFLOAT16 = ("bfloat", "f", 2)
    FLOAT32 = ("float", "f", 4)

    metal_name: str
    kind: str
    itemsize: int

    def __init__(self, metal_name: str, kind: str, itemsize: int) -> None:
        self.metal_name = metal_name
        self.kind = kind
        self.itemsize = itemsize

    __hash__ = object.__hash__  # members are singletons: identity is enough, and fast

    @property
    def size(self) -> int:
        """Bytes of one element (the original iris' name for ``itemsize``)."""
        return self.itemsize

    @property
    def bits(self) -> int:
        return self.itemsize * 8

    @property
    def is_float(self) -> bool:
        return self.kind == "f"

    @property
    def is_integer(self) -> bool:
        """True for signed and unsigned integers, not for bool."""
        return self.kind in "iu"

    @property
    def is_signed(self) -> bool:
        return self.kind in "if"

    @functools.cached_property
    def numpy_dtype(self) -> np.dtype[Any]:
        """The NumPy dtype with the same memory layout (ml_dtypes' for bfloat)."""
        if self is DType.BFLOAT16:
            import ml_dtypes  # loaded on demand: few programs use bfloat

            bfloat16: np.dtype[Any] = np.dtype(ml_dtypes.bfloat16)
            return bfloat16
        return np.dtype("?" if self is DType.BOOL else f"{self.kind}{self.itemsize}")

    def to_numpy(self) -> np.dtype[Any]:
        """The same as ``numpy_dtype`` (the original iris' spelling)."""
        return self.numpy_dtype

    @classmethod
    def from_numpy(cls, dtype: Any) -> DType:
        """The DType of a NumPy dtype, scalar type or name.

        Raises:
            DTypeError: Metal has no such type; the message names the one to use instead.
        """
        if isinstance(dtype, DType):
            return dtype
        key = np.dtype(dtype)
        found = _by_numpy_name().get(key.name) if key.isnative else None
        if found is None:
            raise DTypeError(f"dtype {key} has no Metal equivalent", hint=_numpy_hint(key))
        return found

    @classmethod
    def from_metal_name(cls, name: str) -> DType:
        """The DType of an MSL scalar type name such as ``"uint"``; KeyError if there is none."""
        return _BY_METAL_NAME[name]

    def __repr__(self) -> str:
        return f"DType.{self.name}"


_BY_METAL_NAME = {dtype.metal_name: dtype for dtype in DType}


@functools.cache
def _by_numpy_name() -> dict[str, DType]:
    names = {d.numpy_dtype.name: d for d in DType if d is not DType.BFLOAT16}
    return names | {"bfloat16": DType.BFLOAT16}


def _numpy_hint(dtype: np.dtype[Any]) -> str:
    if not dtype.isnative:
        return "convert it to the machine's byte order with array.astype(array.dtype.newbyteorder('='))"
    instead = {"float64": "float32", "float128": "float32", "longdouble": "float32"}.get(dtype.name)
    if instead is None:
        supported = ", ".join(sorted(_by_numpy_name()))
        return f"use one of {supported}"
    return f"Metal has no double; convert with array.astype(np.{instead})"
