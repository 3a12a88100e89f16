"""Pending values in; what there is to compute, free of memory and numbers, out: equal for equal work.

``trace`` runs at every flush and makes the key of the plan's cache; ``structure`` runs once for a key.
"""

from __future__ import annotations

import enum
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from metal_runtime.device.pool import Block
from metal_runtime.dtype import DType
from metal_runtime.graph.operations import Operation
from metal_runtime.strided import Shape, Strided
from metal_runtime.value import Value


@dataclass(slots=True)
class Trace:
    """Pending values in an order in which each follows its inputs, and what they read."""

    key: tuple[Any, ...]
    values: list[Value]
    leaves: list[Value]
    """Values in memory, each once."""

    scalars: list[bytes]
    """The scalar operands, in the order of the values' inputs."""

    roots: list[int]
    """Places in ``values`` of what must be in memory."""


def trace(
    roots: Sequence[Value], target: Strided | None = None, into: Block | None = None
) -> Trace:
    """What the roots need. With ``into`` the one root is written to that block, by the layout ``target``.

    The key tells apart what differs in operators, shapes, dtypes, layouts, sharing, and what is written.
    """
    values = _pending_below(roots)
    leaves: list[Value] = []
    scalars: list[bytes] = []
    places: dict[Value, int] = {}
    key: list[Any] = []
    for number, value in enumerate(values):
        places[value] = number
        key.append(value.operation)
        for operand in value.inputs:
            if operand.__class__ is bytes:
                scalars.append(operand)
                continue
            place = places.get(operand)
            if place is None:
                place = places[operand] = ~len(leaves)
                leaves.append(operand)
                key += (operand.shape, operand.dtype, operand.layout)
            key.append(place)
    found = [places[root] for root in roots]
    key += found
    if into is not None:
        key += (target, tuple(leaf.block is into for leaf in leaves))
    return Trace(tuple(key), values, leaves, scalars, found)


def _pending_below(roots: Sequence[Value]) -> list[Value]:
    """Every pending value that the roots are made of, and they themselves, in the order of their making."""
    found = dict.fromkeys(roots)
    stack = list(roots)
    while stack:
        for operand in stack.pop().inputs:
            if (
                operand.__class__ is Value
                and operand.operation is not None
                and operand not in found
            ):
                found[operand] = None
                stack.append(operand)
    return sorted(found, key=_serial)


_serial = operator.attrgetter("serial")


class RefKind(enum.Enum):
    """What an input of a node is."""

    NODE = "node"
    LEAF = "leaf"
    SCALAR = "scalar"


Ref = tuple[RefKind, int]
"""An input: its kind, and its place among those of the kind."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """Elements that are in memory already."""

    shape: Shape
    dtype: DType
    layout: Strided | None


@dataclass(frozen=True, eq=False, slots=True)
class Node:
    """One operation of the graph."""

    operation: Operation
    inputs: tuple[Ref, ...]
    shape: Shape
    dtype: DType


@dataclass(frozen=True, eq=False, slots=True)
class Structure:
    """A graph without its memory: nodes in an order in which each follows its inputs."""

    nodes: tuple[Node, ...]
    leaves: tuple[Leaf, ...]
    roots: tuple[int, ...]


def structure(traced: Trace) -> Structure:
    """The graph of a trace."""
    places = {id(value): (RefKind.NODE, k) for k, value in enumerate(traced.values)}
    places.update({id(leaf): (RefKind.LEAF, k) for k, leaf in enumerate(traced.leaves)})
    nodes = []
    scalars = 0
    for value in traced.values:
        inputs: list[Ref] = []
        for operand in value.inputs:
            if isinstance(operand, bytes):
                inputs.append((RefKind.SCALAR, scalars))
                scalars += 1
            else:
                inputs.append(places[id(operand)])
        nodes.append(Node(value.operation, tuple(inputs), value.shape, value.dtype))
    leaves = tuple(Leaf(leaf.shape, leaf.dtype, leaf.layout) for leaf in traced.leaves)
    return Structure(tuple(nodes), leaves, tuple(dict.fromkeys(traced.roots)))
