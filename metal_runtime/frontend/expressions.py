"""Python expressions enter; operands with typed IR expressions leave, and statements that must run before them.

What must be evaluated once is put into a temporary variable ahead of the statement (``prelude``); in
a part that Python evaluates only under a condition, the temporary stands under the same condition.
"""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from metal_runtime.dtype import DType
from metal_runtime.errors import KernelTypeError
from metal_runtime.frontend import calls, elements, operations, vectors
from metal_runtime.frontend.context import FunctionContext
from metal_runtime.frontend.conversions import unify
from metal_runtime.frontend.operands import (
    Buffer,
    IntLiteral,
    Numeric,
    Operand,
    Row,
    TupleOperand,
    Value,
    float_literal,
    int_literal,
)
from metal_runtime.frontend.python_objects import (
    is_outside,
    not_a_number,
    outside_operand,
    resolve_object,
)
from metal_runtime.frontend.repeatable import (
    has_atomics,
    is_matrix,
    is_repeatable,
    is_simple,
)
from metal_runtime.frontend.scope import Kind
from metal_runtime.ir.nodes import (
    Assign,
    Call,
    Constant,
    Expr,
    If,
    Load,
    Read,
    Select,
    Stmt,
)
from metal_runtime.ir.walk import walk
from metal_runtime.msl_types import VOID, Pointer, Vector
from metal_runtime.source import SourceSpan

Anything = TypeVar("Anything", bound=Operand)


