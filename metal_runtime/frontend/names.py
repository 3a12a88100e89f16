# ruff: noqa: SIM905 -- lists of words read better as words
"""A user's name enters; an identifier that MSL accepts, and that nothing else bears, leaves."""

from __future__ import annotations

import re
from collections.abc import Iterable

from metal_runtime import language
from metal_runtime.dtype import DType
from metal_runtime.ir.operators import OPERATORS

_CPP_KEYWORDS = """
alignas alignof and and_eq asm auto bitand bitor bool break case catch char char16_t char32_t class
compl concept const const_cast consteval constexpr constinit continue co_await co_return co_yield
decltype default delete do double dynamic_cast else enum explicit export extern false float for
friend goto if inline int long mutable namespace new noexcept not not_eq nullptr operator or or_eq
private protected public register reinterpret_cast requires return short signed sizeof static
static_assert static_cast struct switch template this thread_local throw true try typedef typeid
typename union unsigned using virtual void volatile wchar_t while xor xor_eq
""".split()
_MSL_KEYWORDS = """
device constant threadgroup threadgroup_imageblock thread ray_data object_data kernel vertex
fragment visible stitchable mesh object intersection metal main std uniform atomic_int atomic_uint
atomic_bool atomic_float atomic sampler texture1d texture2d texture3d texturecube depth2d
size_t ptrdiff_t int8_t uint8_t int16_t uint16_t int32_t uint32_t int64_t uint64_t intptr_t
uintptr_t vec matrix packed_float2 packed_float3 packed_float4 array span imageblock as_type
simdgroup quadgroup simd_sum access coord address filter mem_flags memory_order pragma unroll
""".split()
_MACROS = """
NAN INFINITY HUGE_VALF HUGE_VALH HUGE_VALBF MAXFLOAT FLT_MAX FLT_MIN FLT_EPSILON HALF_MAX HALF_MIN
INT_MAX INT_MIN UINT_MAX LONG_MAX LONG_MIN ULONG_MAX CHAR_MAX CHAR_MIN SHRT_MAX SHRT_MIN UCHAR_MAX
USHRT_MAX CHAR_BIT NULL M_PI_F M_E_F M_PI_H M_E_H M_SQRT2_F TRUE FALSE EOF assert errno
""".split()
_LIBRARY = """
max3 min3 median3 median sincos frexp ldexp modf ilogb nextafter powr rint fdim select divide
precise fast cospi sinpi tanpi acospi asinpi atanpi atan2pi absdiff addsat subsat hadd rhadd madsat
mad24 mul24 madhi rotate extract_bits insert_bits isnormal isordered isunordered dot length_squared
distance_squared reflect refract faceforward transpose determinant pack_float_to_unorm4x8
is_null_texture simd_min simd_max simd_shuffle threadgroup_barrier floor_div floor_mod int_pow
sign_of swap move forward tuple numeric_limits memcpy memset printf abort exit
""".split()

_TYPES = [
    prefix + width for prefix in (d.metal_name for d in DType) for width in ("", "2", "3", "4")
]
_MATRICES = [
    f"{element}{columns}x{rows}"
    for element in ("float", "half")
    for columns in (2, 3, 4)
    for rows in (2, 3, 4)
]

KEYWORDS = frozenset([*_CPP_KEYWORDS, *_MSL_KEYWORDS, *_MACROS, *_TYPES, *_MATRICES])
"""Words that can name nothing in MSL text."""

RESERVED = KEYWORDS | frozenset([*_LIBRARY, *OPERATORS, *language.__all__])
"""Those, and names of metal_stdlib that a variable would hide."""


class Namer:
    """Gives out identifiers, each once."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(taken)

    def fresh(self, wanted: str) -> str:
        """``wanted`` itself if it is free, else with ``_``, ``_2``, ``_3`` … at its end."""
        name = spelled(wanted)
        if name in RESERVED:
            name += "_"
        stem, number = name.rstrip("_") or "v", 2
        while name in self._taken or name in RESERVED:
            name = f"{stem}_{number}"
            number += 1
        self._taken.add(name)
        return name


def spelled(name: str) -> str:
    """``name`` with letters that MSL lacks, and with what C++ reserves, written otherwise."""
    ascii_name = "".join(c if c.isascii() else f"u{ord(c):x}" for c in name)
    single = re.sub(r"__+", "_", ascii_name)
    if re.match(r"_[A-Z0-9]", single) or single == "_":
        return "v" + single
    return single
