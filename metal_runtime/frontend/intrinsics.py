"""What `math`, NumPy, Python's built-ins and the metal namespace offer in kernels: object -> translation."""

from __future__ import annotations

import ast
import builtins
import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from typing import Any

import numpy as np

from metal_runtime import language
from metal_runtime.dtype import DType
from metal_runtime.errors import KernelTypeError
from metal_runtime.frontend import operations, vectors
from metal_runtime.frontend.context import Lowerer
from metal_runtime.frontend.conversions import explicit, implicit, unify
from metal_runtime.frontend.operands import (
    Buffer,
    IntLiteral,
    Numeric,
    Operand,
    TupleOperand,
    Value,
    float_literal,
)
from metal_runtime.ir import operators as rules
from metal_runtime.ir.builtins import BUILTINS
from metal_runtime.ir.nodes import Builtin, Cast
from metal_runtime.ir.operators import OPERATORS
from metal_runtime.language.positions import Index, Position
from metal_runtime.language.types import Value as LanguageType
from metal_runtime.msl_types import ValueType, Vector, element_of, with_element
from metal_runtime.source import SourceSpan


@dataclass(frozen=True, slots=True)
class CallSite:
    """A call of something that is no function of the user's."""

    node: ast.Call
    text: str
    """How the user wrote the callee."""

    args: tuple[ast.expr, ...]
    span: SourceSpan

    def expect(self, *counts: int) -> None:
        """Raises KernelTypeError unless the number of arguments is one of ``counts``."""
        if len(self.args) in counts:
            return
        wanted = " or ".join(map(str, counts))
        plural = "" if counts == (1,) else "s"
        raise KernelTypeError(
            f"`{self.text}` takes {wanted} argument{plural}, not {len(self.args)}", self.span
        )


Intrinsic = Callable[[Lowerer, CallSite], Operand]

_FLOAT_RULES = (
    rules.floating,
    rules.float_predicate,
    rules.float_vector,
    rules.float_vector_reduction,
    rules.vector3,
    rules.float_or_half,
    rules.power_of_two,
)


# --- rows of the operator table ------------------------------------------------------------------


def _operator(name: str, lowerer: Lowerer, call: CallSite, *, to_float: bool = False) -> Operand:
    """A function of the operator table; integers become float where it is one of floating point."""
    row = OPERATORS[name]
    call.expect(row.arity)
    return apply_operator(name, lowerer.numbers(call.args), call, to_float=to_float)


def apply_operator(
    name: str, operands: Sequence[Numeric], call: CallSite, *, to_float: bool = False
) -> Operand:
    """The same, of operands."""
    floating = to_float or OPERATORS[name].rule in _FLOAT_RULES
    weak = not floating and all(isinstance(o, IntLiteral) or o.weak for o in operands)
    ordered = name in ("min", "max", "clamp", "min3", "max3", "median3")
    args = unify(operands, call.span, promote=False, ordered=ordered)
    element = element_of(args[0].type)  # type: ignore[arg-type]
    is_scalar = isinstance(args[0].type, DType)
    if floating and is_scalar and not element.is_float:
        args = [implicit(o, DType.FLOAT32, f"`{call.text}`") for o in operands]
    elif element is DType.BOOL and is_scalar and name not in ("any", "all"):
        args = [implicit(o, DType.INT32, f"`{call.text}`") for o in operands]
    expr = operations.apply(name, args, call.span, call.text)
    keeps = weak and isinstance(expr.type, DType) and expr.type.is_integer
    return Value(expr, call.span, weak=keeps)


