"""IR expressions in, an IR expression out: what the operators that are not one IR operator mean.

Every builder takes operands already converted to the dtype that its rule in ops/rules.py says. Those
that are exact in their tails avoid differences of nearly equal numbers and overflow on the way.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from metal_runtime.dtype import DType
from metal_runtime.errors import InternalError
from metal_runtime.ir.nodes import (
    Apply,
    Call,
    Cast,
    Constant,
    Expr,
    Function,
    Param,
    Read,
    Return,
    Select,
)
from metal_runtime.ir.operators import OPERATORS
from metal_runtime.ir.walk import walk
from metal_runtime.msl_types import ValueType, element_of

Builder = Callable[..., Expr]
"""(operand expressions) -> expression."""


def type_of(expr: Expr) -> ValueType:
    """The type of an expression that has a value; a call of a void function is none."""
    if isinstance(expr.type, ValueType):
        return expr.type
    raise InternalError(f"a void expression stands as an operand: {expr}")


def _dtype(expr: Expr) -> DType:
    return element_of(type_of(expr))


def apply(name: str, *args: Expr) -> Apply:
    """An operator of the IR's table on operands whose types it takes."""
    operator = OPERATORS[name]
    return Apply(operator, args, operator.result_type([type_of(a) for a in args]))


def ir(name: str) -> Builder:
    """The builder of an operator that is one operator of the IR."""
    return lambda *args: apply(name, *args)


def select(condition: Expr, then: Expr, orelse: Expr) -> Select:
    """``condition ? then : orelse``."""
    return Select(condition, then, orelse, type_of(then))


def constant(value: bool | int | float, like: Expr) -> Constant:
    """A number in the dtype of another expression, rounded to it."""
    dtype = _dtype(like)
    if not dtype.is_float:
        return Constant(int(value), dtype)
    return Constant(float(dtype.numpy_dtype.type(value)), dtype)


def convert(value: Expr, dtype: DType) -> Expr:
    """The value in another dtype; to bool it is ``value != 0``."""
    if value.type is dtype:
        return value
    if dtype is DType.BOOL:
        return apply("ne", value, constant(0, value))
    if _dtype(value).is_float and dtype.is_integer:
        return _saturated(value, dtype)
    return Cast(value, dtype)


def _saturated(value: Expr, dtype: DType) -> Expr:
    """Float to integer: truncated toward 0, limited to the range, a NaN 0. MSL leaves those cases open."""
    wide = value if _is(value, DType.FLOAT32) else Cast(value, DType.FLOAT32)
    low = -(1 << (dtype.bits - 1)) if dtype.is_signed else 0
    high = low + (1 << dtype.bits)  # a power of 2: exact in float
    below = select(apply("le", wide, constant(low, wide)), Constant(low, dtype), Cast(wide, dtype))
    limited = select(apply("ge", wide, constant(high, wide)), Constant(high - 1, dtype), below)
    return select(apply("isnan", wide), Constant(0, dtype), limited)


def _is(expr: Expr, dtype: DType) -> bool:
    return _dtype(expr) is dtype


# --- arithmetic ----------------------------------------------------------------------------------


def power(a: Expr, b: Expr) -> Expr:
    return apply("pow" if _dtype(a).is_float else "ipow", a, b)


def floor_divide(a: Expr, b: Expr) -> Expr:
    return _unless_minus_one(b, apply("floordiv", a, b), lambda: negative(a))


def modulo(a: Expr, b: Expr) -> Expr:
    return _unless_minus_one(b, apply("mod", a, b), lambda: constant(0, a))


def _unless_minus_one(b: Expr, value: Expr, instead: Callable[[], Expr]) -> Expr:
    """The least integer over -1 overflows, which some processors punish; here it wraps."""
    dtype = _dtype(b)
    if not dtype.is_integer or not dtype.is_signed or dtype.bits < 32:
        return value
    return select(apply("eq", b, constant(-1, b)), instead(), value)


def square(a: Expr) -> Expr:
    return apply("mul", a, a)


def reciprocal(a: Expr) -> Expr:
    return apply("div", constant(1, a), a)


def logaddexp(a: Expr, b: Expr) -> Expr:
    distance = apply("abs", apply("sub", a, b))
    smaller = apply("log1p", apply("exp", apply("neg", distance)))
    # Of two equal infinities the distance is a NaN; of a NaN the distance is, too.
    equal = apply("add", a, constant(math.log(2), a))
    return select(apply("eq", a, b), equal, apply("add", apply("max", a, b), smaller))


def negative(a: Expr) -> Expr:
    if _dtype(a).is_signed:
        return apply("neg", a)
    return apply("sub", constant(0, a), a)


