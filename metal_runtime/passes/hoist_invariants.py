"""What a loop computes alike in every turn moves before it: a kernel in, a kernel out.

The loop may make no turn at all: only what cannot trap moves, and loads only out of loops that are
known to turn and to reach them, and that store nothing.
"""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar

from metal_runtime.ir.effects import Effects, assigned_names, traps
from metal_runtime.ir.nodes import (
    Apply,
    Assign,
    Block,
    Break,
    Continue,
    Declare,
    Expr,
    For,
    Function,
    If,
    Kernel,
    Load,
    Node,
    Read,
    Return,
    Select,
    Stmt,
    While,
)
from metal_runtime.ir.walk import Rewriter, replace, walk
from metal_runtime.passes.fold_constants import turns
from metal_runtime.passes.naming import FreshNames, is_costly, is_steady, name_for

_Owner = TypeVar("_Owner", Kernel, Function)


def hoist_invariants(kernel: Kernel) -> Kernel:
    """Treats the loops of every function, inner ones first."""
    effects = Effects(kernel)
    functions = tuple(_in_function(f, effects) for f in kernel.functions)
    return _in_function(dataclasses.replace(kernel, functions=functions), effects)


def _in_function(owner: _Owner, effects: Effects) -> _Owner:
    body = _Hoister(effects, FreshNames(owner)).rewrite_block(owner.body)
    return owner if body is owner.body else dataclasses.replace(owner, body=body)


class _Hoister(Rewriter):
    def __init__(self, effects: Effects, fresh: FreshNames) -> None:
        self._effects = effects
        self._fresh = fresh

    def rewrite_For(self, node: For) -> For | Block:
        loop = _Loop(node, self._effects, self._fresh, certain=bool(turns(node)))
        body = loop.block(node.body)
        return (*loop.moved, replace(node, body=body)) if loop.moved else node

    def rewrite_While(self, node: While) -> While | Block:
        loop = _Loop(node, self._effects, self._fresh, certain=False)
        body = loop.block(node.body)
        condition = loop.expression(node.condition)
        moved = replace(node, condition=condition, body=body)
        return (*loop.moved, moved) if loop.moved else node


class _Loop(Rewriter):
    """Takes the invariant expressions out of one loop; they gather in ``moved``."""

    def __init__(
        self, node: For | While, effects: Effects, fresh: FreshNames, certain: bool
    ) -> None:
        self._effects = effects
        self._fresh = fresh
        self._changed = assigned_names(node)
        self._stores = effects.changes_memory(node)
        self._assignments = [n for n in walk(*node.body) if isinstance(n, Assign)]
        self._certain = certain
        self._names: dict[Expr, Read] = {}
        self.moved: list[Declare] = []

    def block(self, block: Block) -> Block:
        """The statements of the body that run in every turn, up to the first that may leave it."""
        result: list[Stmt] = []
        for position, statement in enumerate(block):
            if _may_jump(statement) or isinstance(statement, For | While):
                self._certain = False
            if isinstance(statement, Declare) and self._moves_whole(statement):
                self.moved.append(statement)
                self._changed -= {statement.name}
                continue
            result.append(self._statement(statement))
            if isinstance(statement, Break | Continue | Return):
                result += block[position + 1 :]
                break
        return tuple(result)

    def _statement(self, node: Stmt) -> Stmt:
        """The expressions of the statement itself; nested blocks run under conditions of their own."""
        if isinstance(node, If):
            changed: Stmt = replace(node, condition=self.expression(node.condition))
            return changed
        if isinstance(node, For):
            bounds = {n: self.expression(getattr(node, n)) for n in ("start", "stop", "step")}
            changed = replace(node, **bounds)
            return changed
        if isinstance(node, While):
            return node
        new: Stmt = self.rewrite(node)
        return new

    def _moves_whole(self, node: Declare) -> bool:
        """Whether the variable itself is the same in every turn."""
        if node.value is None or not self._is_invariant(node.value):
            return False
        places = (n for a in self._assignments for n in walk(a.place))
        return not any(isinstance(n, Read) and n.name == node.name for n in places)

    def expression(self, node: Expr) -> Expr:
        result: Expr = self.rewrite(node)
        return result

    def rewrite(self, node: Any) -> Any:
        if isinstance(node, Expr):
            if self._is_invariant(node):
                return self._named(node)
            if isinstance(node, Select):
                return replace(node, condition=self.rewrite(node.condition))
            if isinstance(node, Apply) and node.operator.lazy:
                return replace(node, args=(self.rewrite(node.args[0]), node.args[1]))
        return super().rewrite(node)

    def _named(self, node: Expr) -> Read:
        if node not in self._names:
            name = self._fresh(name_for(node))
            self._fresh.take(name)
            self._names[node] = Read(name, node.type, span=node.span)  # type: ignore[arg-type]
            self.moved.append(Declare(name, node.type, node, span=node.span))  # type: ignore[arg-type]
        return self._names[node]

    def _is_invariant(self, node: Expr) -> bool:
        if not (is_costly(node) and is_steady(node, self._effects)):
            return False
        if any(isinstance(n, Read) and n.name in self._changed for n in walk(node)):
            return False
        if not self._effects.may_trap(node):
            return True
        return self._certain and not self._stores and self._loads_only(node)

    def _loads_only(self, node: Expr) -> bool:
        """Whether loads are all that may trap in the expression."""
        rest = (n for n in walk(node) if not isinstance(n, Load))
        return not any(traps(n) for n in rest)


def _may_jump(node: Node) -> bool:
    return any(isinstance(n, Break | Continue | Return) for n in walk(node))
