"""MSL types as values: scalars, vectors, pointers and void, with their text form both ways."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from metal_runtime.dtype import DType


@dataclass(frozen=True, slots=True)
class Vector:
    """A vector of 2, 3 or 4 scalars. A vector of 3 takes the room of 4, as in MSL (section 2.2)."""

    element: DType
    width: int

    def __str__(self) -> str:
        return f"{self.element.metal_name}{self.width}"

    @property
    def itemsize(self) -> int:
        """Bytes from one buffer element to the next: 4 components' worth when the width is 3."""
        return self.element.itemsize * (4 if self.width == 3 else self.width)


@dataclass(frozen=True, slots=True)
class Matrix:
    """A ``simdgroup_matrix`` of 8 rows and 8 columns, spread over the threads of a simdgroup (section 2.4)."""

    element: DType

    def __str__(self) -> str:
        return f"simdgroup_{self.element.metal_name}8x8"

    @property
    def itemsize(self) -> int:
        """Bytes of all 64 elements."""
        return 64 * self.element.itemsize


ValueType = DType | Vector
"""What an expression, a variable or a buffer element can be."""


class AddressSpace(enum.Enum):
    """Where a pointer points (MSL section 4)."""

    DEVICE = "device"
    CONSTANT = "constant"
    THREADGROUP = "threadgroup"
    THREAD = "thread"


@dataclass(frozen=True, slots=True)
class Pointer:
    """A pointer to elements in an address space; ``const`` means that nothing is written through it."""

    space: AddressSpace
    element: ValueType
    const: bool = False
    atomic: bool = False
    """Whether it points to ``atomic_uint`` and the like, which only atomic functions touch."""

    inner: tuple[int, ...] = ()
    """The extents behind the first, where it points to rows of an array: (17,) for ``float[16][17]``."""

    def __str__(self) -> str:
        return self.declare("")

    def declare(self, name: str) -> str:
        """The declaration of a parameter: ``device float* x``, ``threadgroup float (*tile)[17]``."""
        # `constant` says const already, so it is not repeated.
        const = " const" if self.const and self.space is not AddressSpace.CONSTANT else ""
        target = f"{self.space.value}{const} {self.element_text}"
        if self.inner:
            return f"{target} (*{name}){''.join(f'[{n}]' for n in self.inner)}"
        return f"{target}* {name}".rstrip()

    @property
    def element_text(self) -> str:
        """The MSL type of an element: ``float4``, ``atomic_uint``."""
        return ("atomic_" if self.atomic else "") + type_name(self.element)


@dataclass(frozen=True, slots=True)
class Void:
    """The type of a function that returns nothing."""

    def __str__(self) -> str:
        return "void"


VOID = Void()

Type = DType | Vector | Matrix | Pointer | Void


def type_name(type_: Type) -> str:
    """The MSL spelling, e.g. ``float4`` or ``device const float*``."""
    return type_.metal_name if isinstance(type_, DType) else str(type_)


def element_of(type_: ValueType) -> DType:
    """The scalar type that a scalar or a vector consists of."""
    return type_.element if isinstance(type_, Vector) else type_


def width_of(type_: ValueType) -> int:
    """How many components: 1 for a scalar."""
    return type_.width if isinstance(type_, Vector) else 1


def with_element(type_: ValueType, element: DType) -> ValueType:
    """The type of the same width over another scalar."""
    return Vector(element, type_.width) if isinstance(type_, Vector) else element


def numpy_storage(type_: ValueType) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """The scalar NumPy dtype and the trailing shape of one buffer element: ``()``, ``(2,)`` or ``(4,)``.

    A vector of 3 is stored as 4 components, of which the last is padding.
    """
    if isinstance(type_, Vector):
        return type_.element.numpy_dtype, (4 if type_.width == 3 else type_.width,)
    return type_.numpy_dtype, ()


_ALIASES = {
    "int8_t": "char", "uint8_t": "uchar", "int16_t": "short", "uint16_t": "ushort",
    "int32_t": "int", "uint32_t": "uint", "int64_t": "long", "uint64_t": "ulong",
    "size_t": "ulong", "ptrdiff_t": "long", "signed char": "char", "unsigned char": "uchar",
    "unsigned short": "ushort", "unsigned int": "uint", "unsigned": "uint",
    "unsigned long": "ulong", "float32": "float", "float16": "half", "bfloat16": "bfloat",
    "int8": "char", "uint8": "uchar", "int16": "short", "uint16": "ushort",
    "int32": "int", "uint32": "uint", "int64": "long", "uint64": "ulong",
}  # fmt: skip
_VECTOR_NAME = re.compile(r"([a-z]+?)([234])")


def parse_value_type(text: str) -> ValueType | None:
    """The scalar or vector type that ``text`` names (C and NumPy aliases too), or None."""
    text = " ".join(text.split())
    name = _ALIASES.get(text, text)
    try:
        return DType.from_metal_name(name)
    except KeyError:
        match = _VECTOR_NAME.fullmatch(name)
        if match is None:
            return None
    try:
        return Vector(DType.from_metal_name(match[1]), int(match[2]))
    except KeyError:
        return None


ATOMIC_TYPES = (DType.INT32, DType.UINT32, DType.FLOAT32)
"""What the atomic functions of kernels written in Python work on."""

_ATOMIC_NAMES = {f"{a}{d.metal_name}{b}": d for d in ATOMIC_TYPES for a, b in (("atomic_", ""), ("atomic<", ">"))}  # fmt: skip


def parse_atomic_type(text: str) -> DType | None:
    """The type that ``atomic_uint`` or ``atomic<uint>`` holds, or None."""
    return _ATOMIC_NAMES.get(text)


def parse_type(text: str) -> Type | None:
    """The type that an MSL type text names: ``"device const float*"``, ``"constant uint&"``, ``"float4"``.

    A reference to a constant reads as the value itself, which is how a scalar parameter is passed.
    Returns None when the text is no type that a kernel written in Python can have.
    """
    text = " ".join(text.replace("*", " * ").replace("&", " & ").split())
    words = text.split()
    if words and words[-1] in ("*", "&"):
        return _parse_indirect(words[:-1], words[-1])
    if text == "void":
        return VOID
    return parse_value_type(text)


def _parse_indirect(words: list[str], sigil: str) -> Type | None:
    spaces = [w for w in words if w in AddressSpace._value2member_map_]
    const = "const" in words
    name = " ".join(w for w in words if w not in spaces and w != "const")
    atomic = parse_atomic_type(name)
    element = atomic or parse_value_type(name)
    if element is None or len(spaces) != 1 or words.count("const") > 1:
        return None
    space = AddressSpace(spaces[0])
    if sigil == "&":
        return element if space is AddressSpace.CONSTANT and atomic is None else None
    return Pointer(space, element, const or space is AddressSpace.CONSTANT, atomic is not None)
