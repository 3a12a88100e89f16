"""Statements as MSL: an IR block in, lines out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from metal_runtime.dtype import DType
from metal_runtime.emit.expressions import ExpressionWriter
from metal_runtime.emit.layout import Line, indent
from metal_runtime.emit.names import LocalNames
from metal_runtime.emit.operators import needs_helper, spelling_of
from metal_runtime.emit.promotion import is_narrow
from metal_runtime.emit.spelling import SPELLINGS, Infix, Prefix
from metal_runtime.ir.effects import assigned_names
from metal_runtime.ir.nodes import (
    Apply,
    Assign,
    Atomic,
    Barrier,
    Block,
    Break,
    Builtin,
    Call,
    Cast,
    Collective,
    Component,
    Constant,
    Continue,
    Declare,
    Evaluate,
    Expr,
    Fence,
    For,
    If,
    Load,
    MatrixLoad,
    MatrixStore,
    MemoryFlag,
    MultiplyAccumulate,
    Node,
    Read,
    Return,
    Select,
    Stmt,
    Swizzle,
    While,
)
from metal_runtime.ir.operators import OPERATORS
from metal_runtime.ir.walk import children, walk
from metal_runtime.msl_types import type_name

_COMPOUND = frozenset(
    {"add", "sub", "mul", "div", "rem", "bit_and", "bit_or", "bit_xor", "shl", "shr"}
)


class StatementWriter:
    """Writes the statements of one function."""

    def __init__(
        self,
        expressions: ExpressionWriter,
        names: LocalNames,
        skipped: frozenset[str],
    ) -> None:
        self._expressions = expressions
        self._names = names
        self._skipped = skipped  # variables that became parameters
        self._commented = 0  # the last line of Python that was quoted

    def block(self, block: Block) -> list[Line]:
        lines: list[Line] = []
        for statement in block:
            if not (isinstance(statement, Declare) and statement.name in self._skipped):
                lines += self._comment(statement)
                lines += self._statement(statement)
        return lines

    def _comment(self, node: Stmt) -> list[Line]:
        """The Python line above what does not look like it: helper functions, loops with computed bounds."""
        span = node.span
        if span is None or not span.text.strip() or span.line == self._commented:
            return []
        own = [n for c in children(node) if not isinstance(c, Stmt) for n in walk(c)]
        strange = any(isinstance(n, Apply) and _is_strange(n, span.text) for n in own)
        if isinstance(node, For):
            strange = strange or not (_has_known_sign(node.step) and self._is_stable(node))
        if not strange:
            return []
        self._commented = span.line
        return [Line(f"// {span.text.strip().rstrip(':')}", span)]

    def _statement(self, node: Stmt) -> list[Line]:
        return [
            line if line.span is not None else replace(line, span=node.span)
            for line in _WRITERS[type(node)](self, node)
        ]

    # --- simple statements ---

    def _declare(self, node: Declare) -> list[Line]:
        text = f"{type_name(node.type)} {self._names[node.name]}"
        if isinstance(node.value, MatrixLoad | MultiplyAccumulate):
            # These functions give their result by way of their first argument.
            whole = Read(node.name, node.type)
            return [Line(text + ";"), *self._assign(Assign(whole, node.value, span=node.span))]
        if node.value is not None:
            text += f" = {self._expressions.value(node.value)}"
        return [Line(text + ";")]

    def _assign(self, node: Assign) -> list[Line]:
        place, value = self._expressions.write(node.place).text, node.value
        if isinstance(value, MatrixLoad):
            where = self._expressions.matrix_place(value.place, value.stride, value.transpose)
            return [Line(f"simdgroup_load({place}, {where});")]
        if isinstance(value, MultiplyAccumulate):
            parts = (self._expressions.write(m).text for m in (value.a, value.b, value.c))
            return [Line(f"simdgroup_multiply_accumulate({place}, {', '.join(parts)});")]
        if isinstance(value, Apply) and self._is_compound(node, value):
            infix = SPELLINGS[value.operator.name]
            assert isinstance(infix, Infix)
            if value.operator.name in ("shl", "shr"):
                return [Line(f"{place} {infix.symbol}= {self._shifted(value)};")]
            right = self._expressions.compound_operand(value.args[1], value.operator.name)
            return [Line(f"{place} {infix.symbol}= {right};")]
        return [Line(f"{place} = {self._expressions.value(value)};")]

    def _shifted(self, value: Apply) -> str:
        return self._expressions.shift_count(value.args[1], None)

    def _is_compound(self, node: Assign, value: Apply) -> bool:
        """Whether ``x = x + y`` may be written ``x += y``."""
        name = value.operator.name
        if name not in _COMPOUND or value.args[0] != node.place or value.type is DType.BOOL:
            return False
        return not any(isinstance(n, Call | Atomic) for n in walk(node.place, value.args[1]))

    def _return(self, node: Return) -> list[Line]:
        value = "" if node.value is None else f" {self._expressions.value(node.value)}"
        return [Line(f"return{value};")]

    def _evaluate(self, node: Evaluate) -> list[Line]:
        return [Line(f"{self._expressions.write(node.call).text};")]

    def _barrier(self, node: Barrier) -> list[Line]:
        return [Line(f"{node.scope.value}({_flags(node.memory)});")]

    def _fence(self, node: Fence) -> list[Line]:
        return [Line(f"atomic_thread_fence({_flags(node.memory)}, memory_order_seq_cst);")]

    def _matrix_store(self, node: MatrixStore) -> list[Line]:
        where = self._expressions.matrix_place(node.place, node.stride, node.transpose)
        return [Line(f"simdgroup_store({self._expressions.write(node.value).text}, {where});")]

    def _break(self, node: Break) -> list[Line]:
        return [Line("break;")]

    def _continue(self, node: Continue) -> list[Line]:
        return [Line("continue;")]

    # --- branches and loops ---

    def _if(self, node: If) -> list[Line]:
        lines = [Line(f"if ({self._expressions.condition(node.condition)}) {{", node.span)]
        lines += indent(self.block(node.then))
        orelse = node.orelse
        while len(orelse) == 1 and isinstance(orelse[0], If):
            test = self._expressions.condition(orelse[0].condition)
            lines.append(Line(f"}} else if ({test}) {{", orelse[0].span))
            lines += indent(self.block(orelse[0].then))
            orelse = orelse[0].orelse
        if orelse:
            lines.append(Line("} else {", orelse[0].span))
            lines += indent(self.block(orelse))
        return [*lines, Line("}", node.span)]

    def _while(self, node: While) -> list[Line]:
        head = f"while ({self._expressions.condition(node.condition)}) {{"
        return [Line(head, node.span), *indent(self.block(node.body)), Line("}", node.span)]

    def _for(self, node: For) -> list[Line]:
        """A loop in C's form. A bound within one step of the type's limit overflows as C's does.

        Bounds that the body may change, or that cost something, are computed before the loop.
        """
        before: list[Line] = []
        counter = node.type
        if is_narrow(node.type) and not (
            isinstance(node.step, Constant) and node.step.value in (1, -1)
        ):
            counter = DType.INT32  # `i += 2` may leave the range of a char
        stop = self._fixed(node, node.stop, "stop", before)
        step = self._fixed(node, node.step, "step", before)
        start = self._expressions.value(node.start)
        if counter is not node.type:
            self._expressions.wider[node.name] = counter
        variable = Read(node.name, node.type)
        name = self._names[node.name]
        test = self._expressions.condition(_still_runs(variable, stop, step))
        head = (
            f"for ({type_name(counter)} {name} = {start}; {test}; {self._advance(name, step)}) {{"
        )
        lines = [*before, Line(head, node.span), *indent(self.block(node.body))]
        self._expressions.wider.pop(node.name, None)
        return [*lines, Line("}", node.span)]

    def _advance(self, name: str, step: Expr) -> str:
        if not isinstance(step, Constant):
            return f"{name} += {self._expressions.value(step)}"
        if step.value in (1, -1):
            return name + ("++" if step.value == 1 else "--")
        if step.value < 0:
            positive = replace(step, value=-step.value)
            return f"{name} -= {self._expressions.value(positive)}"
        return f"{name} += {self._expressions.value(step)}"

    def _fixed(self, node: For, bound: Expr, role: str, before: list[Line]) -> Expr:
        """The bound itself if every turn may evaluate it anew, else a variable set before the loop."""
        if (self._is_plain(bound) or role == "stop") and self._is_unchanged(bound, node):
            return bound
        name = f"{node.name}_{role}"
        self._names.add(name)
        text = (
            f"const {type_name(node.type)} {self._names[name]} = {self._expressions.value(bound)};"
        )
        before.append(Line(text, node.span))
        return Read(name, node.type)

    def _is_stable(self, node: For) -> bool:
        return all(self._is_unchanged(bound, node) for bound in (node.stop, node.step))

    def _is_plain(self, bound: Expr) -> bool:
        while isinstance(bound, Swizzle) or (isinstance(bound, Cast) and _is_grid_size(bound)):
            bound = bound.value
        return isinstance(bound, Constant | Read | Builtin)

    def _is_unchanged(self, bound: Expr, node: For) -> bool:
        """Whether the bound is cheap and gives the same value in every turn."""
        changed = assigned_names(*node.body) | {node.name}
        return all(self._is_cheap(n, changed) for n in walk(bound))

    def _is_cheap(self, node: Node, changed: frozenset[str]) -> bool:
        if isinstance(node, Read):
            return node.name not in changed
        if isinstance(node, Load | Call | Component | Select | Collective | Atomic):
            return False
        if isinstance(node, Apply):
            return isinstance(SPELLINGS[node.operator.name], Infix) and not node.operator.may_trap
        return True


def _flags(memory: tuple[MemoryFlag, ...]) -> str:
    return " | ".join(f"mem_flags::{flag.value}" for flag in memory)


def _is_strange(node: Apply, python: str) -> bool:
    """Whether the operator is written in a way that the line of Python does not suggest."""
    spelled = spelling_of(node)
    if needs_helper(node):
        return not isinstance(spelled, Infix | Prefix) and f"{spelled.name}(" not in python
    return (
        isinstance(spelled, Infix)
        and spelled.symbol in (">>", "&")
        and spelled.symbol not in python
    )


def _has_known_sign(step: Expr) -> bool:
    """Whether the step is a constant, or a size of the grid, which is never 0."""
    return isinstance(step, Constant) or _is_grid_size(step)


def _is_grid_size(step: Expr) -> bool:
    while isinstance(step, Swizzle) or (isinstance(step, Cast) and step.type is DType.UINT64):
        step = step.value
    return isinstance(step, Builtin) and step.name.startswith(("threads_per_", "threadgroups_per_"))


def _still_runs(variable: Read, stop: Expr, step: Expr) -> Expr:
    """The condition of a turn. A step of 0, an error in Python, makes no turn."""
    below = _compare("lt", variable, stop)
    if isinstance(step, Constant):
        return below if step.value > 0 else _compare("gt", variable, stop)
    if _is_grid_size(step):
        return below
    zero = Constant(0, variable.type)  # type: ignore[arg-type]
    up = Apply(OPERATORS["logical_and"], (_compare("gt", step, zero), below), DType.BOOL)
    if not zero.type.is_signed:
        return up
    above = _compare("gt", variable, stop)
    down = Apply(OPERATORS["logical_and"], (_compare("lt", step, zero), above), DType.BOOL)
    return Apply(OPERATORS["logical_or"], (up, down), DType.BOOL)


def _compare(name: str, left: Expr, right: Expr) -> Apply:
    return Apply(OPERATORS[name], (left, right), DType.BOOL)


_WRITERS: dict[type[Stmt], Callable[[StatementWriter, Any], list[Line]]] = {
    Declare: StatementWriter._declare,
    Assign: StatementWriter._assign,
    If: StatementWriter._if,
    For: StatementWriter._for,
    While: StatementWriter._while,
    Break: StatementWriter._break,
    Continue: StatementWriter._continue,
    Return: StatementWriter._return,
    Evaluate: StatementWriter._evaluate,
    Barrier: StatementWriter._barrier,
    Fence: StatementWriter._fence,
    MatrixStore: StatementWriter._matrix_store,
}
