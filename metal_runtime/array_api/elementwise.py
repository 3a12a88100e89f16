"""The standard's elementwise functions: its names, each for the operator of ``metal_runtime.ops`` that it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from metal_runtime import ops
from metal_runtime.array_api.creation import zeros_like
from metal_runtime.buffer import MetalBuffer
from metal_runtime.ops import functions

Operand = MetalBuffer | bool | int | float
"""An array or a Python number; of two, one is an array."""

_Function = TypeVar("_Function", bound=Callable[..., MetalBuffer])


class Unary(Protocol):
    def __call__(self, x: MetalBuffer, /) -> MetalBuffer: ...


class Binary(Protocol):
    def __call__(self, x1: Operand, x2: Operand, /) -> MetalBuffer: ...


def _unary(name: str, operator: functions.Unary) -> Unary:
    def function(x: MetalBuffer, /) -> MetalBuffer:
        return operator(x)

    return _named(function, name, operator)


def _binary(name: str, operator: functions.Binary) -> Binary:
    def function(x1: Operand, x2: Operand, /) -> MetalBuffer:
        return operator(x1, x2)

    return _named(function, name, operator)


def _named(function: _Function, name: str, operator: Callable[..., MetalBuffer]) -> _Function:
    function.__name__ = function.__qualname__ = name
    function.__module__ = "metal_runtime.array_api"
    function.__doc__ = operator.__doc__
    return function


abs = _unary("abs", functions.unary("abs"))
acos = _unary("acos", functions.unary("acos"))
acosh = _unary("acosh", functions.unary("acosh"))
add = _binary("add", functions.binary("add"))
asin = _unary("asin", functions.unary("asin"))
asinh = _unary("asinh", functions.unary("asinh"))
atan = _unary("atan", functions.unary("atan"))
atan2 = _binary("atan2", functions.binary("atan2"))
atanh = _unary("atanh", functions.unary("atanh"))
bitwise_and = _binary("bitwise_and", functions.binary("bitwise_and"))
bitwise_invert = _unary("bitwise_invert", functions.unary("bitwise_not"))
bitwise_left_shift = _binary("bitwise_left_shift", functions.binary("left_shift"))
bitwise_or = _binary("bitwise_or", functions.binary("bitwise_or"))
bitwise_right_shift = _binary("bitwise_right_shift", functions.binary("right_shift"))
bitwise_xor = _binary("bitwise_xor", functions.binary("bitwise_xor"))
ceil = _unary("ceil", functions.unary("ceil"))
copysign = _binary("copysign", functions.binary("copysign"))
cos = _unary("cos", functions.unary("cos"))
cosh = _unary("cosh", functions.unary("cosh"))
divide = _binary("divide", functions.binary("div"))
equal = _binary("equal", functions.binary("eq"))
exp = _unary("exp", functions.unary("exp"))
expm1 = _unary("expm1", functions.unary("expm1"))
floor = _unary("floor", functions.unary("floor"))
floor_divide = _binary("floor_divide", functions.binary("floordiv"))
greater = _binary("greater", functions.binary("gt"))
greater_equal = _binary("greater_equal", functions.binary("ge"))
hypot = _binary("hypot", functions.binary("hypot"))
isfinite = _unary("isfinite", functions.unary("isfinite"))
isinf = _unary("isinf", functions.unary("isinf"))
isnan = _unary("isnan", functions.unary("isnan"))
less = _binary("less", functions.binary("lt"))
less_equal = _binary("less_equal", functions.binary("le"))
log = _unary("log", functions.unary("log"))
log10 = _unary("log10", functions.unary("log10"))
log1p = _unary("log1p", functions.unary("log1p"))
log2 = _unary("log2", functions.unary("log2"))
logaddexp = _binary("logaddexp", functions.binary("logaddexp"))
logical_and = _binary("logical_and", functions.binary("logical_and"))
logical_not = _unary("logical_not", functions.unary("logical_not"))
logical_or = _binary("logical_or", functions.binary("logical_or"))
logical_xor = _binary("logical_xor", functions.binary("logical_xor"))
maximum = _binary("maximum", functions.binary("maximum"))
minimum = _binary("minimum", functions.binary("minimum"))
multiply = _binary("multiply", functions.binary("mul"))
negative = _unary("negative", functions.unary("neg"))
nextafter = _binary("nextafter", functions.binary("nextafter"))
not_equal = _binary("not_equal", functions.binary("ne"))
pow = _binary("pow", functions.binary("pow"))
reciprocal = _unary("reciprocal", functions.unary("reciprocal"))
remainder = _binary("remainder", functions.binary("mod"))
round = _unary("round", functions.unary("round"))
sign = _unary("sign", functions.unary("sign"))
signbit = _unary("signbit", functions.unary("signbit"))
sin = _unary("sin", functions.unary("sin"))
sinh = _unary("sinh", functions.unary("sinh"))
sqrt = _unary("sqrt", functions.unary("sqrt"))
square = _unary("square", functions.unary("square"))
subtract = _binary("subtract", functions.binary("sub"))
tan = _unary("tan", functions.unary("tan"))
tanh = _unary("tanh", functions.unary("tanh"))
trunc = _unary("trunc", functions.unary("trunc"))


def clip(x: MetalBuffer, /, min: Operand | None = None, max: Operand | None = None) -> MetalBuffer:
    """``x`` limited to what is between ``min`` and ``max``, each of which may be missing."""
    if min is not None and max is not None:
        return ops.clamp(x, min, max)
    if min is not None:
        return ops.maximum(x, min)
    return x.copy() if max is None else ops.minimum(x, max)


def positive(x: MetalBuffer, /) -> MetalBuffer:
    """A copy of ``x``."""
    return x.copy()


def conj(x: MetalBuffer, /) -> MetalBuffer:
    """A copy of ``x``: its numbers are real."""
    return x.copy()


def real(x: MetalBuffer, /) -> MetalBuffer:
    """A copy of ``x``: its numbers are real."""
    return x.copy()


def imag(x: MetalBuffer, /) -> MetalBuffer:
    """Zeros: the numbers of ``x`` are real."""
    return zeros_like(x)
