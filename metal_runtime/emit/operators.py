"""How an operator is written for the types of its arguments: an Apply in, its spelling and its operands out."""

from __future__ import annotations

from metal_runtime.emit import spelling
from metal_runtime.emit.promotion import is_narrow
from metal_runtime.emit.spelling import HelperFunction, Spelling
from metal_runtime.ir.nodes import Apply, Construct, Expr, value_type
from metal_runtime.msl_types import element_of


def spelling_of(node: Apply) -> Spelling:
    """How an operator is written for its argument types."""
    name, element = node.operator.name, element_of(value_type(node.args[0]))
    if element.is_integer:
        if name in ("floordiv", "mod") and not element.is_signed:
            return spelling.SPELLINGS["div" if name == "floordiv" else "rem"]
        return spelling.INTEGER_SPELLINGS.get(name, spelling.SPELLINGS[name])
    if name == "mod":
        return HelperFunction("floor_fmod")
    return spelling.SPELLINGS[name]


def needs_helper(node: Apply) -> bool:
    """Whether MSL lacks the operator."""
    return isinstance(spelling_of(node), HelperFunction) and not is_float_floordiv(node)


def is_float_floordiv(node: Apply) -> bool:
    return node.operator.name == "floordiv" and element_of(node.type).is_float


REPEATS = frozenset({"add", "sub", "mul", "div"})
"""Operators beside which a scalar is repeated to the other operand's width by MSL."""


def unrepeated(node: Apply) -> tuple[Expr, Expr]:
    """The operands; a scalar beside a vector is left for MSL to repeat."""
    first, second = node.args
    if node.operator.name in REPEATS:
        one, other = repeated(first), repeated(second)
        if other is not None and one is None:
            return first, other
        if one is not None and other is None:
            return one, second
    return first, second


def repeated(node: Expr) -> Expr | None:
    """The scalar that fills a vector, of a type that MSL does not promote."""
    if isinstance(node, Construct) and len(node.args) == 1 and not is_narrow(node.args[0].type):
        return node.args[0]
    return None
