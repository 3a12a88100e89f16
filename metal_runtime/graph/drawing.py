"""Plans in, an SVG picture of its graph out: one box an operator, one colour a kernel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from metal_runtime.graph.operations import View
from metal_runtime.graph.plan import Plan
from metal_runtime.graph.trace import Node, Ref, RefKind
from metal_runtime.ops.promotion import dtype_name

_COLOURS = ("#4e79a7", "#f28e2b", "#59a14f", "#b07aa1", "#e15759", "#76b7b2", "#9c755f", "#edc948")
_WIDTH, _HEIGHT, _GAP_X, _GAP_Y = 190, 40, 24, 34


@dataclass(frozen=True, slots=True)
class _Box:
    text: str
    colour: str
    column: int
    row: int

    @property
    def x(self) -> int:
        return 20 + self.column * (_WIDTH + _GAP_X)

    @property
    def y(self) -> int:
        return 20 + self.row * (_HEIGHT + _GAP_Y)


def svg(plans: Sequence[Plan]) -> str:
    """The picture: inputs at the top, results below, each operator in the colour of the kernel that computes it."""
    boxes: list[_Box] = []
    edges: list[tuple[_Box, _Box]] = []
    row, kernels = 0, 0
    for plan in plans:
        placed = _placed(plan, row, kernels)
        boxes += placed.values()
        edges += (
            (placed[ref], placed[RefKind.NODE, index])
            for index, node in enumerate(plan.graph.nodes)
            for ref in node.inputs
            if ref[0] is not RefKind.SCALAR
        )
        row = max((box.row for box in placed.values()), default=row) + 1
        kernels += len(plan.schedule.kernels)
    width = max((box.x for box in boxes), default=0) + _WIDTH + 20
    height = max((box.y for box in boxes), default=0) + _HEIGHT + 20
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    lines += (_line(start, end) for start, end in edges)
    lines += (_rect(box) for box in boxes)
    return "\n".join([*lines, "</svg>\n"])


def _placed(plan: Plan, first_row: int, first_kernel: int) -> dict[Ref, _Box]:
    """A box for each leaf and node: as deep as its longest way from a leaf."""
    depths: dict[Ref, int] = {(RefKind.LEAF, k): 0 for k in range(len(plan.graph.leaves))}
    for index, node in enumerate(plan.graph.nodes):
        above = [depths[ref] for ref in node.inputs if ref[0] is not RefKind.SCALAR]
        depths[RefKind.NODE, index] = max(above, default=0) + 1
    columns: dict[int, int] = {}
    owners = plan.owners()
    placed: dict[Ref, _Box] = {}
    for ref, depth in depths.items():
        column = columns[depth] = columns.get(depth, -1) + 1
        kind, index = ref
        if kind is RefKind.LEAF:
            leaf = plan.graph.leaves[index]
            text, colour = f"input  {dtype_name(leaf.dtype)} {leaf.shape}", "#888888"
        else:
            text = described(plan.graph.nodes[index])
            owner = owners.get(index)
            colour = (
                "#bbbbbb" if owner is None else _COLOURS[(first_kernel + owner) % len(_COLOURS)]
            )
        placed[ref] = _Box(text, colour, column, first_row + depth)
    return placed


def _line(start: _Box, end: _Box) -> str:
    x1, y1 = start.x + _WIDTH // 2, start.y + _HEIGHT
    x2, y2 = end.x + _WIDTH // 2, end.y
    bend = (y1 + y2) // 2
    return f'<path d="M{x1},{y1} C{x1},{bend} {x2},{bend} {x2},{y2}" fill="none" stroke="#999999"/>'


def _rect(box: _Box) -> str:
    return (
        f'<g><rect x="{box.x}" y="{box.y}" width="{_WIDTH}" height="{_HEIGHT}" rx="6" fill="{box.colour}"/>'
        f'<text x="{box.x + _WIDTH // 2}" y="{box.y + 24}" fill="#ffffff" text-anchor="middle">'
        f"{escape(box.text)}</text></g>"
    )


def operator_name(node: Node) -> str:
    """How a report calls a node's operator."""
    operation = node.operation
    if isinstance(operation, View):
        return "view"
    return str(operation.name)


def described(node: Node) -> str:
    """``add  float32 (4, 5)``"""
    return f"{operator_name(node)}  {dtype_name(node.dtype)} {node.shape}"
