"""``a, b = …`` enters as target and operand; single assignments leave, and which of them must be computed first."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from metal_runtime.frontend import vectors
from metal_runtime.frontend.operands import Operand, TupleOperand, Value
from metal_runtime.frontend.python_objects import not_a_number
from metal_runtime.frontend.read_source import FunctionSource
from metal_runtime.ir.nodes import Call, Collective, Expr, Load, Read
from metal_runtime.ir.walk import walk
from metal_runtime.msl_types import ValueType, Vector


@dataclass(frozen=True, slots=True)
class Binding:
    """One of the assignments of a tuple assignment."""

    target: ast.expr
    operand: Operand


def is_changed_by(value: Value, variables: Collection[str], *, stores: bool) -> bool:
    """Whether assigning to these variables of the IR, and to memory if ``stores``, may change a value."""
    nodes = list(walk(value.expr))
    if stores and any(isinstance(n, Load | Call | Collective) for n in nodes):
        return True
    return any(isinstance(n, Read) and n.name in variables for n in nodes)


def bindings(
    target: ast.Tuple, operand: Operand, source: FunctionSource, reuse: Callable[[Expr, str], Expr]
) -> list[Binding]:
    """The pairs of a tuple assignment, nested tuples opened; the numbers of both sides must agree."""
    if isinstance(operand, TupleOperand):
        items: Sequence[Operand] = operand.items
    elif isinstance(operand, Value) and isinstance(operand.type, Vector):
        once = Value(reuse(operand.expr, "vector"), operand.span)
        items = vectors.unpack(once)
    elif isinstance(operand, Value) and isinstance(operand.type, ValueType):
        raise source.error(
            "one number cannot be unpacked into several variables",
            target,
            "unpack a vector or a tuple, or assign one variable",
        )
    else:
        raise not_a_number(operand, source.span(target))
    if len(items) != len(target.elts):
        raise source.error(
            f"{len(items)} values cannot be unpacked into {len(target.elts)} variables", target
        )
    pairs: list[Binding] = []
    for element, item in zip(target.elts, items, strict=True):
        if isinstance(element, ast.Tuple):
            pairs.extend(bindings(element, item, source, reuse))
        else:
            pairs.append(Binding(element, item))
    return pairs
