"""What each operator means, in float64 for floats and exactly for integers: an oracle of its own, not the compiler's."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from metal_runtime.dtype import DType

Array = np.ndarray[Any, Any]

_erfc = np.vectorize(math.erfc, otypes=[np.float64])
_erf = np.vectorize(math.erf, otypes=[np.float64])


def _sign(a: Array) -> Array:
    return np.where(np.isnan(a), 0, np.sign(a))


def _gelu(a: Array) -> Array:
    return np.where(
        np.isneginf(a), 0, 0.5 * np.where(np.isneginf(a), 0, a) * _erfc(-a / math.sqrt(2))
    )


def _silu(a: Array) -> Array:
    return np.where(np.isneginf(a), 0, a * _sigmoid(a))


def _sigmoid(a: Array) -> Array:
    return np.where(a >= 0, 1 / (1 + np.exp(-a)), np.exp(a) / (1 + np.exp(a)))


def _floor_mod(a: Array, b: Array) -> Array:
    rest = np.fmod(a, b)
    moved = np.where((rest < 0) != (b < 0), rest + b, rest)
    return np.where(rest == 0, np.copysign(0.0, b), moved)


EXTRA_ULPS: dict[str, Callable[[Array], Array]] = {
    # A subnormal exp(-abs(a)) has lost digits before it is multiplied by a.
    "silu": lambda a: np.minimum(np.abs(a), 110),
    # erfc(x) multiplies a relative error of its argument by 2 * x * x, and x = a * sqrt(1/2) has two roundings.
    "gelu": lambda a: np.minimum(1.3 * a * a, 325),
}
"""What an argument adds to the ulps of a float32 result."""

# operator -> (reference on float64, ulps of float32, ulps of the half formats)
FLOAT: dict[str, tuple[Callable[..., Array], float, float]] = {
    "add": (np.add, 0.5, 0.5), "sub": (np.subtract, 0.5, 0.5), "mul": (np.multiply, 0.5, 0.5),
    "div": (np.divide, 0.5, 0.5), "neg": (np.negative, 0, 0), "abs": (np.abs, 0, 0),
    "square": (np.square, 0.5, 0.5), "sign": (_sign, 0, 0),
    "min": (np.fmin, 0, 0), "max": (np.fmax, 0, 0),
    "minimum": (np.minimum, 0, 0), "maximum": (np.maximum, 0, 0),
    "relu": (lambda a: np.where(a < 0, 0, a), 0, 0),
    "sqrt": (np.sqrt, 0.5, 0.5), "floor": (np.floor, 0, 0), "ceil": (np.ceil, 0, 0),
    "round": (np.rint, 0, 0), "trunc": (np.trunc, 0, 0), "fmod": (np.fmod, 0, 0),
    "copysign": (np.copysign, 0, 0), "reciprocal": (np.reciprocal, 0.5, 0.5),
    "exp": (np.exp, 4, 1), "exp2": (np.exp2, 4, 1), "exp10": (lambda a: np.power(10.0, a), 4, 1),
    "expm1": (np.expm1, 4, 1), "log": (np.log, 4, 1), "log2": (np.log2, 4, 1),
    "log10": (np.log10, 4, 1), "log1p": (np.log1p, 4, 1), "rsqrt": (lambda a: 1 / np.sqrt(a), 2, 1),
    "cbrt": (np.cbrt, 4, 1), "sin": (np.sin, 4, 1), "cos": (np.cos, 4, 1), "tan": (np.tan, 6, 1),
    "asin": (np.arcsin, 4, 1), "acos": (np.arccos, 4, 1), "atan": (np.arctan, 5, 1),
    "sinh": (np.sinh, 4, 1), "cosh": (np.cosh, 4, 1), "tanh": (np.tanh, 5, 1),
    "asinh": (np.arcsinh, 4, 1), "acosh": (np.arccosh, 4, 1), "atanh": (np.arctanh, 5, 1),
    "erf": (_erf, 4, 1), "erfc": (_erfc, 6, 1),
    "atan2": (np.arctan2, 6, 1), "pow": (np.power, 16, 1), "hypot": (np.hypot, 4, 1),
    "sigmoid": (_sigmoid, 6, 1), "silu": (_silu, 8, 1), "gelu": (_gelu, 12, 1),
    "softplus": (lambda a: np.logaddexp(0, a), 8, 1),
}  # fmt: skip

TESTS: dict[str, Callable[..., Array]] = {
    "signbit": lambda a: np.signbit(a.astype(np.float32)),
    "eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal,
    "gt": np.greater, "ge": np.greater_equal,
    "logical_and": np.logical_and, "logical_or": np.logical_or, "logical_xor": np.logical_xor,
    "logical_not": np.logical_not,
    "isnan": np.isnan, "isinf": np.isinf, "isfinite": np.isfinite,
}  # fmt: skip


def _power(a: Array, b: Array) -> Array:
    result = []
    for base, exponent in zip(a.tolist(), b.tolist(), strict=True):
        if exponent >= 0:
            result.append(pow(base, exponent, 1 << 128))
        elif abs(base) == 1:
            result.append(base if exponent % 2 else 1)
        else:
            result.append(0)
    return np.array(result, object)


def _python(function: Callable[..., Any]) -> Callable[..., Array]:
    """Element by element, on Python's integers of any size."""

    def call(*args: Array) -> Array:
        return np.array(
            [function(*row) for row in zip(*(a.tolist() for a in args), strict=True)], object
        )

    return call


INTEGER: dict[str, Callable[..., Array]] = {
    "add": _python(lambda a, b: a + b), "sub": _python(lambda a, b: a - b),
    "mul": _python(lambda a, b: a * b), "floordiv": _python(lambda a, b: a // b),
    "mod": _python(lambda a, b: a % b), "pow": _power, "square": _python(lambda a: a * a),
    "neg": _python(lambda a: -a), "abs": _python(abs),
    "sign": _python(lambda a: (a > 0) - (a < 0)),
    "min": _python(min), "max": _python(max), "minimum": _python(min), "maximum": _python(max),
    "clamp": _python(lambda x, low, high: min(max(x, low), high)),
    "relu": _python(lambda a: max(a, 0)),
    **{name: _python(lambda a: a) for name in ("floor", "ceil", "round", "trunc")},
    "bitwise_and": _python(lambda a, b: a & b), "bitwise_or": _python(lambda a, b: a | b),
    "bitwise_xor": _python(lambda a, b: a ^ b), "bitwise_not": _python(lambda a: ~a),
}  # fmt: skip


def wrapped(values: Array, dtype: DType) -> Array:
    """Python integers as ``dtype`` holds them: modulo 2 to the number of its bits."""
    mask = (1 << dtype.bits) - 1
    unsigned = np.array([int(v) & mask for v in values.ravel()], f"u{dtype.itemsize}")
    return unsigned.view(dtype.numpy_dtype).reshape(values.shape)