def _fold(name: str, lowerer: Lowerer, call: CallSite) -> Operand:
    """Python's min and max of two or more."""
    operands = lowerer.numbers(call.args)
    if len(operands) < 2:
        raise KernelTypeError(
            f"`{call.text}` takes two numbers or more", call.span, hint="write a `for` loop over a buffer"
        )  # fmt: skip
    if all(isinstance(o, IntLiteral) for o in operands):
        values = [o.value for o in operands if isinstance(o, IntLiteral)]
        return IntLiteral(min(values) if name == "min" else max(values), call.span)
    args = unify(operands, call.span, promote=False, ordered=True)
    weak = all(isinstance(o, IntLiteral) or o.weak for o in operands)
    if args[0].type is DType.BOOL:
        args = [Cast(a, DType.INT32, span=a.span) for a in args]
    expr = reduce(lambda a, b: operations.apply(name, [a, b], call.span, call.text), args)
    keeps = weak and isinstance(expr.type, DType) and expr.type.is_integer
    return Value(expr, call.span, weak=keeps)


# --- conversions ---------------------------------------------------------------------------------


def _convert(target: ValueType, lowerer: Lowerer, call: CallSite) -> Operand:
    """``metal.uint(x)``, ``int(x)``, ``np.float32(x)``, and the constructors of vectors."""
    if not call.args:
        return Value(operations.zero(target, call.span), call.span)
    if isinstance(target, Vector):
        return vectors.construct(target, lowerer.numbers(call.args), call.span)
    call.expect(0, 1)
    return Value(explicit(lowerer.number(call.args[0]), target, call.span), call.span)


def converter(target: ValueType) -> Intrinsic:
    """The translation of a type that is called."""
    return partial(_convert, target)


def _rounded_to_int(name: str, lowerer: Lowerer, call: CallSite) -> Operand:
    """Python's round, math.floor, math.ceil, math.trunc: an int."""
    call.expect(1)
    operand = lowerer.number(call.args[0])
    if isinstance(operand, IntLiteral):
        return operand
    if element_of(operand.type).is_integer:
        return operand
    if isinstance(operand.type, Vector):
        raise KernelTypeError(
            f"`{call.text}` gives one int, but this is a `{operand.type}`",
            call.span,
            hint=f"write metal.{name}(...), which rounds each component",
        )
    if operand.type is DType.BOOL:
        return Value(explicit(operand, DType.INT32, call.span), call.span)
    rounded = operations.apply(name, [operand.expr], call.span, call.text)
    return Value(Cast(rounded, DType.INT32, span=call.span), call.span)


def _round(lowerer: Lowerer, call: CallSite) -> Operand:
    if len(call.args) == 2:
        raise KernelTypeError(
            "`round` to a number of digits is not supported",
            call.span,
            hint="write `metal.rint(x * 100.0) / 100.0`",
        )
    return _rounded_to_int("rint", lowerer, call)


# --- Python and math -----------------------------------------------------------------------------


def _power(lowerer: Lowerer, call: CallSite) -> Operand:
    call.expect(2)
    left, right = lowerer.numbers(call.args)
    return operations.binary(ast.Pow(), left, right, call.span, lowerer.reuse)


def _divmod(lowerer: Lowerer, call: CallSite) -> Operand:
    call.expect(2)
    pair = []
    for operand in lowerer.numbers(call.args):
        once = isinstance(operand, Value)
        pair.append(Value(lowerer.reuse(operand.expr, "part"), operand.span, operand.weak) if once else operand)  # type: ignore[union-attr]  # fmt: skip
    left, right = pair
    quotient = operations.binary(ast.FloorDiv(), left, right, call.span, lowerer.reuse)
    rest = operations.binary(ast.Mod(), left, right, call.span, lowerer.reuse)
    return TupleOperand((quotient, rest), call.span)


def _len(lowerer: Lowerer, call: CallSite) -> Operand:
    call.expect(1)
    operand = lowerer.lower(call.args[0])
    if isinstance(operand, TupleOperand):
        return IntLiteral(len(operand.items), call.span)
    if isinstance(operand, Value) and isinstance(operand.type, Vector):
        return IntLiteral(operand.type.width, call.span)
    hint = "pass the length as a parameter, such as `n`" if isinstance(operand, Buffer) else None
    raise KernelTypeError("`len` takes a tuple of constants or a vector", call.span, hint=hint)


