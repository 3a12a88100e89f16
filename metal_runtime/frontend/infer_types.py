"""A function's syntax tree enters; one MSL type for every variable, and for the result, leaves.

All assignments are looked at again and again, each time with the types found before, until nothing
changes. Errors are not raised here: what is ill-typed contributes nothing, and ast_to_ir.py, which
translates with the final types, reports it at its place.
"""

from __future__ import annotations

import ast
import enum
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import reduce

from metal_runtime.dtype import DType
from metal_runtime.errors import CompileError
from metal_runtime.frontend import vectors
from metal_runtime.frontend.context import Variable
from metal_runtime.frontend.conversions import as_value, common_scalar
from metal_runtime.frontend.expressions import Expressions
from metal_runtime.frontend.operands import IntLiteral, Operand, TupleOperand, Value
from metal_runtime.frontend.operations import binary
from metal_runtime.frontend.ranges import lower_range
from metal_runtime.frontend.scope import Scope, Symbol
from metal_runtime.ir.nodes import Constant
from metal_runtime.msl_types import Matrix, ValueType, Vector
from metal_runtime.source import SourceSpan


class Rank(enum.IntEnum):
    """How much an assignment says about its variable's type; the highest rank decides."""

    INT_LITERAL = 0  # takes any numeric type
    FLOAT_LITERAL = 1  # takes any floating-point type
    AUGMENTED = 2  # `x += v` keeps the type of x, if something else gives it one
    DEFINITE = 3


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one assignment says of its variable."""

    type: ValueType | Matrix
    rank: Rank
    span: SourceSpan


def rank_of(value: Value) -> Rank:
    """The rank of a plain assignment of ``value``."""
    if not value.weak:
        return Rank.DEFINITE
    is_float = isinstance(value.expr, Constant) and value.expr.type.is_float
    return Rank.FLOAT_LITERAL if is_float else Rank.INT_LITERAL


_MOST_ROUNDS = 40  # each round can only be caused by a variable that changed in the one before


def infer_types(
    body: Sequence[ast.stmt],
    scope: Scope,
    declared: Mapping[Symbol, Variable],
    result: Symbol,
    expressions_with: Callable[[Mapping[Symbol, Variable]], Expressions],
) -> dict[Symbol, Variable]:
    """The types of all variables; ``result`` stands for what the function returns."""
    known = dict(declared)
    for _ in range(_MOST_ROUNDS):
        turn = _Round(expressions_with(known), scope, result)
        turn.block(body)
        found = {s: _decide(c) for s, c in turn.contributions.items()} | dict(declared)
        same = {s: (v.type, v.weak) for s, v in found.items()} == {
            s: (v.type, v.weak) for s, v in known.items()
        }
        known = found
        if same:
            break
    return known


def _decide(contributions: Sequence[Contribution]) -> Variable:
    rank = max(c.rank for c in contributions)
    deciding = [c for c in contributions if c.rank is rank]
    first = deciding[0]
    if rank is Rank.DEFINITE:
        return Variable(first.type, first.span)
    type_ = reduce(_wider, (c.type for c in deciding))
    return Variable(type_, first.span, weak=rank is Rank.INT_LITERAL)


def _wider(a: ValueType | Matrix, b: ValueType | Matrix) -> ValueType | Matrix:
    if not isinstance(a, DType) or not isinstance(b, DType):
        return b if isinstance(a, DType) else a
    return common_scalar(a, b) or a


class _Round:
    """One look at every assignment of a function."""

    def __init__(self, expressions: Expressions, scope: Scope, result: Symbol) -> None:
        self.expressions = expressions
        self.scope = scope
        self.result = result
        self.contributions: dict[Symbol, list[Contribution]] = {}

    def block(self, body: Sequence[ast.stmt]) -> None:
        for statement in body:
            # An error is reported by ast_to_ir.py, if it is still one with the final types.
            with suppress(CompileError):
                self.statement(statement)
            for field in ("body", "orelse"):
                self.block(getattr(statement, field, ()))

    def statement(self, node: ast.stmt) -> None:
        match node:
            case ast.Assign(targets, value):
                operand = self.expressions.lower(value)
                for target in targets:
                    self.bind(target, operand)
            case ast.AugAssign(ast.Name() as target, op, value):
                self.augment(target, op, value)
            case ast.For(target):
                self.count(node)
            case ast.Return(ast.expr() as value):
                self.contribute(self.result, as_value(self.expressions.value(value)))

    def bind(self, target: ast.expr, operand: Operand) -> None:
        if isinstance(target, ast.Tuple):
            items: Sequence[Operand] = ()
            if isinstance(operand, TupleOperand):
                items = operand.items
            elif isinstance(operand, Value) and isinstance(operand.type, Vector):
                items = vectors.unpack(operand)
            for inner, item in zip(target.elts, items, strict=False):
                self.bind(inner, item)
        elif isinstance(target, ast.Name) and isinstance(operand, Value | IntLiteral):
            self.contribute(self.scope.meaning[target], as_value(operand))

    def contribute(self, symbol: Symbol, value: Value) -> None:
        if not isinstance(value.expr.type, ValueType | Matrix):
            return  # the call of a function without a result
        contribution = Contribution(value.expr.type, rank_of(value), value.span)
        self.contributions.setdefault(symbol, []).append(contribution)

    def augment(self, target: ast.Name, op: ast.operator, value: ast.expr) -> None:
        read = ast.copy_location(ast.Name(target.id, ast.Load()), target)
        symbol = self.scope.meaning[target]
        self.scope.meaning[read] = symbol
        left, right = self.expressions.numbers([read, value])
        del self.scope.meaning[read]
        span = self.expressions.span(target)
        whole = as_value(binary(op, left, right, span, self.expressions.reuse))
        rank = Rank.INT_LITERAL if whole.weak else Rank.AUGMENTED
        self.contributions.setdefault(symbol, []).append(Contribution(whole.type, rank, span))

    def count(self, node: ast.For) -> None:
        bounds = lower_range(self.expressions, node)
        symbol = self.scope.loops.get(node)
        if symbol is None:
            assert isinstance(node.target, ast.Name)
            symbol = self.scope.meaning[node.target]
        rank = Rank.INT_LITERAL if bounds.weak else Rank.DEFINITE
        contribution = Contribution(bounds.type, rank, bounds.span)
        self.contributions.setdefault(symbol, []).append(contribution)


def is_definite(value: Value, type_: ValueType | Matrix) -> bool:
    """Whether a value's own type stands against another type of the variable that it is assigned to."""
    return rank_of(value) is Rank.DEFINITE and value.type != type_
