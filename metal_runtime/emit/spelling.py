"""How types, constants and operators are written in MSL: data, not branches."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from metal_runtime.dtype import DType
from metal_runtime.ir.atomics import AtomicOperation
from metal_runtime.ir.collectives import COLLECTIVES
from metal_runtime.ir.nodes import BarrierScope
from metal_runtime.ir.operators import OPERATORS

# C++'s precedences, tightest first.
PRIMARY = 16
UNARY = 15
MULTIPLY = 13
ADD = 12
SHIFT = 11
RELATION = 10
EQUALITY = 9
BIT_AND = 8
BIT_XOR = 7
BIT_OR = 6
AND = 5
OR = 4
TERNARY = 3


@dataclass(frozen=True, slots=True)
class Infix:
    symbol: str
    precedence: int


@dataclass(frozen=True, slots=True)
class Prefix:
    symbol: str


@dataclass(frozen=True, slots=True)
class MslFunction:
    """A function of metal_stdlib."""

    name: str


@dataclass(frozen=True, slots=True)
class HelperFunction:
    """A function that MSL lacks: its text stands in emit/helpers.py."""

    name: str


Spelling = Infix | Prefix | MslFunction | HelperFunction

_INFIX = {
    "add": Infix("+", ADD), "sub": Infix("-", ADD),
    "mul": Infix("*", MULTIPLY), "div": Infix("/", MULTIPLY), "rem": Infix("%", MULTIPLY),
    "shl": Infix("<<", SHIFT), "shr": Infix(">>", SHIFT),
    "lt": Infix("<", RELATION), "le": Infix("<=", RELATION),
    "gt": Infix(">", RELATION), "ge": Infix(">=", RELATION),
    "eq": Infix("==", EQUALITY), "ne": Infix("!=", EQUALITY),
    "bit_and": Infix("&", BIT_AND), "bit_xor": Infix("^", BIT_XOR), "bit_or": Infix("|", BIT_OR),
    "logical_and": Infix("&&", AND), "logical_or": Infix("||", OR),
}  # fmt: skip
_PREFIX = {"neg": Prefix("-"), "bit_not": Prefix("~"), "logical_not": Prefix("!")}
_FUNCTIONS = {
    name: MslFunction(name)
    for name in (
        "abs", "sign", "min", "max", "clamp", "fma", "popcount", "clz", "ctz", "reverse_bits",
        "mulhi", "any", "all", "isnan", "isinf", "isfinite", "signbit", "floor", "ceil", "trunc",
        "rint", "round", "fract", "saturate", "fmod", "copysign", "step", "mix", "smoothstep",
        "sqrt", "rsqrt", "exp", "exp2", "exp10", "log", "log2", "log10", "sin", "cos", "tan",
        "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "pow", "atan2",
        "dot", "length", "distance", "normalize", "cross", "length_squared", "distance_squared",
        "faceforward", "reflect", "refract", "min3", "max3", "median3", "select", "absdiff", "addsat",
        "subsat", "hadd", "rhadd", "madhi", "madsat", "rotate", "extract_bits", "insert_bits",
        "isnormal", "isordered", "isunordered", "fdim", "nextafter", "ilogb", "ldexp", "sinpi", "cospi",
        *(name for name in OPERATORS if name.startswith(("pack_", "unpack_"))),
    )
}  # fmt: skip
_HELPERS = {
    "floordiv": HelperFunction("floor_div"),
    "mod": HelperFunction("floor_mod"),
    "ipow": HelperFunction("int_pow"),
    **{n: HelperFunction(n) for n in ("expm1", "log1p", "cbrt", "hypot", "erf", "erfc")},
}
SPELLINGS: dict[str, Spelling] = {
    **_INFIX,
    **_PREFIX,
    **_FUNCTIONS,
    "reverse_bits": MslFunction("reverse_bits"),
    **_HELPERS,
}
"""By the operator's name."""

INTEGER_SPELLINGS: dict[str, Spelling] = {"sign": HelperFunction("sign_of")}
"""Where an operator on integers is written otherwise."""

COMPARE_EXCHANGE = HelperFunction("compare_exchange")
"""Metal's compare-exchange may fail without a cause, and gives its result through a pointer."""

MODULAR = frozenset({"add", "sub", "mul", "neg", "bit_not", "bit_and", "bit_or", "bit_xor", "shl"})
"""Operators whose result's low bits depend on the operands' low bits only (for shl: of the first one)."""

GROWING = frozenset({"add", "sub", "mul", "div", "neg", "bit_not", "shl"})
"""Operators whose result may leave the range of a char or short when C computes it as int."""


TRUTHS = frozenset({"eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or", "logical_not"})
"""Operators whose result C++ takes to be bool."""


