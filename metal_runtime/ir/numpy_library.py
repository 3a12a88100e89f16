"""What the functions of MSL's library mean that are no operators of Python, in NumPy. Arrays in, an array out.

Saturating and wide integer functions compute with Python's integers, which have no limit.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from metal_runtime.ir.numpy_reference import maximum, minimum

Array = Any  # np.ndarray or a NumPy scalar of any dtype, ml_dtypes' bfloat16 included

# --- choosing ------------------------------------------------------------------------------------


def select(a: Array, b: Array, condition: Array) -> Array:
    """b where the condition holds, else a."""
    return np.where(condition, b, a)


def minimum3(a: Array, b: Array, c: Array) -> Array:
    return minimum(minimum(a, b), c)


def maximum3(a: Array, b: Array, c: Array) -> Array:
    return maximum(maximum(a, b), c)


def median3(a: Array, b: Array, c: Array) -> Array:
    """The middle one of three."""
    return maximum(minimum(a, b), minimum(maximum(a, b), c))


# --- integers ------------------------------------------------------------------------------------


def _exact(a: Array) -> Array:
    return np.asarray(a).astype(object)


def _within(exact: Array, like: Array) -> Array:
    """Clamped to the range of the type of ``like``."""
    dtype = np.asarray(like).dtype
    limits = np.iinfo(dtype)
    return np.minimum(np.maximum(exact, limits.min), limits.max).astype(dtype)


def _wrapped(exact: Array, dtype: Any) -> Array:
    """The low bits, as a value of the type."""
    low = np.asarray(exact & ((1 << dtype.itemsize * 8) - 1))
    return low.astype(f"u{dtype.itemsize}").astype(dtype)


def absolute_difference(a: Array, b: Array) -> Array:
    """The distance, which needs no sign: the result is unsigned."""
    return abs(_exact(a) - _exact(b)).astype(f"u{np.asarray(a).dtype.itemsize}")


def add_saturated(a: Array, b: Array) -> Array:
    return _within(_exact(a) + _exact(b), a)


def subtract_saturated(a: Array, b: Array) -> Array:
    return _within(_exact(a) - _exact(b), a)


def half_sum(a: Array, b: Array) -> Array:
    """(a + b) / 2, rounded down, without overflow."""
    return ((_exact(a) + _exact(b)) >> 1).astype(np.asarray(a).dtype)


def rounded_half_sum(a: Array, b: Array) -> Array:
    """(a + b) / 2, rounded up, without overflow."""
    return ((_exact(a) + _exact(b) + 1) >> 1).astype(np.asarray(a).dtype)


def multiply_high_add(a: Array, b: Array, c: Array) -> Array:
    """The upper half of a * b, plus c, wrapping."""
    dtype = np.asarray(a).dtype
    high = (_exact(a) * _exact(b)) >> (dtype.itemsize * 8)
    return _wrapped(high + _exact(c), dtype)


def multiply_add_saturated(a: Array, b: Array, c: Array) -> Array:
    return _within(_exact(a) * _exact(b) + _exact(c), a)


def rotate(a: Array, count: Array) -> Array:
    """To the left; what leaves at the top comes in at the bottom."""
    dtype = np.asarray(a).dtype
    bits = dtype.itemsize * 8
    pattern, left = np.asarray(a).astype(f"u{dtype.itemsize}").astype(object), _exact(count) % bits
    return _wrapped((pattern << left) | (pattern >> (bits - left)), dtype)


def _beside(scalar: Array, value: Array) -> Array:
    """A scalar of each lane, exact, so that it meets every component of ``value``."""
    scalar = _exact(scalar)
    return scalar[..., None] if np.ndim(value) > np.ndim(scalar) else scalar


def _field(count: Array, bits: int) -> Array:
    """As many low bits as ``count`` says."""
    return (1 << np.minimum(count, bits)) - 1


def extract_bits(a: Array, offset: Array, count: Array) -> Array:
    """The ``count`` bits from ``offset`` on, with their sign in a signed type. Beyond the width it is undefined."""
    dtype = np.asarray(a).dtype
    bits = dtype.itemsize * 8
    pattern = np.asarray(a).astype(f"u{dtype.itemsize}").astype(object)
    offset, mask = _beside(offset, a), _field(_beside(count, a), bits)
    field = (pattern >> (offset % bits)) & mask
    if dtype.kind == "i":
        sign = mask + 1 >> 1
        field = np.where(mask == 0, 0, (field ^ sign) - sign)
    return _wrapped(field, dtype)


def insert_bits(base: Array, insert: Array, offset: Array, count: Array) -> Array:
    """``base`` with the ``count`` bits from ``offset`` on taken from the low bits of ``insert``."""
    dtype = np.asarray(base).dtype
    bits = dtype.itemsize * 8
    shift = _beside(offset, base) % bits
    mask = _field(_beside(count, base), bits) << shift
    return _wrapped((_exact(base) & ~mask) | ((_exact(insert) << shift) & mask), dtype)


# --- floating-point numbers ----------------------------------------------------------------------


def positive_difference(x: Array, y: Array) -> Array:
    """x - y, but not below 0."""
    with np.errstate(all="ignore"):
        return np.where(np.less_equal(x, y), np.zeros_like(x), x - y)


def is_normal(x: Array) -> Array:
    """Neither zero, subnormal, infinite nor NaN."""
    x = np.asarray(x)
    least = 2.0**-14 if x.dtype == np.float16 else 2.0**-126
    return np.isfinite(x) & (np.abs(x.astype(np.float64)) >= least)


def is_unordered(x: Array, y: Array) -> Array:
    return np.isnan(x) | np.isnan(y)


def is_ordered(x: Array, y: Array) -> Array:
    return ~is_unordered(x, y)


def next_after(x: Array, y: Array) -> Array:
    """The value beside x on the way to y; y itself where they are equal, also of two zeros."""
    return np.where(np.equal(x, y), y, np.nextafter(x, y))


def exponent(x: Array) -> Array:
    """The power of two at or below the magnitude, as an int; of 0, an infinity and NaN undefined."""
    with np.errstate(all="ignore"):
        return (np.frexp(np.asarray(x, np.float64))[1] - 1).astype(np.int32)


def scale_by_power(x: Array, exponent: Array) -> Array:
    """x * 2 ** exponent, rounded once."""
    with np.errstate(all="ignore"):
        return np.ldexp(np.asarray(x, np.float64), exponent).astype(np.asarray(x).dtype)


def _parts_of_turn(x: Array) -> tuple[Array, Array, Array]:
    """Of x half turns: the quarter, and sine and cosine of what is left."""
    rest = np.fmod(x, 2)
    quarter = np.rint(2 * rest)
    angle = np.pi * (rest - quarter / 2)
    return np.mod(quarter, 4), np.sin(angle), np.cos(angle)


def sine_of_half_turns(x: Array) -> Array:
    """sin(pi * x), of a float64 array."""
    quarter, sine, cosine = _parts_of_turn(x)
    return np.select([quarter == 0, quarter == 1, quarter == 2], [sine, cosine, -sine], -cosine)


def cosine_of_half_turns(x: Array) -> Array:
    """cos(pi * x), of a float64 array."""
    quarter, sine, cosine = _parts_of_turn(x)
    return np.select([quarter == 0, quarter == 1, quarter == 2], [cosine, -sine, -cosine], sine)


# --- geometry, of float64 arrays -----------------------------------------------------------------


def _inner(a: Array, b: Array) -> Array:
    return np.sum(a * b, axis=-1, keepdims=True)


def length_squared(a: Array) -> Array:
    return _inner(a, a)[..., 0]


def distance_squared(a: Array, b: Array) -> Array:
    return length_squared(a - b)


def face_forward(n: Array, i: Array, reference: Array) -> Array:
    """n, turned to where i comes from."""
    return np.where(_inner(reference, i) < 0, n, -n)


def reflect(i: Array, n: Array) -> Array:
    return i - 2 * _inner(n, i) * n


def refract(i: Array, n: Array, eta: Array) -> Array:
    eta, along = eta[..., None], _inner(n, i)
    k = 1 - eta * eta * (1 - along * along)
    return np.where(k < 0, 0, eta * i - (eta * along + np.sqrt(np.maximum(k, 0))) * n)


# --- packing: the first component is in the lowest bits ----------------------------------------------


def pack(widths: tuple[int, ...], signed: bool, value: Array) -> Array:
    """Components of -1 … 1 or 0 … 1, clamped, as integers of so many bits; NaN is 0."""
    word = np.zeros(value.shape[:-1], np.uint64)
    shift = 0
    for component, bits in enumerate(widths):
        most = (1 << bits - signed) - 1
        wide = np.nan_to_num(value[..., component].astype(np.float32), nan=0.0)
        scaled = np.rint(
            np.clip(wide, np.float32(-1 if signed else 0), np.float32(1)) * np.float32(most)
        )
        field = scaled.astype(np.int64).astype(np.uint64) & np.uint64((1 << bits) - 1)
        word |= field << np.uint64(shift)
        shift += bits
    return word.astype(np.uint32)


def unpack(widths: tuple[int, ...], signed: bool, dtype: Any, word: Array) -> Array:
    """The components that ``pack`` has put together, divided by the largest integer."""
    components, shift = [], 0
    for bits in widths:
        field = (word.astype(np.int64) >> shift) & ((1 << bits) - 1)
        if signed:
            field = (field ^ (1 << bits - 1)) - (1 << bits - 1)
        most = (1 << bits - signed) - 1
        components.append(np.maximum(field.astype(np.float32) / np.float32(most), np.float32(-1)))
        shift += bits
    return np.stack(components, axis=-1).astype(dtype)
