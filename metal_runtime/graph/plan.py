"""A graph's structure in, a plan out: pipelines in their order, and what is bound to each; run again for equal graphs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from metal_runtime.device.block import Block
from metal_runtime.graph.elementwise_kernel import elementwise_kernel
from metal_runtime.graph.groups import Kernel
from metal_runtime.graph.kernel_text import (
    ArrayArgument,
    KernelArgument,
    NumberArgument,
    Output,
    ScalarArgument,
)
from metal_runtime.graph.lowering import Access, Compute, LoadAt, terms_below
from metal_runtime.graph.operations import Partial, View
from metal_runtime.graph.product_kernel import GeneratedSide, product_kernel
from metal_runtime.graph.row_kernel import row_kernel
from metal_runtime.graph.schedule import Schedule, schedule
from metal_runtime.graph.steps import BoundArgument, Launch, Step
from metal_runtime.graph.trace import Ref, RefKind, Structure, Trace
from metal_runtime.graph.work import work_of
from metal_runtime.ops.compiled import kernel_program
from metal_runtime.ops.product_launches import Side, product_launches
from metal_runtime.ops.product_tuning import tile_chooser
from metal_runtime.program import CompileOptions
from metal_runtime.recording.events import Work
from metal_runtime.runtime.session import Session
from metal_runtime.strided import Reshape, Strided

# One kernel of several operators rounds after each of them, as a kernel for each would.
OPTIONS = CompileOptions(contract=False)


@dataclass(frozen=True, slots=True)
class Target:
    """Memory that a graph's one root is written into, and which of its leaves lie in the same block."""

    layout: Strided
    shared: frozenset[int]


@dataclass(frozen=True, slots=True)
class Plan:
    """What computes a graph. Arrays are counted: leaves first, then what the steps make."""

    graph: Structure
    """As it was recorded; the schedule's has what the scheduler added."""

    schedule: Schedule
    steps: tuple[Step, ...]
    arrays: int
    roots: tuple[int, ...]
    """For each root the place of its array."""

    in_target: bool
    """Whether the root is written into the target; False where it would overwrite what is still read."""

    @property
    def operators(self) -> int:
        """How many operators it computes; views are none."""
        return sum(not isinstance(node.operation, View) for node in self.graph.nodes)

    def owners(self) -> dict[int, int]:
        """The kernel that computes each node of the graph: the last one, where several do."""
        recorded = {place: k for k, place in enumerate(self.schedule.places)}
        found: dict[int, int] = {}
        for number, kernel in enumerate(self.schedule.kernels):
            nodes = [t.node for t in terms_below(*kernel.terms()) if isinstance(t, Compute)]
            own = [] if kernel.product is None else [kernel.product.node]
            for node in (*nodes, *own, *(k for k, _ in kernel.reductions)):
                if node in recorded:
                    found[recorded[node]] = number
        return found

    def run(self, session: Session, traced: Trace, into: Block | None) -> list[Block]:
        """Launches every step; the blocks of the roots."""
        memory: list[Any] = [leaf.block for leaf in traced.leaves]
        memory += [None] * (self.arrays - len(memory))
        if into is not None and self.in_target:
            memory[self.roots[0]] = into
        for step in self.steps:
            for place, nbytes in step.makes:
                if memory[place] is None:
                    memory[place] = session.take(nbytes)
            step.run(session, memory, traced.scalars)
        return [memory[place] for place in self.roots]


def make_plan(session: Session, graph: Structure, target: Target | None) -> Plan:
    """The plan for a graph on a session's device; its kernels are compiled when it runs."""
    made = schedule(graph, session.device.traits)
    layouts = None if target is None else _layouts(made, target)
    in_target = layouts is not None
    maker = _Steps(session, made, target if in_target else None)
    steps = tuple(maker.step(kernel, layouts or {}) for kernel in made.kernels)
    roots = tuple(maker.places[root, 0] for root in made.graph.roots)
    return Plan(graph, made, steps, maker.count, roots, in_target)


