"""A function's syntax tree enters; for each name in it the variable that it means leaves.

A loop's own variable that dies with the loop is a variable of its own: so two loops over ``i`` may
count in different types, and MSL text shows an ordinary ``for``.
"""

from __future__ import annotations

import ast
import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from metal_runtime.frontend.liveness import Names, live_after_loops, read_names
from metal_runtime.frontend.read_source import FunctionSource
from metal_runtime.msl_types import Matrix, Pointer, ValueType
from metal_runtime.source import SourceSpan


class Kind(enum.Enum):
    """What a name of the function is."""

    BUFFER = "buffer"  # a pointer parameter
    VALUE = "value"  # a value parameter that is only read
    LOCAL = "local"  # a variable, or a value parameter that is assigned to
    LOOP = "loop"  # the variable of one `for` loop, which is only read
    ARRAY = "array"  # memory of the threadgroup or of the thread


@dataclass(eq=False, slots=True)
class Symbol:
    """A name of the function, under which the user knows it."""

    name: str
    kind: Kind
    span: SourceSpan
    parameter: Pointer | ValueType | Matrix | None = None
    """The type, if it is a parameter."""


@dataclass(slots=True)
class Scope:
    """What each name in the function's text means."""

    parameters: dict[str, Symbol]
    meaning: dict[ast.Name, Symbol] = field(default_factory=dict)
    loops: dict[ast.For, Symbol] = field(default_factory=dict)
    """The loops whose variable is their own."""

    locals: dict[str, Symbol] = field(default_factory=dict)
    arrays: dict[str, Symbol] = field(default_factory=dict)


def resolve(
    source: FunctionSource,
    types: Mapping[str, Pointer | ValueType | Matrix],
    arrays: Mapping[str, ast.Name],
) -> Scope:
    """The variables of a function whose parameters have these types, and which declares these arrays."""
    assigned = {
        node.id
        for node in ast.walk(source.node)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    parts = _component_targets(source.node)
    scope = Scope({})
    arguments = source.node.args
    for argument in (*arguments.posonlyargs, *arguments.args):
        type_ = types[argument.arg]
        if isinstance(type_, Pointer):
            kind = Kind.BUFFER
        else:
            kind = Kind.LOCAL if argument.arg in assigned | parts else Kind.VALUE
        symbol = Symbol(argument.arg, kind, source.span(argument), type_)
        scope.parameters[argument.arg] = symbol
        if kind is Kind.LOCAL:
            scope.locals[argument.arg] = symbol
    for name, node in arrays.items():
        scope.arrays[name] = Symbol(name, Kind.ARRAY, source.span(node))
    _Resolver(source, scope, assigned).run()
    return scope


def _component_targets(tree: ast.AST) -> set[str]:
    """Names of which a part is assigned: ``v`` in ``v.x = 1`` and in ``v[0] += 1``."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store):
            base: ast.expr = node
            while isinstance(base, ast.Attribute | ast.Subscript):
                base = base.value
            if isinstance(base, ast.Name):
                found.add(base.id)
    return found


class _Resolver:
    def __init__(self, source: FunctionSource, scope: Scope, assigned: set[str]) -> None:
        self.source = source
        self.scope = scope
        self.assigned = assigned
        self.live_after = live_after_loops(source.node)
        self.read = read_names(source.node)
        targets = {id(n.target) for n in ast.walk(source.node) if isinstance(n, ast.For)}
        self.plain = {
            n.id
            for n in ast.walk(source.node)
            if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store) and id(n) not in targets
        }
        self.own_loops: dict[str, Symbol] = {}

    def run(self) -> None:
        for statement in self.source.node.body:
            self.visit(statement)

    def visit(self, node: ast.AST) -> None:
        if isinstance(node, ast.For):
            self.visit_for(node)
            return
        if isinstance(node, ast.Name):
            symbol = self.symbol_of(node)
            if symbol is not None:
                self.scope.meaning[node] = symbol
            return
        for child in ast.iter_child_nodes(node):
            if not (isinstance(node, ast.AnnAssign) and child is node.annotation):
                self.visit(child)

    def symbol_of(self, node: ast.Name) -> Symbol | None:
        name = node.id
        for known in (
            self.scope.arrays,
            self.own_loops,
            self.scope.parameters,
            self.scope.locals,
        ):
            if name in known:
                return known[name]
        if name not in self.assigned:
            return None
        symbol = Symbol(name, Kind.LOCAL, self.source.span(node))
        self.scope.locals[name] = symbol
        return symbol

    def visit_for(self, node: ast.For) -> None:
        assert isinstance(node.target, ast.Name)
        self.visit(node.iter)
        name = node.target.id
        unread = name not in self.read and name not in self.plain
        own = unread or _is_own(node, self.live_after[node])
        if name in self.scope.parameters or not own:
            self.visit(node.target)
            for statement in node.body:
                self.visit(statement)
            return
        symbol = Symbol(name, Kind.LOOP, self.source.span(node.target))
        self.scope.loops[node] = symbol
        outer = self.own_loops.get(name)
        self.own_loops[name] = symbol
        self.scope.meaning[node.target] = symbol
        for statement in node.body:
            self.visit(statement)
        if outer is None:
            del self.own_loops[name]
        else:
            self.own_loops[name] = outer


def _is_own(node: ast.For, live_after: Names) -> bool:
    """Whether nothing but the loop assigns its variable, and nothing reads it after the loop."""
    assert isinstance(node.target, ast.Name)
    name = node.target.id
    assigned = any(
        isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Store)
        for statement in node.body
        for n in ast.walk(statement)
    )
    parts = any(name in _component_targets(s) for s in node.body)
    return not assigned and not parts and name not in live_after
