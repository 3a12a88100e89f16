"""Kernel IR -> which elements a launch surely touches, so that a buffer that is too small is found beforehand.

What one chosen thread does is followed as far as integers decide it: the very last thread of the grid,
and the last one that passes guards such as ``if i < n``. An access counts only if that thread makes it
for certain; whatever depends on memory, on floats or on a `while` loop is left out. So a launch that is
refused would have gone out of bounds, while one that is let through may still do so.

The walk is compiled to a Python function of the thread and the integer parameters once, for it runs
at launches.
"""

from __future__ import annotations

from collections.abc import Callable

from metal_runtime.dtype import DType
from metal_runtime.ir.effects import assigned_names, bound_params
from metal_runtime.ir.nodes import (
    Apply,
    Assign,
    Block,
    Break,
    Continue,
    Declare,
    Expr,
    For,
    If,
    Kernel,
    Load,
    Node,
    Return,
    Select,
    Stmt,
    While,
)
from metal_runtime.ir.walk import children, root_of, walk
from metal_runtime.msl_types import Pointer
from metal_runtime.runtime.accesses import AccessText
from metal_runtime.runtime.integer_python import IntegerPython, guard_limits


def access_bounds(kernel: Kernel) -> AccessText | None:
    """What can be known of a kernel's accesses; None when no access is certain."""
    pointers = tuple(p.name for p in bound_params(kernel) if isinstance(p.type, Pointer))
    scalars = tuple(
        p.name for p in kernel.params if isinstance(p.type, DType) and not p.type.is_float
    )
    writer = _Writer(pointers, scalars)
    writer.block(kernel.body)
    if not writer.recorded:
        return None
    parameters = ", ".join(f"v_{name}" for name in scalars)
    lines = [
        f"def touched(x, y, z, gx, gy, gz, {parameters}):",
        *(f" n_{name} = -1" for name in pointers),
        *writer.lines,
        f" {writer.result}",
        f"def limits({parameters}):",
        f" return {guard_limits(kernel, scalars)}",
    ]
    return AccessText(kernel.name, pointers, scalars, "\n".join(lines))


class _Writer:
    """Writes the Python function that follows one thread through a block of statements."""

    def __init__(self, pointers: tuple[str, ...], scalars: tuple[str, ...]) -> None:
        self.lines: list[str] = []
        self.recorded = False
        self.result = "return (" + "".join(f"n_{name}, " for name in pointers) + ")"
        self._pointers = frozenset(pointers)
        self._python = IntegerPython(scalars)
        self._depth = 1

    def block(self, statements: Block) -> None:
        """Follows statements until one after which nothing is certain."""
        for statement in statements:
            if not self._statement(statement):
                return

    def _statement(self, statement: Stmt) -> bool:
        """Whether what comes after the statement is still reached for certain."""
        match statement:
            case Declare():
                if statement.value is not None:
                    self._visit(statement.value)
                self._assign(statement.name, statement.value)
            case Assign():
                self._visit(statement.value)
                self._visit(statement.place)
                root = root_of(statement.place)
                if not isinstance(root, Load):
                    whole = root is statement.place
                    self._assign(root.name, statement.value if whole else None)
            case If():
                return self._if(statement)
            case For():
                return self._for(statement)
            case While():
                self._visit(statement.condition)  # once for certain
                return self._skip(statement)
            case Return():
                self._emit(self.result)
                return False
            case Continue():
                self._emit("continue")
                return False
            case Break():
                return False
            case _:
                self._visit_all(children(statement))
        return True

    def _assign(self, name: str, value: Expr | None) -> None:
        text = self._python.assign(name, value)
        if text is not None:
            self._emit(f"v_{name} = {text}")

    def _if(self, statement: If) -> bool:
        self._visit(statement.condition)
        condition = self._python.text(statement.condition)
        if condition is None:
            return self._skip(statement)
        before = self._python.copy()
        self._nested(f"if {condition}:", lambda: self.block(statement.then))
        after_then, self._python = self._python, before
        if statement.orelse:
            self._nested("else:", lambda: self.block(statement.orelse))
        self._python.keep_common(after_then)
        return True

    def _for(self, loop: For) -> bool:
        """Follows the last turn, when all turns are sure to be made."""
        self._visit_all((loop.start, loop.stop, loop.step))
        bounds = [self._python.text(bound) for bound in (loop.start, loop.stop, loop.step)]
        if None in bounds or any(isinstance(n, Break | Return) for n in walk(*loop.body)):
            return self._skip(loop)
        self._python.forget(assigned_names(loop))
        self._python.know(loop.name)
        head = f"for v_{loop.name} in last({', '.join(map(str, bounds))}):"
        self._nested(head, lambda: self.block(loop.body))
        self._python.forget(assigned_names(loop))
        return True

    def _skip(self, statement: If | For | While) -> bool:
        """Goes on behind a statement of which nothing is known but what it may assign, and whether it may leave."""
        self._python.forget(assigned_names(statement))
        if any(isinstance(node, Return) for node in walk(statement)):
            self._emit(self.result)
            return False
        if _leaves_turn((statement,)):
            self._emit("continue")
            return False
        return True

    # --- accesses --------------------------------------------------------------------------------

    def _visit_all(self, nodes: object) -> None:
        for node in nodes:  # type: ignore[attr-defined]
            self._visit(node)

    def _visit(self, node: Node) -> None:
        """Records the loads and stores that evaluating an expression makes for certain."""
        if not any(isinstance(n, Load) for n in walk(node)):
            return
        match node:
            case Load():
                self._visit(node.index)
                index = self._python.text(node.index)
                if index is not None and node.pointer in self._pointers:
                    self.recorded = True
                    self._emit(f"i = {index}")
                    self._emit(f"if i > n_{node.pointer}: n_{node.pointer} = i")
            case Apply() if node.operator.lazy:
                first, second = node.args
                self._visit(first)
                decided_by = "not " if node.operator.name == "logical_or" else ""
                self._visit_if(first, decided_by, second)
            case Select():
                self._visit(node.condition)
                self._visit_if(node.condition, "", node.then)
                self._visit_if(node.condition, "not ", node.orelse)
            case _:
                self._visit_all(children(node))

    def _visit_if(self, condition: Expr, prefix: str, node: Expr) -> None:
        text = self._python.text(condition)
        if text is not None:
            self._nested(f"if {prefix}{text}:", lambda: self._visit(node))

    def _nested(self, head: str, write: Callable[[], None]) -> None:
        self._emit(head)
        self._depth += 1
        self._emit("pass")
        write()
        self._depth -= 1

    def _emit(self, line: str) -> None:
        self.lines.append(" " * self._depth + line)


def _leaves_turn(block: Block) -> bool:
    """Whether statements may `continue` the loop that they stand in (not one inside them)."""
    return any(
        isinstance(s, Continue) or (isinstance(s, If) and _leaves_turn((*s.then, *s.orelse)))
        for s in block
    )
