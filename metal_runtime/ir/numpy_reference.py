"""What operators mean, in NumPy, where one NumPy function does not say it. Arrays in, an array of their dtype out.

Vectors are arrays with a last axis of components; scalars have no such axis. Floating-point
functions of the math library go through float64 and are rounded once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

Array = Any  # np.ndarray or a NumPy scalar of any dtype, ml_dtypes' bfloat16 included


def _is_float(a: Array) -> bool:
    return np.asarray(a).dtype.kind not in "iub"


def _silent(function: Callable[..., Array]) -> Callable[..., Array]:
    def call(*args: Array) -> Array:
        with np.errstate(all="ignore"):
            return function(*args)

    call.__name__ = function.__name__
    call.__doc__ = function.__doc__
    return call


# --- division ------------------------------------------------------------------------------------


@_silent
def divide(a: Array, b: Array) -> Array:
    """Floats: IEEE division. Integers: truncation toward zero; the least integer over -1 wraps."""
    if _is_float(a):
        return np.divide(a, b)
    quotient = np.floor_divide(a, b)
    inexact = np.remainder(a, b) != 0
    return (quotient + (inexact & ((a < 0) != (b < 0)))).astype(np.asarray(a).dtype)


@_silent
def remainder(a: Array, b: Array) -> Array:
    """The rest of truncating division: it has the sign of the dividend."""
    return np.fmod(a, b)


@_silent
def floor_divide(a: Array, b: Array) -> Array:
    """Integers: rounded down. Floats: floor(a / b), with the division rounded first."""
    return np.floor(np.divide(a, b)) if _is_float(a) else np.floor_divide(a, b)


@_silent
def floor_modulo(a: Array, b: Array) -> Array:
    """The rest of floor division: it has the sign of the divisor, a zero too; floats: fmod, then moved to that sign."""
    if not _is_float(a):
        return np.remainder(a, b)
    rest = np.fmod(a, b)
    moved = np.where((rest < 0) != (b < 0), rest + b, rest)
    return np.where(rest == 0, np.copysign(np.zeros_like(rest), b), moved).astype(rest.dtype)


# --- arithmetic ----------------------------------------------------------------------------------


def sign(a: Array) -> Array:
    """-1, 0 or 1; of a NaN 0 (MSL); the sign of a zero is kept."""
    if not _is_float(a):
        return np.sign(a)
    result = np.where(np.isnan(a), 0, np.copysign(np.sign(a), a))
    return result.astype(np.asarray(a).dtype)


def minimum(a: Array, b: Array) -> Array:
    """The smaller one; of a NaN and a number, the number (MSL fmin)."""
    return np.fmin(a, b)


def maximum(a: Array, b: Array) -> Array:
    """The larger one; of a NaN and a number, the number (MSL fmax)."""
    return np.fmax(a, b)


def clamp(x: Array, low: Array, high: Array) -> Array:
    """min(max(x, low), high)."""
    return minimum(maximum(x, low), high)


@_silent
def fma(a: Array, b: Array, c: Array) -> Array:
    """a * b + c, rounded once: exactly for half and bfloat, for float by rounding to odd in between."""
    dtype = np.asarray(a).dtype
    a64, b64, c64 = (np.asarray(v, np.float64) for v in (a, b, c))
    product = a64 * b64  # exact: 24 + 24 bits fit into 53
    total = product + c64
    # Two-sum: the rounding error of `total`, which moves it to the odd neighbour if it is not exact.
    back = total - product
    error = (product - (total - back)) + (c64 - back)
    bits = total.view(np.int64) if total.ndim else np.int64(np.asarray(total).view(np.int64))
    inexact = np.isfinite(total) & (error != 0) & ((bits & 1) == 0)
    away = (error > 0) == (total > 0)
    odd = np.asarray(np.where(inexact, bits + np.where(away, 1, -1), bits), np.int64)
    return odd.view(np.float64).astype(dtype)


def integer_power(base: Array, exponent: Array) -> Array:
    """By repeated squaring, wrapping; a negative exponent gives 1, -1 or 0 as exact division would."""
    base, exponent = np.broadcast_arrays(np.asarray(base), np.asarray(exponent))
    result = np.ones_like(base)
    factor, left = base.copy(), np.where(exponent > 0, exponent, 0).astype(exponent.dtype)
    with np.errstate(all="ignore"):
        while np.any(left):
            result = np.where(left & 1, result * factor, result).astype(base.dtype)
            factor, left = factor * factor, left >> left.dtype.type(1)
    if base.dtype.kind == "i":
        odd = np.where(exponent & 1, -1, 1)
        inverse = np.where(base == 1, 1, np.where(base == -1, odd, 0))
        result = np.where(exponent < 0, inverse, result).astype(base.dtype)
    return result


# --- bits ----------------------------------------------------------------------------------------


def _width(a: Array) -> int:
    return int(np.asarray(a).dtype.itemsize) * 8


def shift_left(a: Array, count: Array) -> Array:
    """Counts are taken modulo the width, as the hardware does."""
    a = np.asarray(a)
    return np.left_shift(a, (count & a.dtype.type(_width(a) - 1)))


def shift_right(a: Array, count: Array) -> Array:
    """Arithmetic for signed, logical for unsigned; counts are taken modulo the width."""
    a = np.asarray(a)
    return np.right_shift(a, (count & a.dtype.type(_width(a) - 1)))


def _unsigned(a: Array) -> Array:
    a = np.asarray(a)
    return a.astype(f"u{a.dtype.itemsize}")


def popcount(a: Array) -> Array:
    """How many bits are 1."""
    return np.bitwise_count(_unsigned(a)).astype(np.asarray(a).dtype)


def count_leading_zeros(a: Array) -> Array:
    """Zeros above the highest 1; the width for zero."""
    bits, width = _unsigned(a), _width(a)
    count = np.full(bits.shape, width)
    for position in range(width):
        set_here = (bits >> bits.dtype.type(position)) & 1
        count = np.where(set_here, width - 1 - position, count)
    return count.astype(np.asarray(a).dtype)


def count_trailing_zeros(a: Array) -> Array:
    """Zeros below the lowest 1; the width for zero."""
    bits, width = _unsigned(a), _width(a)
    count = np.full(bits.shape, width)
    for position in reversed(range(width)):
        set_here = (bits >> bits.dtype.type(position)) & 1
        count = np.where(set_here, position, count)
    return count.astype(np.asarray(a).dtype)


def reverse_bits(a: Array) -> Array:
    """The lowest bit becomes the highest."""
    bits, width = _unsigned(a), _width(a)
    result = np.zeros_like(bits)
    for position in range(width):
        bit = (bits >> bits.dtype.type(position)) & bits.dtype.type(1)
        result |= bit << bits.dtype.type(width - 1 - position)
    return result.astype(np.asarray(a).dtype)


def multiply_high(a: Array, b: Array) -> Array:
    """The upper half of the full product."""
    a = np.asarray(a)
    product = a.astype(object) * np.asarray(b).astype(object)
    return np.asarray(product >> _width(a)).astype(a.dtype)


# --- booleans ------------------------------------------------------------------------------------


def any_component(a: Array) -> Array:
    return np.any(a, axis=-1)


def all_components(a: Array) -> Array:
    return np.all(a, axis=-1)


# --- rounding ------------------------------------------------------------------------------------


def round_half_away(a: Array) -> Array:
    truncated = np.trunc(a)
    away = np.abs(a - truncated) >= np.asarray(0.5, truncated.dtype)
    return np.where(away, truncated + np.copysign(1, a), truncated).astype(truncated.dtype)


@_silent
def fract(a: Array) -> Array:
    """a - floor(a), at most the largest value below 1; of an infinity 0."""
    dtype = np.asarray(a).dtype
    below_one = np.nextafter(np.asarray(1, dtype), np.asarray(0, dtype))
    value = np.where(np.isinf(a), 0, a - np.floor(a))
    return np.where(np.isnan(value), value, np.fmin(value, below_one)).astype(dtype)


def saturate(a: Array) -> Array:
    """Clamped to 0 … 1; of a NaN 0."""
    dtype = np.asarray(a).dtype
    return clamp(a, np.asarray(0, dtype), np.asarray(1, dtype))


def step(edge: Array, x: Array) -> Array:
    """0 where x < edge, else 1."""
    return np.where(np.less(x, edge), 0, 1).astype(np.asarray(x).dtype)


@_silent
def mix(x: Array, y: Array, a: Array) -> Array:
    """x + (y - x) * a."""
    return x + (y - x) * a


@_silent
def smoothstep(edge0: Array, edge1: Array, x: Array) -> Array:
    """Hermite interpolation between two edges."""
    t = saturate((x - edge0) / (edge1 - edge0))
    dtype = np.asarray(x).dtype
    return (t * t * (np.asarray(3, dtype) - np.asarray(2, dtype) * t)).astype(dtype)


# --- geometry ------------------------------------------------------------------------------------


def _wide(function: Callable[..., Array]) -> Callable[..., Array]:
    """Computes in float64 and rounds once."""

    def call(*args: Array) -> Array:
        with np.errstate(all="ignore"):
            wide = [np.asarray(a, np.float64) for a in args]
            return np.asarray(function(*wide)).astype(np.asarray(args[0]).dtype)

    call.__name__ = function.__name__
    return call


@_wide
def dot(a: Array, b: Array) -> Array:
    return np.sum(a * b, axis=-1)


@_wide
def length(a: Array) -> Array:
    return np.sqrt(np.sum(a * a, axis=-1))


@_wide
def distance(a: Array, b: Array) -> Array:
    return np.sqrt(np.sum((a - b) ** 2, axis=-1))


@_wide
def normalize(a: Array) -> Array:
    return a / np.sqrt(np.sum(a * a, axis=-1, keepdims=True))


@_wide
def cross(a: Array, b: Array) -> Array:
    return np.cross(a, b)


# --- the math library ----------------------------------------------------------------------------


def through_float64(function: Callable[..., Array]) -> Callable[..., Array]:
    """The float64 function on any float dtype, rounded once to that dtype."""
    return _wide(function)


_erf = np.vectorize(math.erf, otypes=[np.float64])
_erfc = np.vectorize(math.erfc, otypes=[np.float64])

UNARY_MATH: dict[str, Callable[..., Array]] = {
    "exp": np.exp, "exp2": np.exp2, "exp10": lambda x: np.power(10.0, x), "expm1": np.expm1,
    "log": np.log, "log2": np.log2, "log10": np.log10, "log1p": np.log1p,
    "rsqrt": lambda x: 1 / np.sqrt(x), "cbrt": np.cbrt,
    "sin": np.sin, "cos": np.cos, "tan": np.tan,
    "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan,
    "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh,
    "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh,
    "erf": _erf, "erfc": _erfc,
}  # fmt: skip
"""Functions of one float64 array."""

BINARY_MATH: dict[str, Callable[..., Array]] = {
    "pow": np.power, "atan2": np.arctan2, "hypot": np.hypot,
}  # fmt: skip
"""Functions of two float64 arrays."""
