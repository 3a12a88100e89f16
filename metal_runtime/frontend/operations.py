"""Python's operators on operands: each becomes rows of the operator table, with MSL's conversions made explicit."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any

from metal_runtime.dtype import DType
from metal_runtime.errors import KernelTypeError
from metal_runtime.frontend.conversions import as_value, explicit, promoted, unify
from metal_runtime.frontend.operands import IntLiteral, Numeric, Value, float_literal, int_literal
from metal_runtime.frontend.read_source import written
from metal_runtime.ir.nodes import Apply, Cast, Constant, Construct, Expr, MatrixFill
from metal_runtime.ir.operators import OPERATORS, OperatorTypeError
from metal_runtime.msl_types import Matrix, ValueType, Vector, element_of, type_name
from metal_runtime.source import SourceSpan

Reuse = Callable[[Expr, str], Expr]
"""Makes an expression safe to be written twice: it is evaluated once."""

_BINARY: dict[type[ast.operator], tuple[str, str]] = {
    ast.Add: ("add", "+"), ast.Sub: ("sub", "-"), ast.Mult: ("mul", "*"), ast.Div: ("div", "/"),
    ast.FloorDiv: ("floordiv", "//"), ast.Mod: ("mod", "%"), ast.Pow: ("pow", "**"),
    ast.LShift: ("shl", "<<"), ast.RShift: ("shr", ">>"),
    ast.BitAnd: ("bit_and", "&"), ast.BitOr: ("bit_or", "|"), ast.BitXor: ("bit_xor", "^"),
}  # fmt: skip
SYMBOLS = {kind: symbol for kind, (_, symbol) in _BINARY.items()}
"""How Python writes each binary operator."""

_COMPARISONS: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Eq: ("eq", "=="), ast.NotEq: ("ne", "!="), ast.Lt: ("lt", "<"), ast.LtE: ("le", "<="),
    ast.Gt: ("gt", ">"), ast.GtE: ("ge", ">="),
}  # fmt: skip
_FOLDED: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.Pow: operator.pow,
    ast.LShift: operator.lshift, ast.RShift: operator.rshift,
    ast.BitAnd: operator.and_, ast.BitOr: operator.or_, ast.BitXor: operator.xor,
    ast.Div: operator.truediv,
}  # fmt: skip
_DIVISIONS = (ast.Div, ast.FloorDiv, ast.Mod)
_MAX_EXPONENT = 4096  # of a literal power: beyond it the result has more than 64 bits anyway


def apply(name: str, args: list[Expr], span: SourceSpan, symbol: str | None = None) -> Expr:
    """A row of the operator table on arguments that have been converted already."""
    row = OPERATORS[name]
    types: list[ValueType] = [a.type for a in args]  # type: ignore[misc]
    try:
        return Apply(row, tuple(args), row.result_type(types), span=span)
    except OperatorTypeError as error:
        raise KernelTypeError(
            f"`{symbol or name}` {error}", span, hint=_hint(name, types)
        ) from None


def _hint(name: str, types: list[ValueType]) -> str | None:
    element = element_of(types[0])
    if name in ("bit_and", "bit_or", "bit_xor", "shl", "shr", "bit_not") and element.is_float:
        return "bit operations need integers; convert with int(...) or metal.uint(...)"
    if element is DType.BOOL:
        return "convert with int(...), or use `and`, `or`, `not`"
    return None


def binary(
    op: ast.operator, left: Numeric, right: Numeric, span: SourceSpan, reuse: Reuse
) -> Numeric:
    """``left op right``."""
    kind = type(op)
    if isinstance(left, IntLiteral) and isinstance(right, IntLiteral):
        return _fold(kind, left, right, span)
    name, symbol = _BINARY[kind]
    by_zero = kind in _DIVISIONS and isinstance(right, IntLiteral) and right.value == 0
    if by_zero and not element_of(as_value(left).type).is_float:
        raise KernelTypeError("division by zero", right.span)
    if kind is ast.Pow:
        expr = _power(left, right, span, reuse)
    elif kind in (ast.LShift, ast.RShift):
        expr = _shift(name, symbol, left, right, span)
    else:
        bits = kind in (ast.BitAnd, ast.BitOr, ast.BitXor)
        keep = bits and _both_bool(left, right)
        expr = apply(name, unify([left, right], span, promote=not keep), span, symbol)
    counted = left if kind in (ast.LShift, ast.RShift) else None
    return Value(expr, span, weak=_is_weak_integer(expr, [counted] if counted else [left, right]))


def _is_weak_integer(expr: Expr, operands: list[Numeric]) -> bool:
    weak = all(isinstance(o, IntLiteral) or o.weak for o in operands)
    return weak and isinstance(expr.type, DType) and expr.type.is_integer


def _both_bool(left: Numeric, right: Numeric) -> bool:
    return all(isinstance(o, Value) and o.type is DType.BOOL for o in (left, right))


def _fold(
    kind: type[ast.operator], left: IntLiteral, right: IntLiteral, span: SourceSpan
) -> Numeric:
    a, b = left.value, right.value
    symbol = _BINARY[kind][1]
    if kind in _DIVISIONS and b == 0:
        raise KernelTypeError("division by zero", span)
    if kind in (ast.LShift, ast.RShift) and b < 0:
        raise KernelTypeError("a shift by a negative count", span)
    if kind is ast.Div:
        if a % b:
            raise KernelTypeError(
                f"{a} / {b} is an integer division, which drops the fraction",
                span,
                hint=f"write {a}.0 / {b} for {a / b:g}, or {a} // {b} for {a // b}",
            )
        return IntLiteral(a // b, span)
    if kind is ast.Pow and b < 0:
        if a == 0:
            raise KernelTypeError("division by zero", span)
        return float_literal(float(a) ** b, span)
    if kind in (ast.LShift, ast.Pow) and b > _MAX_EXPONENT:
        raise KernelTypeError(f"{a} {symbol} {b} does not fit into 64 bits", span)
    hexadecimal = left.hexadecimal or right.hexadecimal
    return int_literal(_FOLDED[kind](a, b), span, hexadecimal=hexadecimal)


def _shift(name: str, symbol: str, left: Numeric, right: Numeric, span: SourceSpan) -> Expr:
    """The type is that of the promoted left operand; the count counts modulo its width."""
    if isinstance(right, IntLiteral) and right.value < 0:
        raise KernelTypeError("a shift by a negative count", right.span)
    shifted, count = as_value(left).expr, as_value(right).expr
    if isinstance(count.type, Vector) and not isinstance(shifted.type, Vector):
        return apply(name, unify([left, right], span, promote=True), span, symbol)
    if isinstance(shifted.type, Vector):
        return apply(name, unify([left, right], span, promote=True), span, symbol)
    assert isinstance(count.type, DType)
    assert isinstance(shifted.type, DType)
    for operand in (left, right):
        if isinstance(operand, Value) and element_of(operand.type).is_float:
            apply(name, [operand.expr, operand.expr], operand.span, symbol)  # raises
    type_ = promoted(shifted.type)
    args = [explicit(Value(e, span), type_, e.span or span) for e in (shifted, count)]
    return apply(name, args, span, symbol)


def _power(left: Numeric, right: Numeric, span: SourceSpan, reuse: Reuse) -> Expr:
    """Integers multiply; a square and a cube of anything multiply too; else MSL's pow."""
    if isinstance(right, IntLiteral):
        base = as_value(left).expr
        if right.value in (2, 3):
            return _small_power(left, right.value, span, reuse)
        if element_of(base.type).is_integer and right.value < 0:  # type: ignore[arg-type]
            raise KernelTypeError(
                f"an integer to the power {right.value} is no integer",
                span,
                hint=f"write `float({written(as_value(left).span)}) ** {right.value}`",
            )
    args = unify([left, right], span, promote=True)
    integral = element_of(args[0].type).is_integer  # type: ignore[arg-type]
    return apply("ipow" if integral else "pow", args, span, "**")


