"""A function's statements enter, with the types of its variables; typed IR statements leave.

Variables are assigned, not declared: declarations.py finds where each is declared.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from metal_runtime.dtype import DType
from metal_runtime.errors import KernelTypeError, Note
from metal_runtime.frontend.arrays import array_space
from metal_runtime.frontend.check_subset import is_text
from metal_runtime.frontend.context import FunctionContext, Variable
from metal_runtime.frontend.conversions import as_value, cast_text, implicit
from metal_runtime.frontend.expressions import Expressions
from metal_runtime.frontend.infer_types import is_definite
from metal_runtime.frontend.operands import Buffer, IntLiteral, Numeric, Operand, Value
from metal_runtime.frontend.operations import SYMBOLS, apply, binary
from metal_runtime.frontend.places import Places
from metal_runtime.frontend.python_objects import not_a_number
from metal_runtime.frontend.ranges import lower_range
from metal_runtime.frontend.read_source import written
from metal_runtime.frontend.repeatable import is_matrix
from metal_runtime.frontend.scope import Kind, Symbol
from metal_runtime.frontend.together import statement_of
from metal_runtime.frontend.unpacking import Binding, bindings, is_changed_by
from metal_runtime.ir.atomics import AtomicOperation
from metal_runtime.ir.nodes import (
    Assign,
    Atomic,
    Block,
    Break,
    Call,
    Constant,
    Continue,
    Evaluate,
    Expr,
    For,
    If,
    Load,
    Place,
    Read,
    Return,
    Stmt,
    While,
)
from metal_runtime.msl_types import VOID, Matrix, Vector, type_name
from metal_runtime.source import SourceSpan

Notes = tuple[Note, ...]


class Statements:
    """Translates the statements of one function."""

    def __init__(
        self, context: FunctionContext, result: Variable | None, *, is_kernel: bool
    ) -> None:
        self.context = context
        self.source = context.source
        self.expressions = Expressions(context)
        self.places = Places(self.expressions)
        self.result = result
        self.is_kernel = is_kernel
        self.out: list[Stmt] = []
        self.loops = 0

    # --- blocks ---

    def function_body(self) -> Block:
        """The whole body, parameters that are assigned to copied first."""
        for symbol, param in zip(
            self.context.scope.parameters.values(), self.context.params, strict=True
        ):
            if symbol.kind is Kind.LOCAL:
                place = Read(self.context.copy_name(symbol), param.type, span=param.span)  # type: ignore[arg-type]
                value = Read(param.name, param.type, span=param.span)  # type: ignore[arg-type]
                self.emit(Assign(place, value, span=param.span))
        body = self.source.node.body
        for statement in body[1:] if is_text(body[0]) else body:
            self.statement(statement)
        return tuple(self.out)

    def block(self, body: Sequence[ast.stmt]) -> Block:
        outer, self.out = self.out, []
        for statement in body:
            self.statement(statement)
        inner, self.out = self.out, outer
        return tuple(inner)

    def emit(self, statement: Stmt) -> None:
        """Appends a statement after what its expressions need before it."""
        self.flush()
        self.out.append(statement)

    def flush(self) -> None:
        self.out.extend(self.expressions.prelude)
        self.expressions.prelude.clear()

    def statement(self, node: ast.stmt) -> None:
        getattr(self, f"_lower_{type(node).__name__}")(node)

    # --- assignments ---

    def _lower_Assign(self, node: ast.Assign) -> None:
        if array_space(node.value, self.context.environment) is not None:
            return  # arrays.py has found it
        operand = self.expressions.lower(node.value)
        if len(node.targets) > 1 and isinstance(operand, Value) and operand.expr.type != VOID:
            once = self.expressions.reuse(operand.expr, "shared")
            operand = Value(once, operand.span, operand.weak)
        for target in node.targets:
            self.bind(target, operand, node)

    def _lower_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.bind(node.target, self.expressions.lower(node.value), node)

    def bind(self, target: ast.expr, operand: Operand, node: ast.stmt) -> None:
        """``target = operand``, where the target may be a tuple."""
        if not isinstance(target, ast.Tuple):
            self.assign(target, operand, node)
            return
        pairs = bindings(target, operand, self.source, self.expressions.reuse)
        for pair in self._saved(pairs):
            self.assign(pair.target, pair.operand, node)

    def _saved(self, pairs: list[Binding]) -> list[Binding]:
        """The same, with each value kept that an earlier assignment of the statement would change."""
        result, variables, stores = [], set[str](), False
        for pair in pairs:
            operand = pair.operand
            if isinstance(operand, Value) and is_changed_by(operand, variables, stores=stores):
                wanted = f"next_{pair.target.id}" if isinstance(pair.target, ast.Name) else "next"
                name = self.context.temporary(wanted, operand.type, operand.span)
                place = Read(name, operand.type, span=operand.span)
                self.emit(Assign(place, operand.expr, span=operand.span))
                operand = Value(place, operand.span, operand.weak)
            result.append(Binding(pair.target, operand))
            variable = self.places.root_variable(pair.target)
            stores = stores or variable is None
            variables |= {variable} if variable is not None else set()
        return result

    def assign(self, target: ast.expr, operand: Operand, node: ast.stmt) -> None:
        value = self._assignable(operand, target)
        place, what, notes = self.places.place(target)
        if self._is_atomic(place):
            self.emit(Evaluate(self._atomic_store(place, value, what, node)))
            return
        if isinstance(target, ast.Name):
            self._refuse_second_type(self.context.scope.meaning[target], value, target)
        converted = self._converted(value, place, what, notes)
        self.emit(Assign(place, converted, span=self.source.span(node)))

    def _converted(self, value: Numeric, place: Place, what: str, notes: Notes) -> Expr:
        type_ = place.type
        if not isinstance(type_, Matrix) and not is_matrix(value):
            return implicit(value, type_, what, notes)
        given = as_value(value)
        if given.expr.type != type_:
            raise KernelTypeError(
                f"this is `{type_name(given.expr.type)}`, but {what} is `{type_name(type_)}`",
                given.span,
                hint="use another variable: matrices are not converted",
                notes=notes,
            )
        return given.expr

    def _is_atomic(self, place: Place) -> bool:
        return isinstance(place, Load) and self.expressions.pointer(place).atomic

    def _atomic_store(self, place: Place, value: Numeric, what: str, node: ast.stmt) -> Atomic:
        assert isinstance(place, Load)
        assert isinstance(place.type, DType)
        operand = implicit(value, place.type, what)
        span = self.source.span(node)
        return Atomic(AtomicOperation.STORE, place, (operand,), VOID, span=span)

    def _assignable(self, operand: Operand, target: ast.expr) -> Numeric:
        span = self.source.span(target)
        if isinstance(operand, Buffer):
            raise KernelTypeError(
                f"the pointer `{operand.text}` cannot be assigned",
                operand.span,
                hint=f"use `{operand.text}` by its own name",
            )
        if isinstance(operand, Value) and operand.expr.type == VOID:
            raise KernelTypeError(
                f"`{written(operand.span)}` gives no value", operand.span, hint="let the function return one"
            )  # fmt: skip
        if not isinstance(operand, Value | IntLiteral):
            raise not_a_number(operand, getattr(operand, "span", span))
        return operand

    def _refuse_second_type(self, symbol: Symbol, value: Numeric, target: ast.Name) -> None:
        variable = self.context.variable(symbol)
        if variable.declared or isinstance(value, IntLiteral):
            return
        if not is_definite(value, variable.type):
            return
        here, other = type_name(value.type), type_name(variable.type)
        text = written(value.span)
        hint = f"write `{symbol.name} = {cast_text(variable.type, text)}`, "
        hint += f'or declare it before: `{symbol.name}: "{here}"`'
        if isinstance(variable.type, Matrix) or is_matrix(value):
            hint = "use another name"
        raise KernelTypeError(
            f"`{symbol.name}` would be `{here}` here, but it is `{other}`",
            self.source.span(target),
            hint=f"a variable has one type: {hint}",
            notes=(Note(f"`{symbol.name}` is `{other}` because of this", variable.span),),
        )

    def _lower_AugAssign(self, node: ast.AugAssign) -> None:
        span = self.source.span(node)
        place, what, notes = self.places.place(node.target, once=True)
        self._refuse_augmented(node, place)
        left = Value(place, self.source.span(node.target))
        if isinstance(node.target, ast.Name):
            symbol = self.context.scope.meaning[node.target]
            left = Value(place, left.span, self.context.variable(symbol).weak)
        right = self.expressions.number(node.value)
        whole = binary(node.op, left, right, span, self.expressions.reuse)
        try:
            converted = self._converted(whole, place, what, notes)
        except KernelTypeError as error:
            raise self._augmented_error(node, place, error) from None
        self.emit(Assign(place, converted, span=span))

    def _refuse_augmented(self, node: ast.AugAssign, place: Place) -> None:
        """Matrices have no operators, and of atomics another thread's change would be lost."""
        if isinstance(place.type, Matrix):
            raise not_a_number(Value(place, self.source.span(node.target)), self.source.span(node))
        if self._is_atomic(place):
            name = {ast.Add: "add", ast.Sub: "sub", ast.BitAnd: "and", ast.BitOr: "or"}
            name[ast.BitXor] = "xor"
            text = self.source.text(node.target)
            function = f"metal.atomic_fetch_{name.get(type(node.op), 'add')}"
            raise self.source.error(
                f"`{text}` is atomic: reading and then writing it loses what other threads add between",
                node,
                f"write `{function}({text}, {self.source.text(node.value)})`",
            )

    def _augmented_error(
        self, node: ast.AugAssign, place: Place, error: KernelTypeError
    ) -> KernelTypeError:
        """The same error with a hint that spells the assignment out."""
        target, value = self.source.text(node.target), self.source.text(node.value)
        whole = f"{target} {SYMBOLS[type(node.op)]} {value}"
        hint = f"write `{target} = {cast_text(place.type, whole)}`"
        keep = isinstance(place.type, Vector) or "..." in whole
        return KernelTypeError(
            error.message, error.span, hint=error.hint if keep else hint, notes=error.notes
        )

    # --- branches and loops ---

    def _lower_If(self, node: ast.If) -> None:
        condition = self.expressions.condition(node.test)
        self.flush()
        then, orelse = self.block(node.body), self.block(node.orelse)
        self.emit(If(condition, then, orelse, span=self.source.span(node)))

    def _lower_While(self, node: ast.While) -> None:
        span = self.source.span(node)
        condition, before = self.expressions.guarded_condition(node.test)
        self.loops += 1
        body = self.block(node.body)
        self.loops -= 1
        if before:
            leave = If(apply("logical_not", [condition], span), (Break(span=span),), span=span)
            body = (*before, leave, *body)
            condition = Constant(True, DType.BOOL, span=span)
        self.emit(While(condition, body, span=span))

    def _lower_For(self, node: ast.For) -> None:
        span, target = self.source.span(node), node.target
        assert isinstance(target, ast.Name)
        bounds = lower_range(self.expressions, node)
        self.flush()
        own = self.context.scope.loops.get(node)
        name = self.context.enter_loop(target.id if own else f"{target.id}_turn", bounds.type)
        first: list[Stmt] = []
        if own is not None:
            self.context.ir_names[own] = name
        else:
            place = self._loop_place(target)
            turn = Value(Read(name, bounds.type, span=place.span), self.source.span(target))
            value = self._converted(turn, place, f"variable `{target.id}`", ())
            first.append(Assign(place, value, span=place.span))
        self.loops += 1
        body = (*first, *self.block(node.body))
        self.loops -= 1
        self.context.leave_loop()
        self.emit(For(name, bounds.type, bounds.start, bounds.stop, bounds.step, body, span=span))

    def _loop_place(self, target: ast.Name) -> Place:
        place, _, _ = self.places.place(target)
        if not isinstance(place.type, DType) or not place.type.is_integer:
            variable = self.context.variable(self.context.scope.meaning[target])
            raise self.source.error(
                f"`{target.id}` counts a range, but it is `{type_name(place.type)}`",
                target,
                "use another name for the loop's variable",
                (
                    Note(
                        f"`{target.id}` is `{type_name(place.type)}` because of this", variable.span
                    ),
                ),
            )
        return place

    def _lower_Break(self, node: ast.Break) -> None:
        self.emit(Break(span=self.source.span(node)))

    def _lower_Continue(self, node: ast.Continue) -> None:
        self.emit(Continue(span=self.source.span(node)))

    def _lower_Pass(self, node: ast.Pass) -> None:
        """`pass` does nothing."""

    # --- returns and calls ---

    def _lower_Return(self, node: ast.Return) -> None:
        span = self.source.span(node)
        if self.is_kernel and node.value is not None:
            raise self.source.unsupported(
                "a kernel returns nothing", node, "write the result to a buffer: `out[i] = ...`"
            )
        if node.value is None:
            if self.result is not None:
                raise self.source.error(
                    f"this `return` gives no value, but the function's result is `{type_name(self.result.type)}`",
                    node,
                    "return a value on every path",
                    (Note("the result has its type because of this", self.result.span),),
                )
            self.emit(Return(span=span))
            return
        self._return_value(node.value, span)

    def _return_value(self, node: ast.expr, span: SourceSpan) -> None:
        if isinstance(node, ast.Tuple):
            raise self.source.error(
                "a function returns one value", node, "return a vector such as metal.float2(...), or write to a buffer"
            )  # fmt: skip
        value = as_value(self.expressions.value(node))
        if self.result is None:
            raise self.source.error("the function's result is declared as None", node)
        notes = (Note("the result has its type because of this", self.result.span),)
        if isinstance(self.result.type, Matrix) or is_matrix(value):
            self.emit(Return(_same_matrix(value, self.result, notes), span=span))
            return
        if not self.result.declared and is_definite(value, self.result.type):
            here, other = type_name(value.type), type_name(self.result.type)
            raise self.source.error(
                f"this returns `{here}`, but the function's result is `{other}`",
                node,
                f"a function has one result type: write `return {cast_text(self.result.type, written(value.span))}`",
                notes,
            )
        converted = implicit(value, self.result.type, "the function's result", notes)
        self.emit(Return(converted, span=span))

    def _lower_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Call):
            return  # `...`: check_subset.py lets nothing else pass
        statement = statement_of(self.expressions, node.value)
        if statement is not None:
            self.emit(statement)
            return
        operand = self.expressions.lower(node.value)
        if isinstance(operand, Value) and isinstance(operand.expr, Call | Atomic):
            self.emit(Evaluate(operand.expr, span=self.source.span(node)))
            return
        raise self.source.unsupported(
            f"the result of `{self.source.text(node.value.func)}` is not used", node, "assign it with `=`"
        )  # fmt: skip


def _same_matrix(value: Value, result: Variable, notes: tuple[Note, ...]) -> Expr:
    """What a function returns whose result, or else this value, is a matrix."""
    if value.expr.type == result.type:
        return value.expr
    here, other = type_name(value.expr.type), type_name(result.type)
    raise KernelTypeError(
        f"this returns `{here}`, but the function's result is `{other}`",
        value.span,
        hint="matrices are not converted; return one type",
        notes=notes,
    )
