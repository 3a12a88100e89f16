"""MSL's function library by MSL's names, for scalars and vectors, component by component.

A scalar beside a vector counts for every component. Integers become float where a function is
of floating-point numbers.
"""

from __future__ import annotations

from typing import Any

from metal_runtime.language.outside import only_in_a_kernel


def abs(x: Any) -> Any:
    """The absolute value."""
    only_in_a_kernel("abs(x)")


def sign(x: Any) -> Any:
    """-1, 0 or 1; 0 of a NaN; the sign of a zero is kept."""
    only_in_a_kernel("sign(x)")


def min(a: Any, b: Any) -> Any:
    """The smaller one; of a NaN and a number, the number."""
    only_in_a_kernel("min(a, b)")


def max(a: Any, b: Any) -> Any:
    """The larger one; of a NaN and a number, the number."""
    only_in_a_kernel("max(a, b)")


def fmin(a: Any, b: Any) -> Any:
    """The smaller one, of floating-point numbers."""
    only_in_a_kernel("fmin(a, b)")


def fmax(a: Any, b: Any) -> Any:
    """The larger one, of floating-point numbers."""
    only_in_a_kernel("fmax(a, b)")


def fabs(x: Any) -> Any:
    """The absolute value, of floating-point numbers."""
    only_in_a_kernel("fabs(x)")


def clamp(x: Any, minval: Any, maxval: Any) -> Any:
    """``min(max(x, minval), maxval)``."""
    only_in_a_kernel("clamp(x, minval, maxval)")


def fma(a: Any, b: Any, c: Any) -> Any:
    """``a * b + c``, rounded once."""
    only_in_a_kernel("fma(a, b, c)")


def popcount(x: Any) -> Any:
    """How many bits are 1."""
    only_in_a_kernel("popcount(x)")


def clz(x: Any) -> Any:
    """How many zeros stand above the highest 1."""
    only_in_a_kernel("clz(x)")


def ctz(x: Any) -> Any:
    """How many zeros stand below the lowest 1."""
    only_in_a_kernel("ctz(x)")


def reverse_bits(x: Any) -> Any:
    """The bits in the other order."""
    only_in_a_kernel("reverse_bits(x)")


def mulhi(a: Any, b: Any) -> Any:
    """The upper half of the full product of two integers."""
    only_in_a_kernel("mulhi(a, b)")


def any(x: Any) -> Any:
    """Whether a component of a vector of bool is true."""
    only_in_a_kernel("any(x)")


def all(x: Any) -> Any:
    """Whether all components of a vector of bool are true."""
    only_in_a_kernel("all(x)")


def isnan(x: Any) -> Any:
    """Whether x is not a number."""
    only_in_a_kernel("isnan(x)")


def isinf(x: Any) -> Any:
    """Whether x is infinite."""
    only_in_a_kernel("isinf(x)")


def isfinite(x: Any) -> Any:
    """Whether x is neither infinite nor a NaN."""
    only_in_a_kernel("isfinite(x)")


def signbit(x: Any) -> Any:
    """Whether the sign bit is set, of a zero and a NaN too."""
    only_in_a_kernel("signbit(x)")


def floor(x: Any) -> Any:
    """Rounded down, as a floating-point number."""
    only_in_a_kernel("floor(x)")


def ceil(x: Any) -> Any:
    """Rounded up, as a floating-point number."""
    only_in_a_kernel("ceil(x)")


def trunc(x: Any) -> Any:
    """Rounded toward zero, as a floating-point number."""
    only_in_a_kernel("trunc(x)")


def rint(x: Any) -> Any:
    """Rounded to the nearest, half to even."""
    only_in_a_kernel("rint(x)")


def round(x: Any) -> Any:
    """Rounded to the nearest, half away from zero (Python's ``round`` goes to even)."""
    only_in_a_kernel("round(x)")


def fract(x: Any) -> Any:
    """``x - floor(x)``, always below 1."""
    only_in_a_kernel("fract(x)")


def saturate(x: Any) -> Any:
    """Clamped to 0 … 1."""
    only_in_a_kernel("saturate(x)")


def fmod(x: Any, y: Any) -> Any:
    """The rest of x / y, with the sign of x."""
    only_in_a_kernel("fmod(x, y)")


def copysign(x: Any, y: Any) -> Any:
    """The magnitude of x with the sign of y."""
    only_in_a_kernel("copysign(x, y)")


def step(edge: Any, x: Any) -> Any:
    """0 where ``x < edge``, else 1."""
    only_in_a_kernel("step(edge, x)")


