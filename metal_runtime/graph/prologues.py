"""A graph in; which operators before its products are in memory first, and why, out: all others are computed where
the product packs its operands.
"""

from __future__ import annotations

import math
from types import UnionType

from metal_runtime.device.protocol import DeviceTraits
from metal_runtime.graph.operations import Combine, Elementwise, MatMul, Reduce, View
from metal_runtime.graph.trace import Leaf, Node, Ref, RefKind, Structure
from metal_runtime.ops.product_launches import Way, computes, way_of
from metal_runtime.ops.product_shapes import sizes_of
from metal_runtime.strided import Movement, Strided, contiguous, moved


def apart(graph: Structure, traits: DeviceTraits) -> dict[int, str]:
    """The nodes whose elements products read, each once it is in memory, and why it must be."""
    found: dict[int, str] = {}
    uses = _uses(graph)
    ends, rows = _made_of(graph, MatMul), _made_of(graph, Reduce | Combine)
    for node in graph.nodes:
        if not isinstance(node.operation, MatMul):
            continue
        for ref, once in zip(node.inputs, _once(graph, node, traits), strict=True):
            (kind, index), movements = seen_through_views(graph, ref)
            if kind is not RefKind.NODE:
                continue
            base = graph.nodes[index]
            if isinstance(base.operation, Elementwise):
                layout = layout_of(base, movements)
                why = _why(index in graph.roots, uses[index], index in ends, index in rows)
                if why is None and not once:
                    why = "a product that packs nothing reads its operand more than once"
                if why is None and _repeats(layout):
                    why = "a product reads elements of its operand more than once"
                if why is not None:
                    found[index] = why
    return found


def _why(held: bool, uses: int, ends: bool, follows: bool) -> str | None:
    if held:
        return "a product's operand is held"
    if uses > 1:
        return "a product's operand has other readers"
    if ends:
        return "a product's operand is the end of another"
    if follows:
        return "a product's operand is computed along with a reduction"
    return None


def _repeats(layout: Strided) -> bool:
    """Whether a matrix has one element at several places."""
    matrix = zip(layout.shape[-2:], layout.strides[-2:], strict=True)
    return any(n > 1 and s == 0 for n, s in matrix)


def seen_through_views(graph: Structure, ref: Ref) -> tuple[Ref, tuple[Movement, ...]]:
    """What is no view below a reference, and the movements from it to the reference."""
    movements: tuple[Movement, ...] = ()
    while ref[0] is RefKind.NODE:
        node = graph.nodes[ref[1]]
        if not isinstance(node.operation, View):
            break
        movements = node.operation.movements + movements
        (ref,) = node.inputs
    return ref, movements


def layout_of(base: Node | Leaf, movements: tuple[Movement, ...]) -> Strided:
    """Where the elements of an operand lie, or would lie were ``base`` in memory."""
    own = base.layout if isinstance(base, Leaf) else None
    layout = moved(own or contiguous(base.shape), movements)
    assert layout is not None  # a view that needs a copy was copied when it was made
    return layout


def _once(graph: Structure, product: Node, traits: DeviceTraits) -> tuple[bool, bool]:
    """Whether the product's kernels read the elements of its operands once each."""
    layouts = []
    for ref in product.inputs:
        (kind, index), movements = seen_through_views(graph, ref)
        base = graph.leaves[index] if kind is RefKind.LEAF else graph.nodes[index]
        layouts.append(layout_of(base, movements))
    a, b = layouts
    sizes = sizes_of(a.shape, b.shape)
    way = way_of(sizes, a.strides, b.strides, traits)
    if way is Way.TILES:
        return True, True
    once_a, once_b = computes(way, sizes)
    return (
        once_a and _matrices(a) == math.prod(sizes.batch_shape),
        once_b and _matrices(b) == math.prod(sizes.batch_shape),
    )


def _matrices(layout: Strided) -> int:
    """How many different ones there are."""
    batch = zip(layout.shape[:-2], layout.strides[:-2], strict=True)
    return math.prod(n for n, s in batch if s)


def _uses(graph: Structure) -> dict[int, int]:
    """How often a node is an operand of what is no view; a view of it stands for it."""
    uses: dict[int, int] = {}
    for node in graph.nodes:
        if isinstance(node.operation, View):
            continue
        for ref in node.inputs:
            if ref[0] is not RefKind.SCALAR:
                (kind, index), _ = seen_through_views(graph, ref)
                if kind is RefKind.NODE:
                    uses[index] = uses.get(index, 0) + 1
    return uses


def _made_of(graph: Structure, kind: type | UnionType) -> set[int]:
    """The operators that an operation of a kind is below, with nothing but operators and views between."""
    found: set[int] = set()
    for index, node in enumerate(graph.nodes):
        if isinstance(node.operation, Elementwise | View):
            below = {place for at, place in node.inputs if at is RefKind.NODE}
            if any(k in found or isinstance(graph.nodes[k].operation, kind) for k in below):
                found.add(index)
    return found
