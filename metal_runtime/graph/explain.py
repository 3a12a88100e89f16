"""Plans that ran, or would run, in; what was computed together, what was not and why, and the bytes it moves out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from metal_runtime.graph.drawing import operator_name, svg
from metal_runtime.graph.groups import Kernel
from metal_runtime.graph.lowering import Compute, terms_below
from metal_runtime.graph.operations import Combine, Partial, View
from metal_runtime.graph.plan import Plan
from metal_runtime.graph.trace import Node, RefKind, Structure


@dataclass(frozen=True, slots=True)
class KernelReport:
    """One kernel: what it computes and what it moves."""

    name: str
    msl: str
    walks: str
    """Its domain: ``16 x 1024, rows along axis 1``."""

    operators: tuple[str, ...]
    read_bytes: int
    written_bytes: int
    why: str
    """Why it did not become one with the kernel before; empty if nothing spoke for it."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What became of recorded operators; ``str`` is the report, ``svg()`` the picture."""

    plans: tuple[Plan, ...]
    kernels: tuple[KernelReport, ...]
    operators: int
    """How many were recorded; views are not counted."""

    moved_bytes: int
    """What the kernels read and write."""

    eager_bytes: int
    """What a kernel for each operator would have read and written."""

    def __str__(self) -> str:
        if not self.kernels:
            return "nothing was recorded"
        lines = [
            f"{_count(self.operators, 'operator')} in {_count(len(self.kernels), 'kernel')}: "
            f"{_bytes(self.moved_bytes)} moved, {_bytes(self.eager_bytes)} one by one"
        ]
        for place, kernel in enumerate(self.kernels, 1):
            lines.append(f"{place}. {kernel.name}  over {kernel.walks}")
            lines.append(f"   computes {', '.join(kernel.operators)}")
            lines.append(
                f"   reads {_bytes(kernel.read_bytes)}, writes {_bytes(kernel.written_bytes)}"
            )
            if kernel.why:
                lines.append(f"   by itself, for {kernel.why}")
        return "\n".join(lines)

    def svg(self) -> str:
        """The graph as a picture: each operator in the colour of the kernel that computes it."""
        return svg(self.plans)

    def _repr_svg_(self) -> str | None:
        return self.svg() if self.plans else None


def explanation(plans: Sequence[Plan]) -> Explanation:
    """The report of plans, in the order in which they run."""
    kernels = [report for plan in plans for report in _reports(plan)]
    return Explanation(
        plans=tuple(plans),
        kernels=tuple(kernels),
        operators=sum(plan.operators for plan in plans),
        moved_bytes=sum(k.read_bytes + k.written_bytes for k in kernels),
        eager_bytes=sum(
            _eager_bytes(plan.graph, node) for plan in plans for node in plan.graph.nodes
        ),
    )


def _reports(plan: Plan) -> list[KernelReport]:
    reports = []
    for kernel, step in zip(plan.schedule.kernels, plan.steps, strict=True):
        terms = list(terms_below(*kernel.terms()))
        names = [t.operation.name for t in terms if isinstance(t, Compute)]
        names += [operator_name(plan.schedule.graph.nodes[k]) for k, _ in kernel.reductions]
        if kernel.product is not None:
            before = terms_below(*kernel.prologues())
            names.insert(sum(isinstance(t, Compute) for t in before), "matmul")
        reports.append(
            KernelReport(
                name=step.name,
                msl=step.text,
                walks=_walks(kernel),
                operators=tuple(names),
                read_bytes=step.work.read_bytes,
                written_bytes=step.work.written_bytes,
                why=kernel.why,
            )
        )
    return reports


def _eager_bytes(graph: Structure, node: Node) -> int:
    """What the node's operator reads and writes by itself."""
    operation = node.operation
    if isinstance(operation, View | Partial | Combine):
        return 0
    read = 0
    for kind, index in node.inputs:
        if kind is not RefKind.SCALAR:
            given = graph.leaves[index] if kind is RefKind.LEAF else graph.nodes[index]
            read += math.prod(given.shape) * given.dtype.itemsize
    return read + math.prod(node.shape) * node.dtype.itemsize


def _walks(kernel: Kernel) -> str:
    shape = " x ".join(map(str, kernel.domain.shape)) or "1"
    if not kernel.domain.axes:
        return shape
    axes = ", ".join(map(str, kernel.domain.axes))
    by = " by blocks" if kernel.domain.blocks else ""
    return f"{shape}, reduced along {axes}{by}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _bytes(count: int) -> str:
    value = float(count)
    for unit in ("bytes", "KB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            break
        value /= 1000
    return f"{value:.4g} {unit}"