def is_unclear(outer: Infix, inner: Infix) -> bool:
    """Whether ``inner`` as an operand gets parentheses that the grammar does not ask for.

    They are the ones that clang warns about, or that a reader has to look up.
    """
    if outer.precedence in (BIT_AND, BIT_XOR, BIT_OR):
        return inner.symbol != outer.symbol
    if outer.precedence in (SHIFT, RELATION, EQUALITY):
        return inner.precedence not in (MULTIPLY, ADD) or outer.precedence == SHIFT
    if outer.precedence == OR:
        return inner.precedence == AND
    return "%" in (outer.symbol, inner.symbol) and inner.precedence == MULTIPLY


# --- constants -----------------------------------------------------------------------------------

_INTEGER_SUFFIX = {DType.UINT32: "u", DType.INT64: "l", DType.UINT64: "ul"}


def literal(value: bool | int | float, dtype: DType) -> str:
    """A constant. Integers narrower than int are written as int, which C computes with anyway."""
    if dtype is DType.BOOL:
        return "true" if value else "false"
    if not dtype.is_float:
        suffix = _INTEGER_SUFFIX.get(dtype, "")
        if dtype.bits >= 32 and value == -(1 << (dtype.bits - 1)):
            return f"(-{-(int(value) + 1)}{suffix} - 1)"  # C has no negative literals
        return f"{int(value)}{suffix}"
    text = _shortest(float(value), dtype)
    if dtype is DType.BFLOAT16:
        return f"bfloat({text})"
    if not math.isfinite(value):
        return f"half({text})" if dtype is DType.FLOAT16 else text
    return text


def _shortest(value: float, dtype: DType) -> str:
    """The shortest decimal that reads back as ``value``, also by way of float."""
    if math.isnan(value):
        return "NAN"
    if math.isinf(value):
        return "INFINITY" if value > 0 else "-INFINITY"
    suffix = "h" if dtype is DType.FLOAT16 else "f"
    if value.is_integer() and 0 < abs(value) < 1e6:
        return f"{int(value)}.0{suffix}"
    for digits in range(1, 18):
        text = f"{value:.{digits}g}"
        with np.errstate(over="ignore"):  # 65504 to one digit is 70000
            if float(dtype.numpy_dtype.type(np.float32(text))) == value:
                break
    if digits <= 9 and "e" in text and 1e-4 <= abs(value) < 1e7:
        text = repr(float(text))
    return text + suffix if any(c in text for c in ".e") else f"{text}.0{suffix}"


# --- names ---------------------------------------------------------------------------------------

_SCALARS = tuple(d.metal_name for d in DType)
_KEYWORD_TEXT = """
    alignas alignof and and_eq asm auto bitand bitor bool break case catch char char16_t char32_t
    class compl const const_cast constant constexpr continue decltype default delete device do
    double dynamic_cast else enum explicit export extern false float for fragment friend goto half
    if inline int kernel long mutable namespace new noexcept not not_eq nullptr object_data operator
    or or_eq private protected public ptrdiff_t ray_data register reinterpret_cast return sampler
    short signed size_t sizeof static static_assert static_cast struct switch template texture this
    thread thread_local threadgroup threadgroup_imageblock throw true try typedef typeid typename
    union unsigned using vertex virtual visible void volatile wchar_t while xor xor_eq main metal
    vec matrix packed_vec atomic bfloat uchar ushort uint ulong size array simd quad assert NAN
    simd_vote quad_vote mem_flags memory_order thread_scope
    atomic_int atomic_uint atomic_float atomic_bool atomic_ulong
    simdgroup_float8x8 simdgroup_half8x8 simdgroup_bfloat8x8 simdgroup_matrix
    INFINITY NULL as_type uniform mesh object intersection stitchable
"""
KEYWORDS = frozenset(_KEYWORD_TEXT.split()) | {f"{s}{w}" for s in _SCALARS for w in (2, 3, 4)}
"""Words that cannot name a variable or function in MSL."""

_LIBRARY_TEXT = """
    acospi addsat asinpi absdiff ceil cospi extract_bits insert_bits fabs fdim fmax fmin fmax3 fmin3
    fmedian3 frexp hadd ilogb isequal isgreater isless isnormal isordered isunordered ldexp mad24
    madhi madsat max3 median3 min3 modf mul24 nan nextafter not_equal popcount powr reflect refract
    rhadd rotate select sincos sinpi subsat tanpi length_squared distance_squared fast precise
    faceforward determinant transpose swap min max clamp
"""
_MATRIX_TEXT = """
    simdgroup_load simdgroup_store simdgroup_multiply simdgroup_multiply_accumulate
    make_filled_simdgroup_matrix make_diagonal_simdgroup_matrix
"""
LIBRARY = (
    frozenset(f.name for f in _FUNCTIONS.values())
    | frozenset(_LIBRARY_TEXT.split())
    | frozenset(COLLECTIVES)
    | frozenset(f"{operation.value}_explicit" for operation in AtomicOperation)
    | {"atomic_compare_exchange_weak_explicit", "atomic_thread_fence"}
    | frozenset(scope.value for scope in BarrierScope)
    | frozenset(_MATRIX_TEXT.split())
)
"""Functions of metal_stdlib: an own function of such a name would be ambiguous."""