def mix(x: Any, y: Any, a: Any) -> Any:
    """``x + (y - x) * a``."""
    only_in_a_kernel("mix(x, y, a)")


def smoothstep(edge0: Any, edge1: Any, x: Any) -> Any:
    """0 below edge0, 1 above edge1, a cubic between them."""
    only_in_a_kernel("smoothstep(edge0, edge1, x)")


def sqrt(x: Any) -> Any:
    """The square root."""
    only_in_a_kernel("sqrt(x)")


def rsqrt(x: Any) -> Any:
    """``1 / sqrt(x)``."""
    only_in_a_kernel("rsqrt(x)")


def cbrt(x: Any) -> Any:
    """The cube root."""
    only_in_a_kernel("cbrt(x)")


def exp(x: Any) -> Any:
    """e to the power x."""
    only_in_a_kernel("exp(x)")


def exp2(x: Any) -> Any:
    """2 to the power x."""
    only_in_a_kernel("exp2(x)")


def exp10(x: Any) -> Any:
    """10 to the power x."""
    only_in_a_kernel("exp10(x)")


def expm1(x: Any) -> Any:
    """``exp(x) - 1``, exact near 0."""
    only_in_a_kernel("expm1(x)")


def log(x: Any) -> Any:
    """The natural logarithm."""
    only_in_a_kernel("log(x)")


def log2(x: Any) -> Any:
    """The logarithm to base 2."""
    only_in_a_kernel("log2(x)")


def log10(x: Any) -> Any:
    """The logarithm to base 10."""
    only_in_a_kernel("log10(x)")


def log1p(x: Any) -> Any:
    """``log(1 + x)``, exact near 0."""
    only_in_a_kernel("log1p(x)")


def sin(x: Any) -> Any:
    """The sine of an angle in radians."""
    only_in_a_kernel("sin(x)")


def cos(x: Any) -> Any:
    """The cosine of an angle in radians."""
    only_in_a_kernel("cos(x)")


def tan(x: Any) -> Any:
    """The tangent of an angle in radians."""
    only_in_a_kernel("tan(x)")


def asin(x: Any) -> Any:
    """The arc sine, in radians."""
    only_in_a_kernel("asin(x)")


def acos(x: Any) -> Any:
    """The arc cosine, in radians."""
    only_in_a_kernel("acos(x)")


def atan(x: Any) -> Any:
    """The arc tangent, in radians."""
    only_in_a_kernel("atan(x)")


def atan2(y: Any, x: Any) -> Any:
    """The angle of the point (x, y), in radians."""
    only_in_a_kernel("atan2(y, x)")


def sinh(x: Any) -> Any:
    """The hyperbolic sine."""
    only_in_a_kernel("sinh(x)")


def cosh(x: Any) -> Any:
    """The hyperbolic cosine."""
    only_in_a_kernel("cosh(x)")


def tanh(x: Any) -> Any:
    """The hyperbolic tangent."""
    only_in_a_kernel("tanh(x)")


def asinh(x: Any) -> Any:
    """The inverse hyperbolic sine."""
    only_in_a_kernel("asinh(x)")


def acosh(x: Any) -> Any:
    """The inverse hyperbolic cosine."""
    only_in_a_kernel("acosh(x)")


def atanh(x: Any) -> Any:
    """The inverse hyperbolic tangent."""
    only_in_a_kernel("atanh(x)")


def erf(x: Any) -> Any:
    """The error function."""
    only_in_a_kernel("erf(x)")


def erfc(x: Any) -> Any:
    """``1 - erf(x)``, exact for large x."""
    only_in_a_kernel("erfc(x)")


def pow(x: Any, y: Any) -> Any:
    """x to the power y, of floating-point numbers."""
    only_in_a_kernel("pow(x, y)")


def hypot(x: Any, y: Any) -> Any:
    """``sqrt(x * x + y * y)`` without overflow in between."""
    only_in_a_kernel("hypot(x, y)")


def dot(x: Any, y: Any) -> Any:
    """The inner product of two vectors."""
    only_in_a_kernel("dot(x, y)")


def length(x: Any) -> Any:
    """The Euclidean length of a vector."""
    only_in_a_kernel("length(x)")


def distance(x: Any, y: Any) -> Any:
    """``length(x - y)``."""
    only_in_a_kernel("distance(x, y)")


def normalize(x: Any) -> Any:
    """``x / length(x)``."""
    only_in_a_kernel("normalize(x)")


def cross(x: Any, y: Any) -> Any:
    """The vector product of two vectors of 3."""
    only_in_a_kernel("cross(x, y)")