def _range(lowerer: Lowerer, call: CallSite) -> Operand:
    raise KernelTypeError(
        "`range` stands in the head of a `for` loop only", call.span, hint="write `for i in range(n):`"
    )  # fmt: skip


def _print(lowerer: Lowerer, call: CallSite) -> Operand:
    raise KernelTypeError(
        "`print` is not supported in kernels yet",
        call.span,
        hint="write the value to a buffer and print that on the host",
    )


def _log(lowerer: Lowerer, call: CallSite) -> Operand:
    """math.log(x) and math.log(x, base)."""
    call.expect(1, 2)
    if len(call.args) == 1:
        return _operator("log", lowerer, call)
    parts = [apply_operator("log", [o], call) for o in lowerer.numbers(call.args)]
    left, right = (p for p in parts if isinstance(p, Value))
    return operations.binary(ast.Div(), left, right, call.span, lowerer.reuse)


def _scaled(factor: float, lowerer: Lowerer, call: CallSite) -> Operand:
    """math.degrees and math.radians."""
    call.expect(1)
    operand = lowerer.number(call.args[0])
    scale = float_literal(factor, call.span)
    if isinstance(operand, Value) and element_of(operand.type).is_float:
        target = with_element(operand.type, element_of(operand.type))
        args = [operand.expr, implicit(scale, target, "the factor")]
    else:
        args = [implicit(operand, DType.FLOAT32, f"`{call.text}`"), scale.expr]
    return Value(operations.apply("mul", args, call.span, call.text), call.span)


def _where(lowerer: Lowerer, call: CallSite) -> Operand:
    """np.where(condition, a, b): as a conditional expression."""
    call.expect(3)
    test, then, orelse = call.args
    return lowerer.select(call.node, lowerer.condition(test), then, orelse)


# --- thread and grid positions -------------------------------------------------------------------


def _builtin(name: str, components: str, span: SourceSpan) -> Value:
    type_ = BUILTINS[name]
    whole = Value(Builtin(name, type_, span=span), span)
    if not components or not isinstance(type_, Vector):
        return whole
    return vectors.swizzle(whole, components, span)


def _position(name: str, components: str, lowerer: Lowerer, call: CallSite) -> Operand:
    call.expect(0)
    return _builtin(name, components, call.span)


def _group_position(lowerer: Lowerer, call: CallSite) -> Operand:
    """program_id(axis) and threadgroup_id(axis)."""
    call.expect(0, 1)
    axis = lowerer.number(call.args[0]) if call.args else IntLiteral(0, call.span)
    if not isinstance(axis, IntLiteral) or axis.value not in (0, 1, 2):
        raise KernelTypeError(
            f"the axis of `{call.text}` is the constant 0, 1 or 2", axis.span, hint="0 is x, 1 is y, 2 is z"
        )  # fmt: skip
    return _builtin("threadgroup_position_in_grid", "xyz"[axis.value], call.span)


# --- the tables ----------------------------------------------------------------------------------

_SAME_IN_MATH = (
    "sqrt exp exp2 expm1 log2 log10 log1p sin cos tan asin acos atan atan2 sinh cosh tanh asinh "
    "acosh atanh erf erfc pow hypot fmod copysign cbrt isnan isinf isfinite fma nextafter"
)
_SAME_IN_NUMPY = (
    "sqrt exp exp2 expm1 log log2 log10 log1p sin cos tan sinh cosh tanh hypot floor ceil trunc "
    "rint fmod copysign sign isnan isinf isfinite signbit cbrt nextafter"
)
_RENAMED_IN_NUMPY = {
    "absolute": "abs", "fabs": "abs", "arcsin": "asin", "arccos": "acos", "arctan": "atan",
    "arctan2": "atan2", "arcsinh": "asinh", "arccosh": "acosh", "arctanh": "atanh",
    "maximum": "max", "minimum": "min", "fmax": "max", "fmin": "min", "clip": "clamp",
    "floor_divide": "floordiv", "mod": "mod", "remainder": "mod",
}  # fmt: skip
_RENAMED_IN_METAL = {
    "fabs": "abs", "fmin": "min", "fmax": "max",
    "fmin3": "min3", "fmax3": "max3", "fmedian3": "median3",
}  # fmt: skip


