"""Library functions whose arguments are not of one type, or whose result is a pair: calls in, operands out."""

from __future__ import annotations

import ast
import math
from functools import partial
from typing import Any

from metal_runtime import language
from metal_runtime.dtype import DType
from metal_runtime.errors import KernelTypeError
from metal_runtime.frontend import operations
from metal_runtime.frontend.annotations import annotated, value_type
from metal_runtime.frontend.context import Lowerer
from metal_runtime.frontend.conversions import as_value, fits, implicit, unify
from metal_runtime.frontend.intrinsics import CallSite, Intrinsic, apply_operator
from metal_runtime.frontend.operands import IntLiteral, Numeric, Operand, TupleOperand, Value
from metal_runtime.frontend.read_source import written
from metal_runtime.ir.nodes import Bitcast, Constant, Expr
from metal_runtime.ir.operators import OPERATORS, Fixed
from metal_runtime.ir.verify_expressions import same_bits
from metal_runtime.msl_types import (
    ValueType,
    Vector,
    element_of,
    type_name,
    with_element,
)

_PATTERNS = {8: DType.UINT8, 16: DType.UINT16, 32: DType.UINT32, 64: DType.UINT64}


# --- bits ----------------------------------------------------------------------------------------


def _as_type(lowerer: Lowerer, call: CallSite) -> Operand:
    """``as_type(float, x)``; an integer literal is a pattern of as many bits as the type has."""
    target = _target(lowerer, call)
    operand = lowerer.number(call.args[1])
    expr = _pattern(operand, target) if isinstance(operand, IntLiteral) else operand.expr
    source: ValueType = expr.type  # type: ignore[assignment]
    if not same_bits(source, target):
        raise KernelTypeError(
            f"the bits of a `{type_name(source)}` are not those of a `{type_name(target)}`",
            call.span,
            hint=_bits_hint(call.text, operand, source, target),
        )
    return Value(Bitcast(expr, target, span=call.span), call.span)


def _target(lowerer: Lowerer, call: CallSite) -> ValueType:
    """The type that stands first."""
    context, node = lowerer.context, call.args[0] if call.args else call.node
    is_value = isinstance(node, ast.Name) and context.scope.meaning.get(node) is not None
    if is_value or len(call.args) < 2:
        value = context.source.text(node) if call.args else "x"
        raise context.source.error(
            f"`{call.text}` takes a type and a value", node, f"write `{call.text}(metal.uint, {value})`"
        )  # fmt: skip
    call.expect(2)
    type_ = annotated(node, context.source, context.environment)
    return value_type(type_, node, context.source, f"the result of `{call.text}`")


def _pattern(literal: IntLiteral, target: ValueType) -> Expr:
    unsigned = _PATTERNS.get(element_of(target).bits)
    if isinstance(target, Vector) or unsigned is None or not fits(literal.value, unsigned):
        return as_value(literal).expr
    return Constant(literal.value, unsigned, span=literal.span)


def _bits_hint(function: str, operand: Numeric, source: ValueType, target: ValueType) -> str:
    text = written(operand.span)
    if element_of(source) is DType.BOOL:
        return f"a bool is no pattern of bits; convert it: `int({text})`"
    if element_of(target) is DType.BOOL:
        return f"a bool is no pattern of bits; compare: `{text} != 0`"
    whole = type_name(with_element(source, _PATTERNS[element_of(source).bits]))
    return f"those of a `{type_name(source)}` are `{function}(metal.{whole}, {text})`"


def _select(lowerer: Lowerer, call: CallSite) -> Operand:
    """``select(a, b, condition)``: one bool counts for all components."""
    call.expect(3)
    *chosen, test = lowerer.numbers(call.args)
    a, b = unify(chosen, call.span, promote=False)
    wanted = with_element(a.type, DType.BOOL)  # type: ignore[arg-type]
    condition = as_value(test)
    if element_of(condition.type) is not DType.BOOL:
        raise KernelTypeError(
            f"the condition of `{call.text}` is `{type_name(condition.type)}`, not bool",
            test.span,
            hint=f"compare it: `{written(test.span)} != 0`",
        )
    if isinstance(condition.type, Vector) and condition.type != wanted:
        raise KernelTypeError(
            f"the condition is `{condition.type}`, but the values are `{type_name(a.type)}`",
            test.span,
            hint="give a bool, or one for each component",
        )
    weak = isinstance(a.type, DType) and a.type.is_integer
    weak = weak and all(isinstance(o, IntLiteral) or o.weak for o in chosen)
    args = [a, b, implicit(condition, wanted, "the condition")]
    return Value(operations.apply("select", args, call.span, call.text), call.span, weak)