def sign(a: Expr) -> Expr:
    if _dtype(a).is_signed:
        return apply("sign", a)
    return apply("min", a, constant(1, a))


def least(a: Expr, b: Expr) -> Expr:
    return apply("bit_and" if _is(a, DType.BOOL) else "min", a, b)


def greatest(a: Expr, b: Expr) -> Expr:
    return apply("bit_or" if _is(a, DType.BOOL) else "max", a, b)


def minimum(a: Expr, b: Expr) -> Expr:
    return _nan_keeping("minimum", a, b) if _dtype(a).is_float else least(a, b)


def maximum(a: Expr, b: Expr) -> Expr:
    return _nan_keeping("maximum", a, b) if _dtype(a).is_float else greatest(a, b)


def clamp(x: Expr, low: Expr, high: Expr) -> Expr:
    if not _dtype(x).is_float:
        return apply("clamp", x, low, high)
    return minimum(maximum(x, low), high)


_ORDERS = {"minimum": "lt", "maximum": "gt"}


def _nan_keeping(name: str, a: Expr, b: Expr) -> Expr:
    dtype = _dtype(a)
    return Call(name if dtype is DType.FLOAT32 else f"{name}_{dtype.metal_name}", (a, b), dtype)


def functions_called(value: Expr) -> tuple[Function, ...]:
    """The functions that an expression of this module calls: MSL's min and max drop NaN, these keep it."""
    called = {
        node.function: node
        for node in walk(value)
        if isinstance(node, Call) and node.function.partition("_")[0] in _ORDERS
    }
    return tuple(_order_function(name, _dtype(call)) for name, call in sorted(called.items()))


def _order_function(name: str, dtype: DType) -> Function:
    a, b = Read("a", dtype), Read("b", dtype)
    # A NaN in b fails the comparison and is taken.
    before = _ORDERS[name.partition("_")[0]]
    value = select(apply("isnan", a), a, select(apply(before, a, b), a, b))
    return Function(name, (Param("a", dtype), Param("b", dtype)), dtype, (Return(value),))


# --- activations ---------------------------------------------------------------------------------


def relu(a: Expr) -> Expr:
    return select(apply("lt", a, constant(0, a)), constant(0, a), a)


def _exp_of_minus_abs(a: Expr) -> Expr:
    return apply("exp", apply("neg", apply("abs", a)))  # in 0 … 1: it cannot overflow


def _one_plus(a: Expr) -> Expr:
    return apply("add", constant(1, a), a)


def sigmoid(a: Expr) -> Expr:
    decay = _exp_of_minus_abs(a)
    positive = apply("ge", a, constant(0, a))
    return apply("div", select(positive, constant(1, a), decay), _one_plus(decay))


def silu(a: Expr) -> Expr:
    decay = _exp_of_minus_abs(a)
    # Of -infinity the limit is -0, not -infinity * 0: exp(-1000) is 0 already.
    bounded = apply("max", a, constant(-1000, a))
    weighted = select(apply("ge", a, constant(0, a)), a, apply("mul", bounded, decay))
    return apply("div", weighted, _one_plus(decay))


def gelu(a: Expr) -> Expr:
    # 1 + erf(x) is erfc(-x), which keeps its digits where erf is near -1; erfc(1000) is 0 already.
    bounded = apply("max", a, constant(-1000, a))
    tail = apply("erfc", apply("mul", a, constant(-math.sqrt(0.5), a)))
    return apply("mul", apply("mul", constant(0.5, a), bounded), tail)


def softplus(a: Expr) -> Expr:
    return apply(
        "add", apply("max", a, constant(0, a)), apply("log1p", _exp_of_minus_abs(a))
    )  # a NaN comes back through log1p


# --- rounding, comparison, bits, choice ----------------------------------------------------------


def rounding(name: str) -> Builder:
    """A rounding of floats that leaves integers alone."""
    return lambda a: apply(name, a) if _dtype(a).is_float else a


def ordering(name: str) -> Builder:
    """An order that takes bool too, with False < True."""

    def build(a: Expr, b: Expr) -> Expr:
        if _is(a, DType.BOOL):
            a, b = Cast(a, DType.UINT8), Cast(b, DType.UINT8)
        return apply(name, a, b)

    return build


def invert(a: Expr) -> Expr:
    return apply("logical_not" if _is(a, DType.BOOL) else "bit_not", a)


def where(condition: Expr, then: Expr, orelse: Expr) -> Expr:
    return select(condition, then, orelse)


def unchanged(a: Expr) -> Expr:
    return a
