"""IR statements that assign undeclared variables enter; the same with each variable declared leaves.

A declaration stands in the narrowest block that holds all uses and that keeps the value as long as
Python would: at the first assignment where that is possible. Where a path may read a variable that
no assignment has reached, it is declared as zero; where no path can have assigned it, that is an error.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from metal_runtime.errors import KernelTypeError
from metal_runtime.frontend.context import LocalVariable
from metal_runtime.frontend.operations import zero
from metal_runtime.ir.nodes import (
    Assign,
    Block,
    Break,
    Constant,
    Continue,
    Declare,
    For,
    If,
    Node,
    Read,
    Return,
    Stmt,
    While,
)
from metal_runtime.ir.walk import children, walk

Names = frozenset[str]


class Assigned(NamedTuple):
    """What is known of the variables at one point."""

    surely: Names
    possibly: Names


def declare_variables(block: Block, variables: Mapping[str, LocalVariable]) -> Block:
    """The block with a Declare for every variable that it uses."""
    zeroed = frozenset(name for name, v in variables.items() if v.zeroed)
    flow = _Flow(variables)
    flow.block(block, Assigned(frozenset(), zeroed))
    return _Placement(variables, flow.unsure).declare(block, frozenset(variables))


class _Flow:
    """Forward data flow: finds reads that assignments reach on some paths only, and on none."""

    def __init__(self, variables: Mapping[str, LocalVariable], *, strict: bool = True) -> None:
        self.variables = variables
        self.strict = strict
        self.unsure: set[str] = set()
        self._at_break: list[Assigned | None] = []

    def block(self, block: Block, state: Assigned | None) -> Assigned | None:
        """The state after the block; None if its end is not reached."""
        for statement in block:
            state = self.statement(statement, state)
        return state

    def statement(self, node: Stmt, state: Assigned | None) -> Assigned | None:
        match node:
            case Assign(place, value):
                self.reads(value, state)
                if isinstance(place, Read):
                    return _with(state, place.name)
                self.reads(place, state)
            case If(condition, then, orelse):
                self.reads(condition, state)
                return _joined(self.block(then, state), self.block(orelse, state))
            case For(_, _, start, stop, step, body):
                for bound in (start, stop, step):
                    self.reads(bound, state)
                return self.loop(body, state, endless=False)
            case While(condition, body):
                self.reads(condition, _at_head(state, body))
                endless = isinstance(condition, Constant) and condition.value is True
                return self.loop(body, state, endless=endless)
            case Return():
                self.reads(node, state)
                return None
            case Break():
                if self._at_break:  # none when a loop's body is looked at alone
                    self._at_break[-1] = _joined(self._at_break[-1], state)
                return None
            case Continue():
                return None
            case _:
                self.reads(node, state)
        return state

    def loop(self, body: Block, state: Assigned | None, *, endless: bool) -> Assigned | None:
        head = _at_head(state, body)
        self._at_break.append(None)
        self.block(body, head)
        left = self._at_break.pop()
        return left if endless else _joined(left, head)

    def reads(self, node: Node, state: Assigned | None) -> None:
        if state is None:
            return  # never reached
        for read in walk(node):
            if not isinstance(read, Read) or read.name not in self.variables:
                continue
            if self.strict and read.name not in state.possibly:
                text = self.variables[read.name].text
                raise KernelTypeError(
                    f"`{text}` is read before anything is assigned to it",
                    read.span,
                    hint="assign it before",
                )
            if read.name not in state.surely:
                self.unsure.add(read.name)


def _with(state: Assigned | None, name: str) -> Assigned | None:
    if state is None:
        return None
    return Assigned(state.surely | {name}, state.possibly | {name})


def _joined(a: Assigned | None, b: Assigned | None) -> Assigned | None:
    if a is None or b is None:
        return b if a is None else a
    return Assigned(a.surely & b.surely, a.possibly | b.possibly)


def _at_head(state: Assigned | None, body: Block) -> Assigned | None:
    """At the head of a loop, an earlier turn may have assigned whatever its body assigns."""
    return None if state is None else Assigned(state.surely, state.possibly | _assigned_in(body))


def _assigned_in(block: Block) -> Names:
    return frozenset(
        n.place.name for n in walk(*block) if isinstance(n, Assign) and isinstance(n.place, Read)
    )


class _Placement:
    """Finds the block of each declaration, from the outside inwards."""

    def __init__(self, variables: Mapping[str, LocalVariable], unsure: set[str]) -> None:
        self.variables = variables
        self.unsure = unsure

    def declare(self, block: Block, wanted: Names) -> Block:
        """The block, with the ``wanted`` variables declared in it or deeper."""
        users = self._users(block, wanted)
        here: dict[int, list[str]] = {}
        deeper: dict[int, set[str]] = {}
        for name in sorted(users, key=list(self.variables).index):
            first, *others = users[name]
            if not others and _fits_inside(block[first], name, self.variables):
                deeper.setdefault(first, set()).add(name)
            else:
                here.setdefault(first, []).append(name)
        result: list[Stmt] = []
        for position, statement in enumerate(block):
            own = here.get(position, [])
            apart = [name for name in own if not _is_first_assignment(statement, name)]
            result.extend(self._declaration(name) for name in apart)
            result.append(self._statement(statement, own, frozenset(deeper.get(position, ()))))
        return tuple(result)

    def _users(self, block: Block, wanted: Names) -> dict[str, list[int]]:
        """For each wanted variable that the block uses, the positions of the statements that do."""
        users: dict[str, list[int]] = {}
        for position, statement in enumerate(block):
            for name in _mentioned(statement) & wanted:
                users.setdefault(name, []).append(position)
        return users

    def _declaration(self, name: str) -> Declare:
        variable = self.variables[name]
        value = zero(variable.type, variable.span) if name in self.unsure else None
        return Declare(name, variable.type, value, span=variable.span)

    def _statement(self, node: Stmt, here: list[str], deeper: Names) -> Stmt:
        for name in here:
            if _is_first_assignment(node, name):
                assert isinstance(node, Assign)
                return Declare(name, self.variables[name].type, node.value, span=node.span)
        if not deeper:
            return node
        changes = {field: self.declare(body, deeper) for field, body in _bodies(node)}
        return dataclasses.replace(node, **changes)  # type: ignore[arg-type]


def _mentioned(node: Node) -> Names:
    return frozenset(n.name for n in walk(node) if isinstance(n, Read))


def _is_first_assignment(node: Stmt, name: str) -> bool:
    return (
        isinstance(node, Assign)
        and isinstance(node.place, Read)
        and node.place.name == name
        and name not in _mentioned(node.value)
    )


def _bodies(node: Stmt) -> Iterator[tuple[str, Block]]:
    match node:
        case If(_, then, orelse):
            yield "then", then
            yield "orelse", orelse
        case For(body=body) | While(body=body):
            yield "body", body


def _fits_inside(node: Stmt, name: str, variables: Mapping[str, LocalVariable]) -> bool:
    """Whether a variable that only ``node`` uses can be declared in one of its blocks."""
    users = [body for _, body in _bodies(node) if name in _mentioned_in(body)]
    if len(users) != 1 or any(name in _mentioned(c) for c in _head(node)):
        return False
    if isinstance(node, If):
        return True
    # A turn of the loop must not read what an earlier turn has left.
    flow = _Flow({name: variables[name]}, strict=False)
    flow.block(users[0], Assigned(frozenset(), frozenset()))
    return name not in flow.unsure


def _mentioned_in(block: Block) -> Names:
    return frozenset().union(*(_mentioned(s) for s in block))


def _head(node: Stmt) -> Iterator[Node]:
    """The expressions of a statement outside its blocks."""
    return (c for c in children(node) if not isinstance(c, Stmt))