def _bit_field(name: str, lowerer: Lowerer, call: CallSite) -> Operand:
    """``extract_bits(x, offset, bits)`` and ``insert_bits(base, insert, offset, bits)``."""
    call.expect(OPERATORS[name].arity)
    *values, offset, count = lowerer.numbers(call.args)
    args = unify(values, call.span, promote=False)
    width = element_of(args[0].type).bits  # type: ignore[arg-type]
    if isinstance(offset, IntLiteral) and isinstance(count, IntLiteral):
        inside = offset.value >= 0 and count.value >= 0 and offset.value + count.value <= width
        if not inside:
            raise KernelTypeError(
                f"bits {offset.value} to {offset.value + count.value} are not all in {width} bits",
                call.span,
                hint=f"offset and number of bits are at most {width} together",
            )
    for operand, what in ((offset, "offset"), (count, "number of bits")):
        args.append(implicit(operand, DType.UINT32, f"the {what}"))
    return Value(operations.apply(name, args, call.span, call.text), call.span)


# --- mathematics ---------------------------------------------------------------------------------


def _floating(operand: Numeric, call: CallSite) -> Expr:
    """An operand as a floating-point number; integers become float."""
    if isinstance(operand, Value) and (
        element_of(operand.type).is_float or isinstance(operand.type, Vector)
    ):
        return operand.expr
    return implicit(operand, DType.FLOAT32, f"`{call.text}`")


def _ldexp(lowerer: Lowerer, call: CallSite) -> Operand:
    call.expect(2)
    x, k = lowerer.numbers(call.args)
    value = _floating(x, call)
    wanted = with_element(value.type, DType.INT32)  # type: ignore[arg-type]
    args = [value, implicit(k, wanted, f"the exponent of `{call.text}`")]
    return Value(operations.apply("ldexp", args, call.span, call.text), call.span)


def _refract(lowerer: Lowerer, call: CallSite) -> Operand:
    call.expect(3)
    *directions, eta = lowerer.numbers(call.args)
    args = unify(directions, call.span, promote=False)
    element = element_of(args[0].type)  # type: ignore[arg-type]
    args.append(implicit(eta, element, f"the ratio of `{call.text}`"))
    return Value(operations.apply("refract", args, call.span, call.text), call.span)


def _fixed(name: str, lowerer: Lowerer, call: CallSite) -> Operand:
    """A function of one argument of one type: the pack functions."""
    call.expect(1)
    rule = OPERATORS[name].rule
    assert isinstance(rule, Fixed)
    args = [implicit(lowerer.number(call.args[0]), rule.argument, f"the argument of `{call.text}`")]
    return Value(operations.apply(name, args, call.span, call.text), call.span)


def _once(lowerer: Lowerer, call: CallSite) -> Value:
    """The one argument, in a form that may be written twice."""
    call.expect(1)
    expr = _floating(lowerer.number(call.args[0]), call)
    return Value(lowerer.reuse(expr, "x"), call.span)


def _sincos(lowerer: Lowerer, call: CallSite) -> Operand:
    """A pair, of two functions of one argument."""
    operand = _once(lowerer, call)
    pair = tuple(apply_operator(name, [operand], call) for name in ("sin", "cos"))
    return TupleOperand(pair, call.span)


def _modf(lowerer: Lowerer, call: CallSite) -> Operand:
    """The fraction with the sign of x, 0 of an infinity; and the whole part."""
    x, span = _once(lowerer, call).expr, call.span

    def apply(name: str, *args: Expr) -> Expr:
        return operations.apply(name, list(args), span, call.text)

    whole = lowerer.reuse(apply("trunc", x), "whole")
    none = operations.zero(x.type, span)  # type: ignore[arg-type]
    rest = apply("select", apply("sub", x, whole), none, apply("isinf", x))
    return TupleOperand((Value(apply("copysign", rest, x), span), Value(whole, span)), span)


MIXED_TYPES: dict[Any, Intrinsic] = {
    language.as_type: _as_type,
    language.select: _select,
    language.extract_bits: partial(_bit_field, "extract_bits"),
    language.insert_bits: partial(_bit_field, "insert_bits"),
    language.ldexp: _ldexp,
    math.ldexp: _ldexp,
    language.refract: _refract,
    language.sincos: _sincos,
    language.modf: _modf,
    math.modf: _modf,
    **{function: partial(_fixed, name) for name, function in language.PACKING.items()},
}
"""By the object that the user's text names."""
