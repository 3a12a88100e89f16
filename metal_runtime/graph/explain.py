"""Plans and launches that ran, or would run, in; what was computed together, what was not and why, and the bytes it moves out."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from metal_runtime.graph.drawing import operator_name, svg
from metal_runtime.graph.groups import Kernel
from metal_runtime.graph.lowering import Compute, terms_below
from metal_runtime.graph.observing import LaunchRun, Memory, PlanRun, Ran
from metal_runtime.graph.operations import Combine, Partial, View
from metal_runtime.graph.plan import Plan
from metal_runtime.graph.trace import Node, Ref, RefKind, Structure
from metal_runtime.graph.work import read_by
from metal_runtime.notebook import plain_html


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
class LaunchReport:
    """A kernel that was launched as it was written, by the program or by an operator with a kernel of its own."""

    name: str
    msl: str
    threads: str
    by_program: bool
    reads: tuple[str, ...]
    """The arrays that its types declare as read: ``x float32 (16, 1024)``."""

    writes: tuple[str, ...]
    read_bytes: int
    """Of these arrays; the kernel may read less of them, or more often."""

    written_bytes: int
    why: str
    """Why nothing before and after it is computed in it."""


Step = KernelReport | LaunchReport


@dataclass(frozen=True, slots=True)
class Explanation:
    """What became of recorded operators; ``str`` is the report, ``svg()`` the picture."""

    ran: tuple[Ran, ...]
    steps: tuple[Step, ...]
    """Kernels of recorded operators, and launches of others, in the order in which they run."""

    operators: int
    """How many were recorded; views are not counted."""

    moved_bytes: int
    """What the kernels of recorded operators read and write."""

    eager_bytes: int
    """What a kernel for each operator would have read and written."""

    @property
    def plans(self) -> tuple[Plan, ...]:
        return tuple(ran.plan for ran in self.ran if isinstance(ran, PlanRun))

    @property
    def kernels(self) -> tuple[KernelReport, ...]:
        return tuple(step for step in self.steps if isinstance(step, KernelReport))

    @property
    def launches(self) -> tuple[LaunchReport, ...]:
        return tuple(step for step in self.steps if isinstance(step, LaunchReport))

    def __str__(self) -> str:
        if not self.steps:
            return "nothing was recorded"
        lines = [
            f"{_count(self.operators, 'operator')} in {_count(len(self.kernels), 'kernel')}: "
            f"{_bytes(self.moved_bytes)} moved, {_bytes(self.eager_bytes)} one by one"
        ]
        if self.launches:
            lines[0] += f"; {_count(len(self.launches), 'launch', 'launches')} beside them"
        for alone, numbered in itertools.groupby(enumerate(self.steps, 1), _stands_alone):
            together = list(numbered)
            if alone:
                lines += itertools.chain.from_iterable(itertools.starmap(_lines, together))
            else:
                lines += _operator_lines(together)
        return "\n".join(lines)

    def svg(self) -> str:
        """The graph as a picture: each operator in the colour of the kernel that computes it."""
        return svg(self.ran)

    def _repr_html_(self) -> str:
        """For notebooks: the picture over the report."""
        return f"<div>{self.svg() if self.ran else ''}{plain_html(str(self))}</div>"


def _stands_alone(numbered: tuple[int, Step]) -> bool:
    """Whether a step has lines of its own; operators with their own kernels may launch dozens."""
    return isinstance(numbered[1], KernelReport) or numbered[1].by_program


def _lines(place: int, step: Step) -> Iterator[str]:
    if isinstance(step, KernelReport):
        yield f"{place}. {step.name}  over {step.walks}"
        yield f"   computes {', '.join(step.operators)}"
        yield f"   reads {_bytes(step.read_bytes)}, writes {_bytes(step.written_bytes)}"
    else:
        reads, writes = (", ".join(names) or "nothing" for names in (step.reads, step.writes))
        yield f"{place}. {step.name}  on {step.threads} threads, launched by the program"
        yield f"   reads {reads}; writes {writes}"
    if step.why:
        yield f"   by itself, for {step.why}"


def _operator_lines(numbered: Sequence[tuple[int, Step]]) -> Iterator[str]:
    first, last = numbered[0][0], numbered[-1][0]
    places = f"{first}." if first == last else f"{first}.-{last}."
    names = dict.fromkeys(step.name for _, step in numbered)
    yield f"{places} {', '.join(names)}  {_count(len(numbered), 'launch', 'launches')}"
    yield "   by themselves, for operators whose kernels are more than one expression"


def explanation(ran: Sequence[Ran]) -> Explanation:
    """The report of what ran, in the order in which it did."""
    steps: list[Step] = []
    writers: dict[Memory, _Writer] = {}
    for one in ran:
        first = len(steps) + 1
        if isinstance(one, LaunchRun):
            steps.append(_launch_report(one, writers))
            makers = [_Writer(first, one.launch.name)] * len(one.writes)
        else:
            steps += _reports(one, writers)
            makers = [_Writer(first + k) for k in _root_kernels(one.plan)]
        writers.update(zip(one.writes, makers, strict=True))
    plans = [one.plan for one in ran if isinstance(one, PlanRun)]
    kernels = [step for step in steps if isinstance(step, KernelReport)]
    return Explanation(
        ran=tuple(ran),
        steps=tuple(steps),
        operators=sum(plan.operators for plan in plans),
        moved_bytes=sum(k.read_bytes + k.written_bytes for k in kernels),
        eager_bytes=sum(_eager_bytes(p.graph, node) for p in plans for node in p.graph.nodes),
    )


@dataclass(frozen=True, slots=True)
class _Writer:
    """The step that wrote to memory last; named if it is a launch."""

    step: int
    launch: str = ""


def _root_kernels(plan: Plan) -> list[int]:
    """For each root the kernel that writes it."""
    owners = plan.owners()
    return [owners.get(root, len(plan.schedule.kernels) - 1) for root in plan.graph.roots]


def _launch_report(ran: LaunchRun, writers: dict[Memory, _Writer]) -> LaunchReport:
    launch = ran.launch
    read = [operand for operand in ran.operands if operand.read]
    written = [operand for operand in ran.operands if operand.written]
    why = (
        "it runs as it is written"
        if launch.by_program
        else "its kernel is more than one expression"
    )
    found = ((o.name, writers.get(o.memory)) for o in read if o.memory is not None)
    before = [f"`{name}` is what {writer.step} wrote" for name, writer in found if writer]
    return LaunchReport(
        name=launch.name,
        msl=launch.msl,
        threads=" x ".join(str(n) for k, n in enumerate(launch.threads) if k == 0 or n > 1),
        by_program=launch.by_program,
        reads=tuple(map(str, read)),
        writes=tuple(map(str, written)),
        read_bytes=sum(operand.nbytes for operand in read),
        written_bytes=sum(operand.nbytes for operand in written),
        why="; ".join([why, *before]),
    )


def _reports(ran: PlanRun, writers: dict[Memory, _Writer]) -> list[KernelReport]:
    plan = ran.plan
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
                why=kernel.why or _launches_before(read_by(kernel), ran, writers),
            )
        )
    return reports


def _launches_before(read: Iterable[Ref], ran: PlanRun, writers: dict[Memory, _Writer]) -> str:
    """What a kernel reads of launches that came before it."""
    memory = (ran.reads[index] for kind, index in read if kind is RefKind.LEAF)
    found = dict.fromkeys(writers[m] for m in memory if m is not None and m in writers)
    named = [f"`{w.launch}` ({w.step})" for w in found if w.launch]
    return f"it reads what {' and '.join(named)} wrote" if named else ""


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


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def _bytes(count: int) -> str:
    value = float(count)
    for unit in ("bytes", "KB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            break
        value /= 1000
    return f"{value:.4g} {unit}"