class Expressions:
    """Translates the expressions of one function."""

    def __init__(self, context: FunctionContext) -> None:
        self._context = context
        self.prelude: list[Stmt] = []
        self._conditional = 0

    @property
    def context(self) -> FunctionContext:
        return self._context

    def span(self, node: ast.AST) -> SourceSpan:
        return self._context.source.span(node)

    # --- entry points ---

    def lower(self, node: ast.expr) -> Operand:
        """Any expression."""
        method: Callable[[Any], Operand] = getattr(self, f"_lower_{type(node).__name__}")
        return method(node)

    def number(self, node: ast.expr) -> Numeric:
        """An expression that must be a scalar or a vector."""
        return self._as_number(self.lower(node), node)

    def _as_number(self, operand: Operand, node: ast.expr) -> Numeric:
        if isinstance(operand, Value) and operand.expr.type == VOID:
            raise self._context.source.error(
                f"`{self._context.source.text(node)}` gives no value", node, "let the function return one"
            )  # fmt: skip
        if not isinstance(operand, Value | IntLiteral) or is_matrix(operand):
            raise not_a_number(operand, self.span(node))
        return operand

    def value(self, node: ast.expr) -> Numeric:
        """What can be passed to a function or returned: a number, or a simdgroup matrix in a variable."""
        operand = self.lower(node)
        if isinstance(operand, Value) and is_matrix(operand):
            return Value(self.reuse(operand.expr, "matrix"), operand.span)
        return self._as_number(operand, node)

    def values(self, nodes: Sequence[ast.expr]) -> list[Numeric]:
        """Several, evaluated from left to right."""
        return self._in_order(nodes, self.value)

    def numbers(self, nodes: Sequence[ast.expr]) -> list[Numeric]:
        """Several, evaluated from left to right, also where a later one calls a function first."""
        return self._in_order(nodes, self.number)

    def _in_order(
        self, nodes: Sequence[ast.expr], lower: Callable[[ast.expr], Anything]
    ) -> list[Anything]:
        found: list[Anything] = []
        for node in nodes:
            start = len(self.prelude)
            operand = lower(node)
            if any(isinstance(n, Call) for s in self.prelude[start:] for n in walk(s)):
                found = self._evaluated_before(start, found)
            elif isinstance(operand, Value) and has_atomics(operand.expr):
                # C++ leaves the order of operands open.
                found = self._evaluated_before(start, found)
            elif any(isinstance(o, Value) and has_atomics(o.expr) for o in found):
                found = self._evaluated_before(start, found)
            found.append(operand)
        return found

    def _evaluated_before(self, position: int, operands: list[Anything]) -> list[Anything]:
        """The operands, computed at ``position`` of the prelude where they depend on memory."""
        later, self.prelude[position:] = self.prelude[position:], []
        result: list[Anything] = []
        for operand in operands:
            if isinstance(operand, Value) and not is_repeatable(operand.expr):
                kept = self._temporary(operand.expr, "before")
                result.append(dataclasses.replace(operand, expr=kept))
            else:
                result.append(operand)
        self.prelude.extend(later)
        return result

    def condition(self, node: ast.expr) -> Expr:
        """What is tested by if, while and conditional expressions: a scalar bool."""
        match node:
            case ast.BoolOp(op, values):
                name = "logical_and" if isinstance(op, ast.And) else "logical_or"
                return self._junction(name, values, self.condition, self.span(node))
            case ast.UnaryOp(ast.Not(), operand):
                return operations.apply("logical_not", [self.condition(operand)], self.span(node))
        return operations.truth(self.number(node), self.span(node))

    def guarded_condition(self, node: ast.expr) -> tuple[Expr, list[Stmt]]:
        """The condition of a loop, and the statements that compute it anew before each turn."""
        with self._captured() as prelude:
            condition = self.condition(node)
        return condition, prelude

    def reuse(self, expr: Expr, name: str) -> Expr:
        """An expression that may be written twice but is evaluated once."""
        if is_simple(expr) or (self._conditional and is_repeatable(expr)):
            return expr
        return self._temporary(expr, name)

    def python_object(self, node: ast.expr) -> Any:
        """The Python object that a name or attribute chain stands for, or MISSING."""
        return resolve_object(self._context, node)

    # --- names, literals, parts ---

    def _lower_Constant(self, node: ast.Constant) -> Operand:
        span, value = self.span(node), node.value
        if isinstance(value, bool):
            return Value(Constant(value, DType.BOOL, span=span), span)
        if isinstance(value, int):
            text = span.text[span.column - 1 : span.column + 1].lower()
            return int_literal(value, span, hexadecimal=text in ("0x", "0b", "0o"))
        if isinstance(value, float):
            return float_literal(value, span)
        raise self._context.source.unsupported(f"`{value!r}` has no meaning in a kernel", node)

    def _lower_Name(self, node: ast.Name) -> Operand:
        symbol = self._context.scope.meaning.get(node)
        span = self.span(node)
        if symbol is None:
            return outside_operand(self.python_object(node), node.id, span)
        if symbol.kind is Kind.ARRAY:
            array = self._context.arrays[symbol]
            name = self._context.ir_names[symbol]
            return Buffer(name, symbol.name, array.pointer, span, symbol.span, array.shape[0])
        if symbol.kind is Kind.BUFFER:
            name = self._context.ir_names[symbol]
            assert symbol.parameter is not None
            return Buffer(name, symbol.name, symbol.parameter, span, symbol.span)  # type: ignore[arg-type]
        try:
            variable = self._context.variable(symbol)
        except KernelTypeError as error:
            message = f"`{symbol.name}` is read before anything is assigned to it"
            raise type(error)(message, span, hint="assign it before") from None
        name = self._context.ir_names.get(symbol) or self._context.local_name(symbol)
        return Value(Read(name, variable.type, span=span), span, variable.weak)

    def _lower_Attribute(self, node: ast.Attribute) -> Operand:
        span = self.span(node)
        if is_outside(self._context, node):
            return outside_operand(self.python_object(node), self._context.source.text(node), span)
        base = self.lower(node.value)
        if isinstance(base, Buffer):
            hint = {"x": f"index it first: `{base.text}[i].{node.attr}`"}.get(
                node.attr[:1] if set(node.attr) <= set("xyzwrgba") else "",
                "pass sizes as parameters of their own, such as `n`",
            )
            raise KernelTypeError(
                f"`{base.text}` is a pointer: it has no `.{node.attr}`", span, hint=hint
            )
        if not isinstance(base, Value):
            raise not_a_number(base, self.span(node.value))
        return vectors.swizzle(base, node.attr, span)

    def _lower_Subscript(self, node: ast.Subscript) -> Operand:
        base = self.lower(node.value)
        span = self.span(node)
        if isinstance(base, Buffer | Row):
            found = self._subscripted(base, node)
            buffer = base if isinstance(base, Buffer) else base.buffer
            return found if isinstance(found, Row) else elements.loaded(found, buffer, span)
        if isinstance(node.slice, ast.Tuple):
            raise self._context.source.unsupported(
                "an index is one number",
                node.slice,
                "compute it from the row's length: `a[row * width + column]`",
            )
        if isinstance(base, TupleOperand):
            index = self.number(node.slice)
            return elements.tuple_item(base, index, node, self._context.source)
        if not isinstance(base, Value):
            raise not_a_number(base, self.span(node.value), indexed=True)
        return vectors.component(base, self.number(node.slice), span)

    def _subscripted(self, base: Buffer | Row, node: ast.Subscript) -> Load | Row:
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        return elements.subscripted(base, node, self.numbers(parts), self._context.source)

    def element(self, node: ast.expr) -> tuple[Buffer, Load] | None:
        """The element of memory that ``x[i]`` or ``tile[y, x]`` names; of ``x`` alone the first one."""
        base = self.lower(node.value if isinstance(node, ast.Subscript) else node)
        if not isinstance(base, Buffer | Row):
            return None
        if not isinstance(node, ast.Subscript):
            return (base, elements.first_element(base)) if isinstance(base, Buffer) else None
        found = self._subscripted(base, node)
        if isinstance(found, Row):
            raise not_a_number(found, self.span(node))
        return base if isinstance(base, Buffer) else base.buffer, found

    def pointer(self, load: Load) -> Pointer:
        """The type of the pointer or array that an element is reached by."""
        names = self._context.ir_names
        for symbol, array in self._context.arrays.items():
            if names[symbol] == load.pointer:
                return array.pointer
        types = {p.name: p.type for p in self._context.params}
        return types[load.pointer]  # type: ignore[return-value]

    def _lower_Tuple(self, node: ast.Tuple) -> Operand:
        return TupleOperand(tuple(self._in_order(node.elts, self.lower)), self.span(node))

    # --- operators ---

    def _lower_BinOp(self, node: ast.BinOp) -> Operand:
        left, right = self.numbers([node.left, node.right])
        return operations.binary(node.op, left, right, self.span(node), self.reuse)

    def _lower_UnaryOp(self, node: ast.UnaryOp) -> Operand:
        span = self.span(node)
        if isinstance(node.op, ast.Not):
            operand = self.number(node.operand)
            if isinstance(operand, Value) and _is_vector_of_bool(operand):
                return Value(operations.apply("logical_not", [operand.expr], span), span)
            arg = operations.require_bool(operand, "not")
            return Value(operations.apply("logical_not", [arg], span), span)
        return operations.unary(node.op, self.number(node.operand), span)

    def _lower_BoolOp(self, node: ast.BoolOp) -> Operand:
        symbol = "and" if isinstance(node.op, ast.And) else "or"
        span = self.span(node)

        def operand(part: ast.expr) -> Expr:
            return operations.require_bool(self.number(part), symbol)

        return Value(self._junction(f"logical_{symbol}", node.values, operand, span), span)

    def _junction(
        self, name: str, parts: list[ast.expr], lower: Callable[[ast.expr], Expr], span: SourceSpan
    ) -> Expr:
        """``a and b and c``: each part is evaluated only if those before it do not decide."""
        result = lower(parts[0])
        for part in parts[1:]:
            result = self._short_circuit(name, result, lambda p=part: lower(p), span)  # type: ignore[misc]
        return result

    def _short_circuit(
        self, name: str, left: Expr, right: Callable[[], Expr], span: SourceSpan
    ) -> Expr:
        with self._captured() as prelude:
            second = right()
        if not prelude:
            return operations.apply(name, [left, second], span)
        decided = self._context.temporary("test", DType.BOOL, span)
        place = Read(decided, DType.BOOL, span=span)
        self.prelude.append(Assign(place, left, span=span))
        undecided: Expr = place
        if name == "logical_or":
            undecided = operations.apply("logical_not", [place], span)
        self.prelude.append(If(undecided, (*prelude, Assign(place, second, span=span)), span=span))
        return place

    def _lower_Compare(self, node: ast.Compare) -> Operand:
        left, right = self.numbers([node.left, node.comparators[0]])
        return self._comparison(left, right, node.ops, node.comparators[1:], self.span(node))

    def _comparison(
        self,
        left: Numeric,
        right: Numeric,
        ops: list[ast.cmpop],
        rest: list[ast.expr],
        span: SourceSpan,
    ) -> Value:
        """``left op right op rest …``: each operand is evaluated once, and only as far as Python does."""
        if not rest:
            return operations.compare(ops[0], left, right, span)
        if isinstance(right, Value):
            right = Value(self.reuse(right.expr, "middle"), right.span, right.weak)
        first = operations.compare(ops[0], left, right, span)
        if isinstance(first.type, Vector):
            raise KernelTypeError(
                "a chained comparison takes scalars", span, hint="join two with metal.all(...) and `and`"
            )  # fmt: skip
        middle = right
        whole = self._short_circuit(
            "logical_and",
            first.expr,
            lambda: self._comparison(middle, self.number(rest[0]), ops[1:], rest[1:], span).expr,
            span,
        )
        return Value(whole, span)

    def _lower_IfExp(self, node: ast.IfExp) -> Operand:
        return self.select(node, self.condition(node.test), node.body, node.orelse)

    def select(self, node: ast.expr, test: Expr, then: ast.expr, orelse: ast.expr) -> Operand:
        """``then if test else orelse``; only the chosen one is evaluated."""
        span = self.span(node)
        with self._captured() as before_then:
            first = self.number(then)
        with self._captured() as before_else:
            second = self.number(orelse)
        weak = all(isinstance(o, IntLiteral) or o.weak for o in (first, second))
        a, b = unify([first, second], span, promote=False)
        weak = weak and isinstance(a.type, DType) and a.type.is_integer
        if not before_then and not before_else:
            return Value(Select(test, a, b, a.type, span=span), span, weak)  # type: ignore[arg-type]
        name = self._context.temporary("chosen", a.type, span)  # type: ignore[arg-type]
        place = Read(name, a.type, span=span)  # type: ignore[arg-type]
        then_block = (*before_then, Assign(place, a, span=span))
        else_block = (*before_else, Assign(place, b, span=span))
        self.prelude.append(If(test, then_block, else_block, span=span))
        return Value(place, span, weak)

    def _lower_Call(self, node: ast.Call) -> Operand:
        return calls.lower_call(self, node)

    # --- temporaries ---

    def _temporary(self, expr: Expr, wanted: str) -> Read:
        assert expr.span is not None
        assert expr.type != VOID
        name = self._context.temporary(wanted, expr.type, expr.span)  # type: ignore[arg-type]
        place = Read(name, expr.type, span=expr.span)  # type: ignore[arg-type]
        self.prelude.append(Assign(place, expr, span=expr.span))
        return place

    @contextmanager
    def _captured(self) -> Iterator[list[Stmt]]:
        """Collects apart what is to run before an expression that is evaluated under a condition."""
        outer, self.prelude = self.prelude, []
        self._conditional += 1
        try:
            yield self.prelude
        finally:
            self.prelude = outer
            self._conditional -= 1


def _is_vector_of_bool(operand: Value) -> bool:
    return isinstance(operand.type, Vector) and operand.type.element is DType.BOOL