def _small_power(left: Numeric, exponent: int, span: SourceSpan, reuse: Reuse) -> Expr:
    (base,) = unify([left], span, promote=True)
    factor = reuse(base, "base")
    square = apply("mul", [factor, factor], span, "**")
    return square if exponent == 2 else apply("mul", [square, factor], span, "**")


def unary(op: ast.unaryop, operand: Numeric, span: SourceSpan) -> Numeric:
    """``-x``, ``+x``, ``~x``; `not` is made by conditions.py."""
    if isinstance(operand, IntLiteral):
        value = {ast.USub: -operand.value, ast.UAdd: operand.value, ast.Invert: ~operand.value}
        return IntLiteral(value[type(op)], span, operand.hexadecimal)
    expr = operand.expr
    element = element_of(operand.type)
    if isinstance(op, ast.Invert):
        if element is DType.BOOL:
            raise KernelTypeError(
                "`~` of a bool is not its opposite",
                span,
                hint=f"write `not {written(operand.span)}`",
            )
        (arg,) = unify([operand], span, promote=True)
        return Value(apply("bit_not", [arg], span, "~"), span, weak=operand.weak)
    (arg,) = unify([operand], span, promote=True)
    if isinstance(op, ast.UAdd):
        if element is DType.BOOL and isinstance(operand.type, Vector):
            raise KernelTypeError("`+` takes numbers, not booleans", span)
        return Value(arg, span, operand.weak)
    if isinstance(expr, Constant) and expr.type.is_float:
        return Value(Constant(-float(expr.value), expr.type, span=span), span, operand.weak)
    return Value(_negated(arg, span), span, operand.weak and element.is_integer)


