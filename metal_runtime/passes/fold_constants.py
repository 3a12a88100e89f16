"""Constants are computed and identities applied: a kernel in, a simpler one with the same bits out.

An identity on floats stands here only if it holds for NaN, infinities and both zeros.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from metal_runtime.dtype import DType
from metal_runtime.ir.effects import Effects
from metal_runtime.ir.interpret import convert
from metal_runtime.ir.nodes import (
    Apply,
    Block,
    Cast,
    Constant,
    Construct,
    Expr,
    For,
    If,
    Kernel,
    Read,
    Select,
    Swizzle,
    While,
    value_type,
)
from metal_runtime.ir.operators import OPERATORS
from metal_runtime.ir.walk import Rewriter
from metal_runtime.msl_types import Vector, element_of

_INVERSE = {"eq": "ne", "ne": "eq"}
_INTEGER_INVERSE = {"lt": "ge", "ge": "lt", "gt": "le", "le": "gt"}


def fold_constants(kernel: Kernel) -> Kernel:
    """Folds every function of the program."""
    folded: Kernel = _Folder(Effects(kernel)).rewrite(kernel)
    return folded


class _Folder(Rewriter):
    def __init__(self, effects: Effects) -> None:
        self._effects = effects

    def _is_droppable(self, node: Expr) -> bool:
        return self._effects.is_pure(node) and not self._effects.may_trap(node)

    # --- expressions ---

    def rewrite_Apply(self, node: Apply) -> Expr:
        folded = _computed(node)
        if folded is not None:
            return folded
        if node.operator.lazy:
            return self._lazy(node)
        if len(node.args) == 2:
            return self._binary(node)
        if node.operator.name in ("neg", "bit_not", "logical_not"):
            return _unary(node)
        return node

    def _lazy(self, node: Apply) -> Expr:
        left, right = node.args
        deciding = node.operator.name == "logical_or"
        if isinstance(left, Constant):
            return left if left.value is deciding else right
        if isinstance(right, Constant):
            if right.value is not deciding:
                return left
            return right if self._is_droppable(left) else node
        return node

    def _binary(self, node: Apply) -> Expr:
        name, (left, right) = node.operator.name, node.args
        first, second = _repeated_constant(left), _repeated_constant(right)
        if second is not None and _is_neutral(name, second, right=True):
            return left
        if first is not None and _is_neutral(name, first, right=False):
            return right
        if name in ("floordiv", "mod") and second is not None:
            return _by_power_of_two(node, second)
        if name in ("mul", "bit_and") and not element_of(node.type).is_float:
            for constant, zero, other in ((second, right, left), (first, left, right)):
                if constant is not None and constant.value == 0 and self._is_droppable(other):
                    return zero
        return node

    def rewrite_Cast(self, node: Cast) -> Expr:
        if node.value.type == node.type:
            return node.value
        if not isinstance(node.value, Constant) or not isinstance(node.type, DType):
            return node
        value, source = node.value.value, node.value.type
        if source.is_float and node.type.is_integer and not _in_range(value, node.type):
            return node  # the device decides
        with np.errstate(all="ignore"):
            converted = convert(np.array([value], source.numpy_dtype), node.type)
        return Constant(_python_value(converted[0], node.type), node.type, span=node.span)

    def rewrite_Select(self, node: Select) -> Expr:
        if isinstance(node.condition, Constant):
            return node.then if node.condition.value else node.orelse
        alike = node.then == node.orelse and not self._effects.meets(node.then)
        if alike and self._is_droppable(node.condition):
            return node.then
        if node.type is DType.BOOL and isinstance(node.then, Constant):
            if node.then.value is True and _is_bool(node.orelse, False):
                return node.condition
            if node.then.value is False and _is_bool(node.orelse, True):
                return negated(node.condition)
        return node

    def rewrite_Swizzle(self, node: Swizzle) -> Expr:
        vector = node.value
        if isinstance(vector, Construct) and len(node.components) == 1:
            parts = vector.args * (vector.type.width if len(vector.args) == 1 else 1)
            flat = len(parts) == vector.type.width
            if flat and all(isinstance(a, Constant | Read) for a in parts):
                return parts["xyzw".index(node.components)]
        return node

    # --- statements ---

    def rewrite_If(self, node: If) -> If | Block:
        if isinstance(node.condition, Constant):
            return node.then if node.condition.value else node.orelse
        return node

    def rewrite_While(self, node: While) -> While | Block:
        return () if _is_bool(node.condition, False) else node

    def rewrite_For(self, node: For) -> For | Block:
        return () if turns(node) == 0 else node


def turns(node: For) -> int | None:
    """How often a loop turns, if its bounds are constants."""
    bounds = (node.start, node.stop, node.step)
    values = [int(b.value) for b in bounds if isinstance(b, Constant)]
    if len(values) < 3 or values[2] == 0:
        return None
    return len(range(*values))


def _computed(node: Apply) -> Constant | None:
    """The constant that an exact operator gives for scalar constants."""
    constants = [a for a in node.args if isinstance(a, Constant)]
    if len(constants) < len(node.args) or not node.operator.exact:
        return None
    if not isinstance(node.type, DType):
        return None
    divides = node.operator.may_trap and not node.type.is_float
    if divides and constants[1].value in (0, -1):  # may trap
        return None
    with np.errstate(all="ignore"):
        args = [np.array([c.value], c.type.numpy_dtype) for c in constants]
        result = np.asarray(node.operator.numpy(*args)).astype(node.type.numpy_dtype)
    return Constant(_python_value(result[0], node.type), node.type, span=node.span)


def _python_value(value: Any, dtype: DType) -> bool | int | float:
    if dtype is DType.BOOL:
        return bool(value)
    return float(value) if dtype.is_float else int(value)


def _in_range(value: float, dtype: DType) -> bool:
    limits = np.iinfo(dtype.numpy_dtype)
    return float(limits.min) <= value < float(int(limits.max) + 1)


def _repeated_constant(node: Expr) -> Constant | None:
    """The constant that every component of ``node`` is."""
    if isinstance(node, Construct) and len(node.args) == 1:
        node = node.args[0]
    return node if isinstance(node, Constant) and not isinstance(node.type, Vector) else None


def _is_neutral(operator: str, constant: Constant, right: bool) -> bool:
    """Whether the operator gives its other operand, bit by bit."""
    value, dtype = constant.value, constant.type
    if dtype.is_float:
        if operator == "add":
            return repr(value) == "-0.0"  # -0.0 + 0.0 is 0.0
        if operator == "sub":
            return right and repr(value) == "0.0"
        return value == 1 and (operator == "mul" or (right and operator == "div"))
    if operator in ("add", "bit_or", "bit_xor"):
        return value == 0
    if operator in ("sub", "shl", "shr"):
        return right and value == 0
    if operator == "bit_and":
        return value is True or value == (-1 if dtype.is_signed else (1 << dtype.bits) - 1)
    return value == 1 and (operator == "mul" or (right and operator in ("div", "floordiv")))


def _by_power_of_two(node: Apply, divisor: Constant) -> Expr:
    """Floor division of signed integers by 2, 4, 8 … is a shift, and what is left over a mask."""
    value, dtype = divisor.value, divisor.type
    signed = dtype.is_integer and dtype.is_signed
    if not signed or value <= 1 or int(value) & (int(value) - 1):
        return node
    shifts = node.operator.name == "floordiv"
    operand = Constant(int(value).bit_length() - 1 if shifts else int(value) - 1, dtype)
    right = Construct((operand,), node.type) if isinstance(node.type, Vector) else operand
    operator = OPERATORS["shr" if shifts else "bit_and"]
    return Apply(operator, (node.args[0], right), node.type, span=node.span)


def _unary(node: Apply) -> Expr:
    """Of two operators that undo each other nothing is left; ``not`` enters a comparison."""
    inner = node.args[0]
    if not isinstance(inner, Apply):
        return node
    if inner.operator is node.operator:
        return inner.args[0]
    return negated(inner) if node.operator.name == "logical_not" else node


def negated(condition: Expr) -> Expr:
    """The opposite. ``not (a < b)`` is ``a >= b`` for integers only: NaN is neither."""
    if isinstance(condition, Apply):
        name = condition.operator.name
        inverse = _INVERSE.get(name)
        if inverse is None and not element_of(value_type(condition.args[0])).is_float:
            inverse = _INTEGER_INVERSE.get(name)
        if inverse is not None:
            return Apply(OPERATORS[inverse], condition.args, condition.type, span=condition.span)
    return Apply(OPERATORS["logical_not"], (condition,), value_type(condition), span=condition.span)


def _is_bool(node: Expr, value: bool) -> bool:
    return isinstance(node, Constant) and node.value is value
