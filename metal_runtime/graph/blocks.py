"""A graph in, the same graph with reductions of few long rows in two steps out: blocks, then what they have come to."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from metal_runtime.device.protocol import DeviceTraits
from metal_runtime.graph.operations import Combine, Partial, Reduce
from metal_runtime.graph.trace import Node, RefKind, Structure
from metal_runtime.ir.builtins import SIMD_WIDTH

BLOCK = 4096
"""How many elements a thread adds up in its lanes before they go into its totals; the least that is one block."""

LARGEST_BLOCK = 1 << 16
BLOCKS = 256
"""On a CPU a very long row has no more blocks than these, until they are of ``LARGEST_BLOCK`` elements."""

LANES = 128
"""Elements that a thread reduces side by side: more than compilers unroll, so that they make vectors of them."""

THREADS = 256
"""Threads of a GPU that share a row, unless it has more than ``ELEMENTS`` for each."""

WORKERS = 8
"""Threads of a GPU that share a column."""

ELEMENTS = 64
"""So many elements a thread make the fixed costs of a GPU's row small, and bound the rounding of its sums."""

ROWS_PER_UNIT = 8
"""With fewer rows for each compute unit, long rows are reduced by blocks."""


def by_blocks(graph: Structure, traits: DeviceTraits) -> tuple[Structure, tuple[int, ...]]:
    """The graph, and for each node of the one given its place there."""
    nodes: list[Node] = []
    places: list[int] = []
    for node in graph.nodes:
        inputs = tuple(
            (kind, places[index]) if kind is RefKind.NODE else (kind, index)
            for kind, index in node.inputs
        )
        partial = _partial(node, traits)
        if partial is not None:
            nodes.append(Node(partial, inputs, partial.shape, node.dtype))
            inputs = ((RefKind.NODE, len(nodes) - 1),)
            node = replace(node, operation=Combine(partial))
        places.append(len(nodes))
        nodes.append(replace(node, inputs=inputs))
    roots = tuple(places[root] for root in graph.roots)
    return Structure(tuple(nodes), graph.leaves, roots), tuple(places)


@dataclass(frozen=True, slots=True)
class _Cut:
    """How a device walks rows: ``columns`` of them side by side where their elements lie so, and blocks of which size."""

    columns: int
    block: int
    largest_block: int
    column_block: int


_THREAD_A_ROW = _Cut(LANES, BLOCK, LARGEST_BLOCK, BLOCK)
_THREADGROUP_A_ROW = _Cut(SIMD_WIDTH, ELEMENTS * THREADS, ELEMENTS * THREADS, ELEMENTS * WORKERS)


def _partial(node: Node, traits: DeviceTraits) -> Partial | None:
    operation = node.operation
    if not isinstance(operation, Reduce):
        return None
    cut = _THREAD_A_ROW if traits.vector_bytes else _THREADGROUP_A_ROW
    length = math.prod(operation.source[axis] for axis in operation.axes)
    rows = math.prod(operation.kept)
    innermost = bool(operation.source) and len(operation.source) - 1 in operation.axes
    lines, block = (rows, cut.block) if innermost else (-(-rows // cut.columns), cut.column_block)
    while innermost and block < cut.largest_block and length > block * BLOCKS:
        block *= 2
    if length < 2 * block or lines >= ROWS_PER_UNIT * traits.compute_units:
        return None
    outermost = next(axis for axis in operation.axes if operation.source[axis] > 1)
    extent = operation.source[outermost]
    each = max(-(-block * extent // length), 1)
    return Partial(operation, -(-extent // each), each)
