"""Pending values in; what there is to compute, free of memory and numbers, out: equal for equal work.

``trace`` runs at every flush and makes the key of the plan's cache; ``structure`` runs once for a key.
"""

from __future__ import annotations

import enum
import itertools
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from metal_runtime.device.block import Block
from metal_runtime.dtype import DType
from metal_runtime.graph.operations import Operation
from metal_runtime.strided import Shape, Strided
from metal_runtime.value import Value


@dataclass(slots=True)
class Trace:
    """Pending values, each once, in the order in which they were met from the roots on, and what they read."""

    key: tuple[Any, ...]
    values: list[Value]
    leaves: list[Value]
    """Values in memory, each once."""

    scalars: list[bytes]
    """The scalar operands, in the order of the values' inputs."""

    roots: int
    """So many of the first values must be in memory."""


def trace(
    roots: Sequence[Value], target: Strided | None = None, into: Block | None = None
) -> Trace:
    """What the roots, each given once, need. With ``into`` the one root is written to that block, by the layout ``target``.

    The key tells apart what differs in operators, shapes, dtypes, layouts, sharing, and what is written.
    """
    # This runs at every flush, and takes half a microsecond a value: hence one loop, and local names.
    values = list(roots)
    leaves: list[Value] = []
    scalars: list[bytes] = []
    key: list[Any] = [len(roots)]
    note = key.append
    places: dict[Value, int] = {root: place for place, root in enumerate(roots)}
    for value in values:  # which grows on the way
        note(value.operation)
        for operand in value.inputs:
            if operand.__class__ is bytes:
                scalars.append(operand)
                continue
            place = places.get(operand)
            if place is None:
                if operand.operation is None:
                    place = ~len(leaves)
                    leaves.append(operand)
                    note(operand.layout)
                else:
                    place = len(values)
                    values.append(operand)
                places[operand] = place
            note(place)
    if into is not None:
        note(target)
        key += (leaf.block is into for leaf in leaves)
    return Trace(tuple(key), values, leaves, scalars, len(roots))


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
    ordered = sorted(traced.values, key=operator.attrgetter("serial"))
    places: dict[Value, Ref] = {v: (RefKind.NODE, k) for k, v in enumerate(ordered)}
    places.update({leaf: (RefKind.LEAF, k) for k, leaf in enumerate(traced.leaves)})
    scalars = itertools.count()
    inputs = {
        value: tuple(
            (RefKind.SCALAR, next(scalars)) if isinstance(o, bytes) else places[o]
            for o in value.inputs
        )
        for value in traced.values
    }
    nodes = tuple(Node(v.operation, inputs[v], v.shape, v.dtype) for v in ordered)
    leaves = tuple(Leaf(leaf.shape, leaf.dtype, leaf.layout) for leaf in traced.leaves)
    roots = tuple(places[root][1] for root in traced.values[: traced.roots])
    return Structure(nodes, leaves, roots)
