"""MSL's functions on bits, packed numbers and more of its mathematics, by MSL's names.

Those that MSL gives a second result through a reference return a pair here: ``fraction, whole = metal.modf(x)``.
"""

from __future__ import annotations

from typing import Any

from metal_runtime.language.outside import only_in_a_kernel

__all__ = [
    "absdiff",
    "addsat",
    "as_type",
    "cospi",
    "distance_squared",
    "extract_bits",
    "faceforward",
    "fdim",
    "fmax3",
    "fmedian3",
    "fmin3",
    "hadd",
    "ilogb",
    "insert_bits",
    "isnormal",
    "isordered",
    "isunordered",
    "ldexp",
    "length_squared",
    "madhi",
    "madsat",
    "max3",
    "median3",
    "min3",
    "modf",
    "nextafter",
    "reflect",
    "refract",
    "rhadd",
    "rotate",
    "select",
    "sincos",
    "sinpi",
    "subsat",
]

# --- bits ----------------------------------------------------------------------------------------


def as_type(dtype: Any, x: Any) -> Any:
    """The bits of x as a value of another type of the same size: ``metal.as_type(metal.uint, 1.0)``."""
    only_in_a_kernel("as_type(dtype, x)")


def select(a: Any, b: Any, condition: Any) -> Any:
    """b where the condition holds, else a; component by component, and both are evaluated."""
    only_in_a_kernel("select(a, b, condition)")


def extract_bits(x: Any, offset: Any, bits: Any) -> Any:
    """The ``bits`` bits of x from ``offset`` on, with their sign in a signed type."""
    only_in_a_kernel("extract_bits(x, offset, bits)")


def insert_bits(base: Any, insert: Any, offset: Any, bits: Any) -> Any:
    """``base`` with the ``bits`` bits from ``offset`` on taken from the low bits of ``insert``."""
    only_in_a_kernel("insert_bits(base, insert, offset, bits)")


def rotate(x: Any, count: Any) -> Any:
    """The bits of an integer moved up; what leaves at the top comes in at the bottom."""
    only_in_a_kernel("rotate(x, count)")


# --- integers ------------------------------------------------------------------------------------


def absdiff(a: Any, b: Any) -> Any:
    """``abs(a - b)`` without overflow, as an unsigned integer."""
    only_in_a_kernel("absdiff(a, b)")


def addsat(a: Any, b: Any) -> Any:
    """``a + b``, clamped to the type instead of wrapping."""
    only_in_a_kernel("addsat(a, b)")


def subsat(a: Any, b: Any) -> Any:
    """``a - b``, clamped to the type instead of wrapping."""
    only_in_a_kernel("subsat(a, b)")


def hadd(a: Any, b: Any) -> Any:
    """``(a + b) / 2`` without overflow, rounded down."""
    only_in_a_kernel("hadd(a, b)")


def rhadd(a: Any, b: Any) -> Any:
    """``(a + b) / 2`` without overflow, rounded up."""
    only_in_a_kernel("rhadd(a, b)")


def madhi(a: Any, b: Any, c: Any) -> Any:
    """``mulhi(a, b) + c``."""
    only_in_a_kernel("madhi(a, b, c)")


def madsat(a: Any, b: Any, c: Any) -> Any:
    """``a * b + c``, clamped to the type instead of wrapping."""
    only_in_a_kernel("madsat(a, b, c)")


def min3(a: Any, b: Any, c: Any) -> Any:
    """The smallest of three."""
    only_in_a_kernel("min3(a, b, c)")


def max3(a: Any, b: Any, c: Any) -> Any:
    """The largest of three."""
    only_in_a_kernel("max3(a, b, c)")


def median3(a: Any, b: Any, c: Any) -> Any:
    """The middle one of three."""
    only_in_a_kernel("median3(a, b, c)")


# --- floating-point numbers ----------------------------------------------------------------------


def fmin3(a: Any, b: Any, c: Any) -> Any:
    """The smallest of three, of floating-point numbers."""
    only_in_a_kernel("fmin3(a, b, c)")


def fmax3(a: Any, b: Any, c: Any) -> Any:
    """The largest of three, of floating-point numbers."""
    only_in_a_kernel("fmax3(a, b, c)")


def fmedian3(a: Any, b: Any, c: Any) -> Any:
    """The middle one of three, of floating-point numbers."""
    only_in_a_kernel("fmedian3(a, b, c)")


def fdim(x: Any, y: Any) -> Any:
    """``x - y``, but not below 0."""
    only_in_a_kernel("fdim(x, y)")


def nextafter(x: Any, y: Any) -> Any:
    """The value beside x on the way to y, of float and half."""
    only_in_a_kernel("nextafter(x, y)")


def ldexp(x: Any, k: Any) -> Any:
    """``x * 2 ** k``; k is an int."""
    only_in_a_kernel("ldexp(x, k)")


def ilogb(x: Any) -> Any:
    """The exponent of x as an int; of 0, infinities and NaN it is undefined."""
    only_in_a_kernel("ilogb(x)")


def modf(x: Any) -> Any:
    """The fraction and the whole part, both with the sign of x, as in Python: ``part, whole = metal.modf(x)``."""
    only_in_a_kernel("modf(x)")


def sincos(x: Any) -> Any:
    """Sine and cosine: ``s, c = metal.sincos(x)``."""
    only_in_a_kernel("sincos(x)")


def sinpi(x: Any) -> Any:
    """``sin(pi * x)``."""
    only_in_a_kernel("sinpi(x)")


def cospi(x: Any) -> Any:
    """``cos(pi * x)``."""
    only_in_a_kernel("cospi(x)")


def isnormal(x: Any) -> Any:
    """Whether x is neither zero, subnormal, infinite nor a NaN."""
    only_in_a_kernel("isnormal(x)")


def isordered(x: Any, y: Any) -> Any:
    """Whether neither is a NaN."""
    only_in_a_kernel("isordered(x, y)")


def isunordered(x: Any, y: Any) -> Any:
    """Whether one of them is a NaN."""
    only_in_a_kernel("isunordered(x, y)")


# --- geometry ------------------------------------------------------------------------------------


def length_squared(x: Any) -> Any:
    """``dot(x, x)``."""
    only_in_a_kernel("length_squared(x)")


def distance_squared(x: Any, y: Any) -> Any:
    """``length_squared(x - y)``."""
    only_in_a_kernel("distance_squared(x, y)")


def faceforward(n: Any, i: Any, nref: Any) -> Any:
    """n where ``dot(nref, i) < 0``, else -n."""
    only_in_a_kernel("faceforward(n, i, nref)")


def reflect(i: Any, n: Any) -> Any:
    """The direction i, reflected by a surface whose normal is n."""
    only_in_a_kernel("reflect(i, n)")


def refract(i: Any, n: Any, eta: Any) -> Any:
    """The direction i, refracted by a surface whose normal is n; 0 where all is reflected."""
    only_in_a_kernel("refract(i, n, eta)")
