"""Costly values that are computed twice get a name: a kernel in, one that computes them once out.

A value is named right before the first statement that computes it whatever happens, so that nothing
leaves its guard, and is used up to the first statement that may change it. Buffers may overlap: a store
to any of them changes all.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from metal_runtime.ir.effects import Effects, assigned_names
from metal_runtime.ir.nodes import (
    Apply,
    Block,
    Declare,
    Expr,
    For,
    Function,
    If,
    Kernel,
    Node,
    Read,
    Select,
    Stmt,
    While,
    value_type,
)
from metal_runtime.ir.walk import Rewriter, children, replace, walk
from metal_runtime.passes.naming import FreshNames, is_costly, is_steady, name_for

_Owner = TypeVar("_Owner", Kernel, Function)


def common_subexpressions(kernel: Kernel) -> Kernel:
    """Treats every function of the program."""
    effects = Effects(kernel)
    functions = tuple(_in_function(f, effects) for f in kernel.functions)
    return _in_function(dataclasses.replace(kernel, functions=functions), effects)


def _in_function(owner: _Owner, effects: Effects) -> _Owner:
    body = _Sharer(effects, FreshNames(owner)).block(owner.body)
    return owner if body is owner.body else dataclasses.replace(owner, body=body)


class _Sharer:
    def __init__(self, effects: Effects, fresh: FreshNames) -> None:
        self._effects = effects
        self._fresh = fresh

    def block(self, block: Block) -> Block:
        """Shares within the block, the largest expressions first; then within the blocks inside."""
        statements = list(block)
        position = 0
        while position < len(statements):
            inserted = self._share_from(statements, position)
            position += 0 if inserted else 1
        inner = tuple(self._inside(s) for s in statements)
        same = len(inner) == len(block) and all(a is b for a, b in zip(inner, block, strict=True))
        return block if same else inner

    def _inside(self, node: Stmt) -> Stmt:
        if isinstance(node, If):
            changed: Stmt = replace(
                node, then=self.block(node.then), orelse=self.block(node.orelse)
            )
            return changed
        if isinstance(node, For | While):
            changed = replace(node, body=self.block(node.body))
            return changed
        return node

    def _share_from(self, statements: list[Stmt], position: int) -> bool:
        """Names one value of a statement if it is needed again; False when there is none left."""
        statement = statements[position]
        for value in _candidates(statement):
            if not (is_costly(value) and is_steady(value, self._effects)):
                continue
            holds_it = isinstance(statement, Declare) and statement.value == value
            name = statement.name if isinstance(statement, Declare) and holds_it else ""
            name = name or self._fresh(name_for(value))
            variable = Read(name, value_type(value), span=value.span)
            substitution = _Substitution(value, variable)
            first = position + 1 if holds_it else position
            rest = self._substituted(statements[first:], substitution)
            if substitution.count < (1 if holds_it else 2):
                continue
            statements[first:] = rest
            if not holds_it:
                self._fresh.take(name)
                declaration = Declare(name, variable.type, value, span=value.span)
                statements.insert(position, declaration)
            return True
        return False

    def _substituted(self, block: Sequence[Stmt], substitution: _Substitution) -> list[Stmt]:
        """The statements with the name for the value, as far as both keep what they are."""
        result = list(block)
        for position, statement in enumerate(block):
            result[position] = self._substituted_in(statement, substitution)
            if not self._keeps(statement, substitution):
                break
        return result

    def _substituted_in(self, node: Stmt, substitution: _Substitution) -> Stmt:
        if self._keeps(node, substitution):
            return substitution.statement(node)
        if not self._effects.is_pure(*(c for c in children(node) if not isinstance(c, Stmt))):
            return node
        changes: dict[str, Any] = {}
        if isinstance(node, If):
            changes["condition"] = substitution.rewrite(node.condition)
            changes["then"] = self._substituted(node.then, substitution)
            changes["orelse"] = self._substituted(node.orelse, substitution)
        elif isinstance(node, For):
            changes = {n: substitution.rewrite(getattr(node, n)) for n in ("start", "stop", "step")}
        elif not isinstance(node, While):
            return substitution.statement(node)
        blocks = {n: tuple(b) for n, b in changes.items() if isinstance(b, list)}
        return dataclasses.replace(node, **{**changes, **blocks})

    def _keeps(self, statement: Stmt, substitution: _Substitution) -> bool:
        """Whether the value, and the variable that holds it, are the same after the statement."""
        value = substitution.value
        read = {n.name for n in walk(value) if isinstance(n, Read)} | {substitution.name.name}
        if read & assigned_names(statement):
            return False
        return not (self._effects.loads(value) and self._effects.changes_memory(statement))


class _Substitution(Rewriter):
    """Puts a name where a value stands, and counts how often."""

    def __init__(self, value: Expr, name: Read) -> None:
        self.value = value
        self.name = name
        self.count = 0

    def rewrite(self, node: Any) -> Any:
        if node == self.value:
            self.count += 1
            return self.name
        return super().rewrite(node)

    def statement(self, node: Stmt) -> Stmt:
        result: Stmt = self.rewrite(node)
        return result


def _candidates(node: Stmt) -> Iterator[Expr]:
    """What a statement computes once whatever happens, larger expressions first."""
    if isinstance(node, While):
        return
    for child in _values(node):
        if not isinstance(child, Stmt):
            yield from _certain(child)


def _certain(node: Node) -> Iterator[Expr]:
    """The expression and those in it that are evaluated whenever it is."""
    if isinstance(node, Expr):
        yield node
    if isinstance(node, Select):
        yield from _certain(node.condition)
    elif isinstance(node, Apply) and node.operator.lazy:
        yield from _certain(node.args[0])
    else:
        for child in _values(node):
            yield from _certain(child)


def _values(node: Node) -> Iterator[Node]:
    """The children, but of a place that is written or addressed only the indices."""
    for child in children(node):
        if child is getattr(node, "place", None):
            yield from children(child)
        else:
            yield child