def _metal_table() -> dict[Any, Intrinsic]:
    table: dict[Any, Intrinsic] = {}
    for name in language.__all__:
        thing = getattr(language, name)
        if isinstance(thing, type) and issubclass(thing, LanguageType):
            table[thing] = converter(thing.msl_type)
        elif isinstance(thing, Position | Index):
            table[thing] = partial(_position, name, "")
        elif name in OPERATORS:
            table[thing] = partial(_operator, name)
        elif name in _RENAMED_IN_METAL:
            table[thing] = partial(_operator, _RENAMED_IN_METAL[name], to_float=True)
    grid = "thread_position_in_grid"
    table |= {
        language.thread_id: partial(_position, grid, "x"),
        language.thread_id_x: partial(_position, grid, "x"),
        language.thread_id_y: partial(_position, grid, "y"),
        language.thread_id_z: partial(_position, grid, "z"),
        language.thread_id_2d: partial(_position, grid, "xy"),
        language.thread_id_3d: partial(_position, grid, ""),
        language.program_id: _group_position,
        language.threadgroup_id: _group_position,
    }
    return table


def _python_table() -> dict[Any, Intrinsic]:
    table: dict[Any, Intrinsic] = {
        builtins.abs: partial(_operator, "abs"),
        builtins.min: partial(_fold, "min"),
        builtins.max: partial(_fold, "max"),
        builtins.any: partial(_operator, "any"),
        builtins.all: partial(_operator, "all"),
        builtins.round: _round,
        builtins.pow: _power,
        builtins.divmod: _divmod,
        builtins.len: _len,
        builtins.range: _range,
        builtins.print: _print,
        math.log: _log,
        math.fabs: partial(_operator, "abs", to_float=True),
        math.floor: partial(_rounded_to_int, "floor"),
        math.ceil: partial(_rounded_to_int, "ceil"),
        math.trunc: partial(_rounded_to_int, "trunc"),
        math.degrees: partial(_scaled, 180 / math.pi),
        math.radians: partial(_scaled, math.pi / 180),
        np.where: _where,
        np.power: _power,
        np.degrees: partial(_scaled, 180 / math.pi),
        np.radians: partial(_scaled, math.pi / 180),
        np.rad2deg: partial(_scaled, 180 / math.pi),
        np.deg2rad: partial(_scaled, math.pi / 180),
    }
    for name in _SAME_IN_MATH.split():
        if hasattr(math, name):  # some are new in later versions of Python
            table[getattr(math, name)] = partial(_operator, name)
    for name in _SAME_IN_NUMPY.split():
        table[getattr(np, name)] = partial(_operator, name)
    for numpy_name, name in _RENAMED_IN_NUMPY.items():
        table[getattr(np, numpy_name)] = partial(_operator, name)
    return table


INTRINSICS: dict[Any, Intrinsic] = {**_python_table(), **_metal_table()}
"""By the object that the user's text names."""


def in_order(lowerer: Lowerer, node: ast.Call, text: str, callee: Any) -> tuple[ast.expr, ...]:
    """The arguments of a call in the order of the callee's parameters."""
    if not node.keywords:
        return tuple(node.args)
    source = lowerer.context.source
    named = {k.arg: k.value for k in node.keywords if k.arg is not None}
    if getattr(callee, "__module__", "").startswith("metal_runtime.language.") and inspect.isfunction(callee):  # fmt: skip
        try:
            bound = inspect.signature(callee).bind(*node.args, **named)
        except TypeError as error:
            raise source.error(f"`{text}`: {error}", node) from None
        return bound.args
    raise source.error(
        f"`{text}` takes no keyword arguments in a kernel",
        node.keywords[0],
        "write the value alone",
    )
