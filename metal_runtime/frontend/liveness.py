"""For each loop of a function: which variables are read after it, before they are assigned again."""

from __future__ import annotations

import ast
from collections.abc import Sequence

Names = frozenset[str]


def live_after_loops(function: ast.FunctionDef) -> dict[ast.For, Names]:
    """For each ``for``, the names whose values at its end may still be read."""
    analysis = _Liveness()
    analysis.before_block(function.body, frozenset(), frozenset(), frozenset())
    return analysis.after


def read_names(node: ast.AST) -> Names:
    """The names that an expression reads."""
    return frozenset(
        n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)
    )


class _Liveness:
    """Backward data flow over the syntax tree; loops are repeated until nothing changes."""

    def __init__(self) -> None:
        self.after: dict[ast.For, Names] = {}

    def before_block(
        self, block: Sequence[ast.stmt], after: Names, at_break: Names, at_continue: Names
    ) -> Names:
        for statement in reversed(block):
            after = self.before(statement, after, at_break, at_continue)
        return after

    def before(self, node: ast.stmt, after: Names, at_break: Names, at_continue: Names) -> Names:
        match node:
            case ast.Break():
                return at_break
            case ast.Continue():
                return at_continue
            case ast.Return(value):
                return read_names(value) if value is not None else frozenset()
            case ast.If(test, body, orelse):
                then = self.before_block(body, after, at_break, at_continue)
                return then | self.before_block(orelse, after, at_break, at_continue) | read_names(test)  # fmt: skip
            case ast.While(test, body):
                return self._before_while(test, body, after)
            case ast.For():
                return self._before_for(node, after)
            case ast.Assign(targets, value):
                return self._before_assignment(targets, value, after)
            case ast.AnnAssign(target=target, value=value):
                return after if value is None else self._before_assignment([target], value, after)
            case ast.AugAssign(target, _, value):
                own = frozenset({target.id}) if isinstance(target, ast.Name) else read_names(target)
                return after | own | read_names(value)
        return after | read_names(node)

    def _before_assignment(
        self, targets: Sequence[ast.expr], value: ast.expr, after: Names
    ) -> Names:
        names = {n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)}
        whole = {n for n in names if all(_is_whole(t, n) for t in targets)}
        parts = frozenset().union(*(read_names(t) for t in targets))
        return (after - whole) | parts | read_names(value)

    def _before_while(self, test: ast.expr, body: list[ast.stmt], after: Names) -> Names:
        head = after | read_names(test)
        while True:
            longer = head | self.before_block(body, head, after, head)
            if longer == head:
                return head
            head = longer

    def _before_for(self, node: ast.For, after: Names) -> Names:
        assert isinstance(node.target, ast.Name)
        self.after[node] = self.after.get(node, frozenset()) | after
        head = after
        while True:
            body = self.before_block(node.body, head, after, head)
            longer = head | (body - {node.target.id})
            if longer == head:
                return head | read_names(node.iter)
            head = longer


def _is_whole(target: ast.expr, name: str) -> bool:
    """Whether assigning to ``target`` replaces ``name`` wholly, or does not touch it."""
    match target:
        case ast.Name():
            return True
        case ast.Tuple(elts):
            return all(_is_whole(e, name) for e in elts)
    return not any(isinstance(n, ast.Name) and n.id == name for n in ast.walk(target))
