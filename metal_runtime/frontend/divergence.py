"""Barriers that some threads of a threadgroup would not reach: a kernel in, an error at the barrier or nothing out.

A barrier in a branch or a loop that depends on the thread's own position along x is refused. What depends on
the other axes or on memory, or on an early return, is found when the kernel runs.
"""

from __future__ import annotations

from metal_runtime.errors import KernelTypeError, Note
from metal_runtime.ir.effects import owner_functions
from metal_runtime.ir.nodes import (
    Assign,
    Barrier,
    BarrierScope,
    Block,
    Builtin,
    Call,
    Collective,
    Declare,
    For,
    If,
    Kernel,
    Node,
    Read,
    Swizzle,
    While,
)
from metal_runtime.ir.walk import children, root_of, walk
from metal_runtime.source import SourceSpan

_OF_THE_THREAD = frozenset(
    {
        "thread_position_in_grid",
        "thread_position_in_threadgroup",
        "thread_index_in_threadgroup",
        "thread_index_in_simdgroup",
        "simdgroup_index_in_threadgroup",
        "thread_index_in_quadgroup",
        "quadgroup_index_in_threadgroup",
    }
)


def refuse_divergent_barriers(kernel: Kernel) -> None:
    """Raises KernelTypeError at the first threadgroup barrier under a condition on the thread's position."""
    waiting: set[str] = set()
    for owner in owner_functions(kernel):
        if _has_barrier(owner.body, waiting):
            waiting.add(owner.name)
    for owner in owner_functions(kernel):
        if owner.name in waiting:
            _Check(waiting, _varying_names(owner.body)).block(owner.body, None)


def _has_barrier(block: Block, waiting: set[str]) -> bool:
    return any(_waits(node, waiting) for node in walk(*block))


def _waits(node: Node, waiting: set[str]) -> bool:
    if isinstance(node, Barrier):
        return node.scope is BarrierScope.THREADGROUP
    return isinstance(node, Call) and node.function in waiting


def _varying_names(body: Block) -> frozenset[str]:
    """The variables that hold something of the thread's own position."""
    names: frozenset[str] = frozenset()
    while True:
        found = {
            name for name, values in _assignments(body) if any(_varies(v, names) for v in values)
        }
        if found <= names:
            return names
        names |= found


def _assignments(body: Block) -> list[tuple[str, list[Node]]]:
    result: list[tuple[str, list[Node]]] = []
    for node in walk(*body):
        if isinstance(node, Declare) and node.value is not None:
            result.append((node.name, [node.value]))
        elif isinstance(node, For):
            result.append((node.name, [node.start, node.step]))
        elif isinstance(node, Assign):
            root = root_of(node.place)
            if isinstance(root, Read):
                result.append((root.name, [node.value]))
    return result


def _varies(node: Node, names: frozenset[str]) -> bool:
    if isinstance(node, Builtin):
        return node.name in _OF_THE_THREAD
    if isinstance(node, Read):
        return node.name in names
    if isinstance(node, Swizzle) and isinstance(node.value, Builtin | Read):
        # Threadgroups of one row are usual: then y and z are the same in all threads.
        return "x" in node.components and _varies(node.value, names)
    if isinstance(node, Collective | Call):
        return False  # not known
    return any(_varies(c, names) for c in children(node))


class _Check:
    def __init__(self, waiting: set[str], varying: frozenset[str]) -> None:
        self._waiting = waiting
        self._varying = varying

    def block(self, block: Block, cause: Node | None) -> None:
        """Looks at statements that run under a condition of the thread's own, ``cause``, if any."""
        for statement in block:
            match statement:
                case If(condition, then, orelse):
                    inner = cause or self._cause((condition,), statement)
                    self._expressions((condition,), cause)
                    self.block(then, inner)
                    self.block(orelse, inner)
                case For(_, _, start, stop, step, body):
                    self._expressions((start, stop, step), cause)
                    self.block(body, cause or self._cause((start, stop, step), statement))
                case While(condition, body):
                    inner = cause or self._cause((condition,), statement)
                    self._expressions((condition,), inner)
                    self.block(body, inner)
                case _:
                    self._expressions((statement,), cause)

    def _cause(self, conditions: tuple[Node, ...], statement: Node) -> Node | None:
        return statement if any(_varies(c, self._varying) for c in conditions) else None

    def _expressions(self, nodes: tuple[Node, ...], cause: Node | None) -> None:
        if cause is None:
            return
        for node in walk(*nodes):
            if _waits(node, self._waiting):
                raise _divergent(node.span, cause)


def _divergent(span: SourceSpan | None, cause: Node) -> KernelTypeError:
    kind = "branch" if isinstance(cause, If) else "loop"
    return KernelTypeError(
        f"not all threads of a threadgroup reach this barrier: it stands in a {kind} that depends on the thread",
        span,
        hint="let all threads reach it: put only the loads and stores under the condition",
        notes=()
        if cause.span is None
        else (Note(f"this {kind} depends on the thread's position", cause.span),),
    )