def _negated(arg: Expr, span: SourceSpan) -> Expr:
    element = element_of(arg.type)  # type: ignore[arg-type]
    if element.is_signed or element is DType.BOOL:
        return apply("neg", [arg], span, "-")
    return apply("sub", [zero(arg.type, span), arg], span, "-")  # type: ignore[arg-type]


def compare(op: ast.cmpop, left: Numeric, right: Numeric, span: SourceSpan) -> Value:
    """``left op right``: bool, or a vector of bool."""
    name, symbol = _COMPARISONS[type(op)]
    if isinstance(left, IntLiteral) and isinstance(right, IntLiteral):
        folded: bool = getattr(operator, name)(left.value, right.value)
        return Value(Constant(folded, DType.BOOL, span=span), span)
    args = unify([left, right], span, promote=False, ordered=True)
    if name not in ("eq", "ne") and args[0].type is DType.BOOL:
        args = [Cast(a, DType.INT32, span=a.span) for a in args]
    return Value(apply(name, args, span, symbol), span)


def zero(type_: ValueType | Matrix, span: SourceSpan | None) -> Expr:
    """The value 0 of a type."""
    if isinstance(type_, Matrix):
        return MatrixFill(zero(type_.element, span), True, type_, span=span)
    element = element_of(type_)
    value: bool | int | float = False if element is DType.BOOL else 0.0 if element.is_float else 0
    scalar = Constant(value, element, span=span)
    return Construct((scalar,), type_, span=span) if isinstance(type_, Vector) else scalar


def truth(operand: Numeric, span: SourceSpan) -> Expr:
    """What a condition means: a bool itself, a number other than zero."""
    if isinstance(operand, IntLiteral):
        return Constant(operand.value != 0, DType.BOOL, span=span)
    if isinstance(operand.type, Vector):
        text = written(operand.span)
        raise KernelTypeError(
            f"a `{operand.type}` is no condition",
            operand.span,
            hint=f"write `metal.any({text})` or `metal.all({text})`"
            if operand.type.element is DType.BOOL
            else f"compare it, and write metal.any(...) or metal.all(...): `metal.any({text} != 0)`",
        )
    if operand.type is DType.BOOL:
        return operand.expr
    return apply("ne", [operand.expr, zero(operand.type, span)], span)


def require_bool(operand: Numeric, symbol: str) -> Expr:
    """An operand of and/or/not as a value."""
    value = as_value(operand)
    if value.type is not DType.BOOL:
        text = written(operand.span)
        hint = f"compare it: `{text} != 0`"
        if isinstance(value.type, Vector):
            hint = f"write `metal.any({text})` or `metal.all({text})`"
        raise KernelTypeError(
            f"`{symbol}` takes bool, not `{type_name(value.type)}`", operand.span, hint=hint
        )
    return value.expr
