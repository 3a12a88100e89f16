"""What has no effect goes: a kernel in, one without unused variables, functions and unreachable statements out.

An unused value that would have trapped is not computed either, as in C.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TypeVar

from metal_runtime.ir.effects import Effects, owner_functions
from metal_runtime.ir.nodes import (
    Address,
    Assign,
    Block,
    Break,
    Call,
    Continue,
    Declare,
    Evaluate,
    For,
    Function,
    If,
    Kernel,
    Load,
    Node,
    Read,
    Return,
    Stmt,
    While,
)
from metal_runtime.ir.walk import children, replace, root_of, walk
from metal_runtime.msl_types import VOID
from metal_runtime.passes.fold_constants import negated

_Owner = TypeVar("_Owner", Kernel, Function)


def remove_dead_code(kernel: Kernel) -> Kernel:
    """Removes until nothing more can go."""
    while True:
        effects = Effects(kernel)
        functions = tuple(_in_function(f, effects) for f in kernel.functions)
        lean = _in_function(kernel, effects)
        lean = _without_unused_functions(dataclasses.replace(lean, functions=functions))
        if lean == kernel:
            return kernel
        kernel = lean


def _without_unused_functions(kernel: Kernel) -> Kernel:
    needed: set[str] = set()
    for owner in reversed(owner_functions(kernel)):
        if owner is kernel or owner.name in needed:
            needed.update(n.function for n in walk(*owner.body) if isinstance(n, Call))
    kept = tuple(f for f in kernel.functions if f.name in needed)
    return kernel if len(kept) == len(kernel.functions) else replace(kernel, functions=kept)


def _in_function(owner: _Owner, effects: Effects) -> _Owner:
    body = _without_last(owner.body, Return) if owner.result == VOID else owner.body
    body = _Cleaner(body, effects).block(body)
    used = {n.pointer for n in walk(*body) if isinstance(n, Load | Address)}
    arrays = tuple(a for a in owner.arrays if a.name in used)
    return dataclasses.replace(owner, body=body, arrays=arrays)


class _Cleaner:
    """Cleans the blocks of one function."""

    def __init__(self, body: Block, effects: Effects) -> None:
        self._effects = effects
        self._used = _used_names(body, effects)

    def block(self, block: Block) -> Block:
        kept: list[Stmt] = []
        for statement in block:
            kept += self._statement(statement)
            if kept and _leaves(kept[-1]):
                break
        same = len(kept) == len(block) and all(a is b for a, b in zip(kept, block, strict=True))
        return block if same else tuple(kept)

    def _statement(self, node: Stmt) -> tuple[Stmt, ...]:
        match node:
            case Declare():
                return self._declare(node)
            case Assign():
                root = root_of(node.place)
                if isinstance(root, Load) or root.name in self._used:
                    return (node,)
                return _calls(node, self._effects)
            case If():
                return self._if(node)
            case For():
                body = self.block(_without_last(node.body, Continue))
                pure = self._effects.is_pure(node.start, node.stop, node.step)
                return () if not body and pure else (replace(node, body=body),)
            case While():
                return (replace(node, body=self.block(_without_last(node.body, Continue))),)
            case Evaluate(call):
                return () if self._effects.is_pure(call) else (node,)
        return (node,)

    def _declare(self, node: Declare) -> tuple[Stmt, ...]:
        return (node,) if node.name in self._used else _calls(node, self._effects)

    def _if(self, node: If) -> tuple[Stmt, ...]:
        then, orelse = self.block(node.then), self.block(node.orelse)
        if then:
            return (replace(node, then=then, orelse=orelse),)
        if orelse:
            return (If(negated(node.condition), orelse, span=node.span),)
        if self._effects.is_pure(node.condition):
            return ()
        return (replace(node, then=(), orelse=()),)


def _leaves(node: Stmt) -> bool:
    """Whether what follows the statement in its block is never reached."""
    if isinstance(node, If):
        both = bool(node.then) and bool(node.orelse)
        return both and _leaves(node.then[-1]) and _leaves(node.orelse[-1])
    return isinstance(node, Return | Break | Continue)


def _without_last(block: Block, kind: type[Return] | type[Continue]) -> Block:
    """The block without a jump to where its end leads anyway."""
    if not block:
        return block
    last = block[-1]
    if isinstance(last, kind):
        return block[:-1]
    if isinstance(last, If):
        then, orelse = _without_last(last.then, kind), _without_last(last.orelse, kind)
        return (*block[:-1], replace(last, then=then, orelse=orelse))
    return block


def _calls(node: Declare | Assign, effects: Effects) -> tuple[Stmt, ...]:
    """What is left of a statement whose variable nobody reads: the statement itself if it stores."""
    return () if effects.is_pure(*_expressions(node)) else (node,)


def _used_names(body: Block, effects: Effects) -> frozenset[str]:
    """The variables whose values reach memory, a result or a decision."""
    needs: dict[str, set[str]] = {}
    used: set[str] = set()
    for node in walk(*body):
        if not isinstance(node, Stmt):
            continue
        own = set(_reads(node))
        name = _set_variable(node)
        if name is None or not effects.is_pure(*_expressions(node)):
            used |= own | ({name} if name else set())
        else:
            needs.setdefault(name, set()).update(own)
    pending = list(used)
    while pending:
        for name in needs.get(pending.pop(), set()) - used:
            used.add(name)
            pending.append(name)
    return frozenset(used)


def _set_variable(node: Stmt) -> str | None:
    if isinstance(node, Declare):
        return node.name
    if isinstance(node, Assign):
        root = root_of(node.place)
        return None if isinstance(root, Load) else root.name
    return None


def _expressions(node: Stmt) -> Iterator[Node]:
    return (c for c in children(node) if not isinstance(c, Stmt))


def _reads(node: Stmt) -> Iterator[str]:
    """The variables that a statement itself reads; a place's root is written, not read."""
    root = root_of(node.place) if isinstance(node, Assign) else None
    for child in walk(*_expressions(node)):
        if isinstance(child, Read) and child is not root:
            yield child.name
