"""What code does besides giving a value: nodes in; stores, possible traps and assigned names out."""

from __future__ import annotations

from metal_runtime.ir.nodes import (
    Address,
    Apply,
    Assign,
    Call,
    Component,
    Constant,
    Declare,
    For,
    Function,
    Kernel,
    Load,
    Node,
)
from metal_runtime.ir.walk import root_of, walk
from metal_runtime.msl_types import element_of


class Effects:
    """What the functions of a kernel do, and with it what any piece of the kernel does."""

    def __init__(self, kernel: Kernel) -> None:
        self._written: dict[str, frozenset[int]] = {}
        for function in kernel.functions:
            stored = self.stores(*function.body)
            numbers = (i for i, p in enumerate(function.params) if p.name in stored)
            self._written[function.name] = frozenset(numbers)

    def stores(self, *nodes: Node) -> frozenset[str]:
        """The pointers that are stored through, by assignments or by called functions."""
        found: set[str] = set()
        for node in walk(*nodes):
            if isinstance(node, Assign):
                root = root_of(node.place)
                if isinstance(root, Load):
                    found.add(root.pointer)
            elif isinstance(node, Call):
                passed = (node.args[i] for i in self._written[node.function])
                found.update(a.pointer for a in passed if isinstance(a, Address))
        return frozenset(found)

    def is_pure(self, *nodes: Node) -> bool:
        """Whether expressions store nothing. They may still trap, and depend on memory."""
        return not any(isinstance(n, Call) and self._written[n.function] for n in walk(*nodes))

    def loads(self, *nodes: Node) -> bool:
        """Whether the value depends on memory."""
        return any(isinstance(n, Load | Address) for n in walk(*nodes))

    def may_trap(self, *nodes: Node) -> bool:
        """Whether evaluating expressions where the program does not may fail, or never end."""
        return any(traps(n) for n in walk(*nodes))


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
