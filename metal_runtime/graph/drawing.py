"""What ran in, an SVG picture of its graph out: one box an operator or a launch, one colour a kernel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from metal_runtime.graph.observing import LaunchRun, Memory, PlanRun, Ran
from metal_runtime.graph.operations import View
from metal_runtime.graph.trace import Node, Ref, RefKind
from metal_runtime.ops.promotion import dtype_name

_COLOURS = ("#4e79a7", "#f28e2b", "#59a14f", "#b07aa1", "#e15759", "#76b7b2", "#9c755f", "#edc948")
_INPUT, _UNFUSED, _LAUNCH = "#888888", "#bbbbbb", "#333333"
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


def svg(ran: Sequence[Ran]) -> str:
    """The picture: inputs at the top, results below, each operator in the colour of the kernel that computes it."""
    picture = _Picture()
    for one in ran:
        if isinstance(one, PlanRun):
            picture.add_plan(one)
        else:
            picture.add_launch(one)
    boxes = picture.boxes
    width = max((box.x for box in boxes), default=0) + _WIDTH + 20
    height = max((box.y for box in boxes), default=0) + _HEIGHT + 20
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    lines += (_line(start, end) for start, end in picture.edges)
    lines += (_rect(box) for box in boxes)
    return "\n".join([*lines, "</svg>\n"])


class _Picture:
    """Boxes and edges; what runs later stands below what ran before."""

    def __init__(self) -> None:
        self.boxes: list[_Box] = []
        self.edges: list[tuple[_Box, _Box]] = []
        self._made: dict[Memory, _Box] = {}
        """The box that wrote to memory last."""

        self._kernels = 0

    def add_plan(self, ran: PlanRun) -> None:
        graph = ran.plan.graph
        placed: dict[Ref, _Box] = {}
        for index, memory in enumerate(ran.reads):
            found = None if memory is None else self._made.get(memory)
            if found is not None:
                placed[RefKind.LEAF, index] = found
        self._place(ran, placed)
        self.edges += (
            (placed[ref], placed[RefKind.NODE, index])
            for index, node in enumerate(graph.nodes)
            for ref in node.inputs
            if ref[0] is not RefKind.SCALAR
        )
        self._kernels += len(ran.plan.schedule.kernels)
        for root, memory in zip(graph.roots, ran.writes, strict=True):
            self._made[memory] = placed[RefKind.NODE, root]

    def _place(self, ran: PlanRun, placed: dict[Ref, _Box]) -> None:
        """Adds a box for each node, and for each leaf that has none: as deep as its longest way from a leaf."""
        graph = ran.plan.graph
        depths: dict[Ref, int] = {(RefKind.LEAF, k): 0 for k in range(len(graph.leaves))}
        for index, node in enumerate(graph.nodes):
            above = [depths[ref] for ref in node.inputs if ref[0] is not RefKind.SCALAR]
            depths[RefKind.NODE, index] = max(above, default=0) + 1
        first, columns = self._next_row(), dict[int, int]()
        owners = ran.plan.owners()
        for ref, depth in depths.items():
            if ref in placed:
                continue
            column = columns[depth] = columns.get(depth, -1) + 1
            kind, index = ref
            if kind is RefKind.LEAF:
                leaf = graph.leaves[index]
                text, colour = f"input  {dtype_name(leaf.dtype)} {leaf.shape}", _INPUT
            else:
                text, colour = described(graph.nodes[index]), self._colour(owners.get(index))
            placed[ref] = self._box(text, colour, column, first + depth)

    def add_launch(self, ran: LaunchRun) -> None:
        first, inputs = self._next_row(), list[_Box]()
        for operand in ran.operands:
            found = None if operand.memory is None else self._made.get(operand.memory)
            if found is None and operand.read:
                found = self._box(str(operand), _INPUT, len(inputs), first)
            if found is not None:
                inputs.append(found)
        box = self._box(f"launch  {ran.launch.name}", _LAUNCH, 0, self._next_row())
        self.edges += ((found, box) for found in dict.fromkeys(inputs))
        self._made.update((memory, box) for memory in ran.writes)

    def _next_row(self) -> int:
        return max((box.row for box in self.boxes), default=-1) + 1

    def _box(self, text: str, colour: str, column: int, row: int) -> _Box:
        self.boxes.append(_Box(text, colour, column, row))
        return self.boxes[-1]

    def _colour(self, owner: int | None) -> str:
        return _UNFUSED if owner is None else _COLOURS[(self._kernels + owner) % len(_COLOURS)]


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