class _Steps:
    """Makes the steps of a plan, and gives each array that they write a place."""

    def __init__(self, session: Session, made: Schedule, target: Target | None) -> None:
        self._session = session
        self._made = made
        self._target = target
        self.count = len(made.graph.leaves)
        self.places: dict[tuple[int, int], int] = {}
        """The array of each node, and of each accumulator of a Partial."""

    def step(self, kernel: Kernel, layouts: dict[int, Strided]) -> Step:
        if kernel.product is not None:
            return self._product(kernel)
        make = row_kernel if kernel.reductions else elementwise_kernel
        generated = make(kernel, self._made.graph, layouts)
        makes = self._made_by(generated.arguments)
        program = kernel_program(generated.kernel, options=OPTIONS)
        arguments = tuple(map(self._bound, generated.arguments))
        work = _work(kernel, makes)
        launch = Launch(program, generated.grid, arguments, work=work)
        return Step(generated.kernel.name, (launch,), makes, work, generated=generated)

    def _product(self, kernel: Kernel) -> Step:
        generated = product_kernel(kernel, self._made.graph)
        output = generated.output
        out = ArrayArgument(output, 0, 0, output.dtype)
        makes = self._made_by((out,))
        takes: list[tuple[int, int]] = []

        def take(nbytes: int) -> BoundArgument:
            takes.append((self.count, nbytes))
            self.count += 1
            return takes[-1][0], 0

        launches = product_launches(
            generated.product,
            self._side(generated.a),
            self._side(generated.b),
            self._array(out),
            tuple(map(self._bound, generated.end)),
            take,
            self._session.device.traits,
            tile_chooser(self._session),
        )
        work = _work(kernel, makes)
        return Step(
            f"matmul_{generated.product.name}",
            tuple(
                Launch(
                    m.program, m.grid, m.arguments, m.threadgroup, work if m.multiplies else None
                )
                for m in launches
            ),
            makes,
            work,
            tuple(takes),
        )

    def _side(self, side: GeneratedSide) -> Side[BoundArgument]:
        layout = side.layout
        bound = tuple(map(self._bound, side.arguments))
        return Side(layout.shape, layout.strides, bound, side.prologue)

    def _made_by(self, arguments: Sequence[KernelArgument]) -> tuple[tuple[int, int], ...]:
        """Arrays that a kernel writes: their places and sizes."""
        makes = []
        for argument in arguments:
            if isinstance(argument, ArrayArgument) and isinstance(argument.ref, Output):
                output = argument.ref
                self.places[output.node, output.part] = self.count
                makes.append((self.count, _nbytes(self._made.graph, output)))
                self.count += 1
        return tuple(makes)

    def _bound(self, argument: KernelArgument) -> BoundArgument:
        if isinstance(argument, ScalarArgument):
            return argument.place
        if isinstance(argument, NumberArgument):
            return argument.packed
        return self._array(argument)

    def _array(self, argument: ArrayArgument) -> tuple[int, int]:
        itemsize = argument.dtype.itemsize
        if not isinstance(argument.ref, Output):
            return self._place(argument.ref, argument.part), argument.first * itemsize
        output, first = argument.ref, argument.first
        if (
            self._target is not None
            and output.node == self._made.graph.roots[0]
            and not _has_layout(self._made, output)
        ):
            first += self._target.layout.offset
        return self.places[output.node, output.part], first * itemsize

    def _place(self, ref: Ref, part: int) -> int:
        kind, index = ref
        return index if kind is RefKind.LEAF else self.places[index, part]


def _work(kernel: Kernel, makes: Sequence[tuple[int, int]]) -> Work:
    return work_of(kernel, sum(nbytes for _, nbytes in makes))


def _nbytes(graph: Structure, output: Output) -> int:
    node = graph.nodes[output.node]
    shape = node.operation.shape if isinstance(node.operation, Partial) else node.shape
    return math.prod(shape) * output.dtype.itemsize


def _has_layout(made: Schedule, output: Output) -> bool:
    """Whether the kernel that writes a target knows its layout; others are given where it begins."""
    return any(
        output.node == node and kernel.product is None
        for kernel in made.kernels
        for node, _ in kernel.whole
    )


def _layouts(made: Schedule, target: Target) -> dict[int, Strided] | None:
    """Where the root's kernel writes; None where it must not write into the target."""
    (root,) = made.graph.roots
    for kernel in made.kernels:
        whole = any(node == root for node, _ in kernel.whole)
        if not whole and all(root != k for k in (*kernel.written, *(n for n, _ in kernel.rows))):
            continue
        loads = [t for t in terms_below(*kernel.terms()) if isinstance(t, LoadAt)]
        shared = [t.access.layout for t in loads if _reads(t.access, target.shared)]
        if kernel.product is not None and any(
            isinstance(side, Access) and _reads(side, target.shared)
            for side in (kernel.product.a, kernel.product.b)
        ):
            return None
        if not whole or kernel.product is not None:
            return None if shared or not target.layout.is_contiguous else {}
        layout = Reshape(kernel.domain.shape).apply(target.layout)
        if layout is None or any(_differ(access, layout) for access in shared):
            return None
        return {root: layout}
    return None


def _reads(access: Access, leaves: frozenset[int]) -> bool:
    kind, index = access.source.ref
    return kind is RefKind.LEAF and index in leaves


def _differ(a: Strided, b: Strided) -> bool:
    """Whether the two name different elements at some place."""
    if a.offset != b.offset:
        return True
    return any(n != 1 and s != t for n, s, t in zip(a.shape, a.strides, b.strides, strict=True))
