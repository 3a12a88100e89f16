"""What code does besides giving a value: nodes in; stores, possible traps and assigned names out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeGuard

from metal_runtime.ir.atomics import AtomicOperation
from metal_runtime.ir.nodes import (
    Address,
    Apply,
    Assign,
    Atomic,
    Barrier,
    Call,
    Collective,
    Component,
    Constant,
    Declare,
    Expr,
    Fence,
    For,
    Function,
    Kernel,
    Load,
    MatrixFill,
    MatrixLoad,
    MatrixStore,
    MultiplyAccumulate,
    Node,
    Param,
    Place,
    Swizzle,
)
from metal_runtime.ir.walk import children, root_of, walk
from metal_runtime.msl_types import AddressSpace, Pointer, element_of


class Effects:
    """What the functions of a kernel do, and with it what any piece of the kernel does."""

    def __init__(self, kernel: Kernel) -> None:
        self._written: dict[str, frozenset[int]] = {}
        self._read: dict[str, frozenset[int]] = {}
        self._waiting: set[str] = set()
        self._meeting: set[str] = set()
        for function in kernel.functions:
            stored, loaded = self.stores(*function.body), self.loads_from(*function.body)
            numbers = (i for i, p in enumerate(function.params) if p.name in stored)
            self._written[function.name] = frozenset(numbers)
            numbers = (i for i, p in enumerate(function.params) if p.name in loaded)
            self._read[function.name] = frozenset(numbers)
            if self.waits(*function.body):
                self._waiting.add(function.name)
            if self.meets(*function.body):
                self._meeting.add(function.name)

    def stores(self, *nodes: Node) -> frozenset[str]:
        """The pointers that are stored through, by assignments or by called functions."""
        found: set[str] = set()
        for node in walk(*nodes):
            if isinstance(node, Assign):
                root = root_of(node.place)
                if isinstance(root, Load):
                    found.add(root.pointer)
            elif isinstance(node, MatrixStore) or changes(node):
                found.add(node.place.pointer)  # type: ignore[attr-defined]
            elif isinstance(node, Call):
                passed = (node.args[i] for i in self._written[node.function])
                found.update(a.pointer for a in passed if isinstance(a, Address))
        return frozenset(found)

    def loads_from(self, *nodes: Node) -> frozenset[str]:
        """The pointers whose elements are read, here or by called functions; a place that is only stored to is not."""
        found: set[str] = set()
        pending = list(nodes)
        while pending:
            node = pending.pop()
            if isinstance(node, Load | Address):
                found.add(node.pointer)
            if isinstance(node, Call):
                read = self._read[node.function]
                pending += (
                    a for i, a in enumerate(node.args) if i in read or not isinstance(a, Address)
                )
            elif isinstance(node, Assign | MatrixStore) or _only_stores(node):
                pending += (child for child in children(node) if child is not node.place)
                pending += _indices(node.place)
            else:
                pending += children(node)
        return frozenset(found)

    def waits(self, *nodes: Node) -> bool:
        """Whether there is a barrier or a fence, here or in a called function."""
        return any(
            isinstance(n, Barrier | Fence) or (isinstance(n, Call) and n.function in self._waiting)
            for n in walk(*nodes)
        )

    def meets(self, *nodes: Node) -> bool:
        """Whether threads act together or on each other: then it counts which threads come here, and when."""
        return any(
            isinstance(
                n,
                Barrier
                | Fence
                | Collective
                | Atomic
                | MatrixFill
                | MatrixLoad
                | MultiplyAccumulate,
            )
            or (isinstance(n, Call) and n.function in self._meeting)
            for n in walk(*nodes)
        )

    def changes_memory(self, *nodes: Node) -> bool:
        """Whether memory may differ afterwards: this thread stores, or waits for others that do."""
        return bool(self.stores(*nodes)) or self.waits(*nodes)

    def is_pure(self, *nodes: Node) -> bool:
        """Whether expressions store nothing and wait for nobody. They may still trap, and depend on memory."""
        return not any(
            changes(n)
            or (isinstance(n, Call) and (self._written[n.function] or n.function in self._waiting))
            for n in walk(*nodes)
        )

    def loads(self, *nodes: Node) -> bool:
        """Whether the value depends on memory."""
        return any(isinstance(n, Load | Address) for n in walk(*nodes))

    def may_trap(self, *nodes: Node) -> bool:
        """Whether evaluating expressions where the program does not may fail, or never end."""
        return any(traps(n) for n in walk(*nodes))


def changes(node: Node) -> bool:
    """Whether the node is an atomic function that may change what it finds."""
    return isinstance(node, Atomic) and node.operation is not AtomicOperation.LOAD


def _only_stores(node: Node) -> TypeGuard[Atomic]:
    return isinstance(node, Atomic) and node.operation is AtomicOperation.STORE


def _indices(place: Place) -> Iterator[Expr]:
    """What says where a place is."""
    while isinstance(place, Swizzle | Component):
        if isinstance(place, Component):
            yield place.index
        place = place.value  # type: ignore[assignment]  # verified: a place's value is a place
    if isinstance(place, Load):
        yield place.index


def traps(node: Node) -> bool:
    """Whether the node itself, its operands aside, may fail or never end."""
    if isinstance(node, Apply) and node.operator.may_trap:
        divisor = node.args[1]
        # The least integer divided by -1 traps on some processors too.
        known = isinstance(divisor, Constant) and divisor.value not in (0, -1)
        return not element_of(node.type).is_float and not known
    if isinstance(node, Component):
        return not isinstance(node.index, Constant)
    return isinstance(node, Load | Call)


def assigned_names(*nodes: Node) -> frozenset[str]:
    """The variables that statements declare, assign to or loop over."""
    found: set[str] = set()
    for node in walk(*nodes):
        if isinstance(node, Declare | For):
            found.add(node.name)
        elif isinstance(node, Assign):
            root = root_of(node.place)
            if not isinstance(root, Load):
                found.add(root.name)
    return frozenset(found)


def owner_functions(kernel: Kernel) -> tuple[Kernel | Function, ...]:
    """Everything with a body: the functions, each before its callers, and the kernel last."""
    return (*kernel.functions, kernel)


def sized_params(kernel: Kernel) -> tuple[Param, ...]:
    """The parameters that are threadgroup memory, whose length a launch gives."""
    return tuple(p for p in kernel.params if _is_sized(p))


def bound_params(kernel: Kernel) -> tuple[Param, ...]:
    """The parameters that a launch passes values or buffers for."""
    return tuple(p for p in kernel.params if not _is_sized(p))


def _is_sized(param: Param) -> bool:
    return isinstance(param.type, Pointer) and param.type.space is AddressSpace.THREADGROUP
