"""A graph's structure in, a plan out: pipelines in their order, and what is bound to each; run again for equal graphs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from metal_runtime.device.launch_config import LaunchConfig
from metal_runtime.device.pool import Block
from metal_runtime.device.protocol import Binding, Pipeline
from metal_runtime.graph.elementwise_kernel import elementwise_kernel
from metal_runtime.graph.generated import Generated
from metal_runtime.graph.kernel_text import ArrayArgument, NumberArgument, Output, ScalarArgument
from metal_runtime.graph.lowering import Compute, LoadAt, terms_below
from metal_runtime.graph.operations import Partial
from metal_runtime.graph.row_kernel import row_kernel
from metal_runtime.graph.schedule import Kernel, Schedule, schedule
from metal_runtime.graph.trace import RefKind, Structure, Trace
from metal_runtime.ops.compiled import kernel_program, launch_shape, pipeline_of
from metal_runtime.program import CompileOptions, MslProgram
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
class Step:
    """One launch. An array is (place among the arrays of the run, byte offset)."""

    generated: Generated
    program: MslProgram
    pipeline: Pipeline
    config: LaunchConfig
    arguments: tuple[tuple[int, int] | bytes | int, ...]
    """Memory as (place, offset), numbers as bytes, a scalar by its place."""

    makes: tuple[tuple[int, int], ...]
    """Arrays that are allocated before it: (place, bytes)."""


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

    def owners(self) -> dict[int, int]:
        """The kernel that computes each node of the graph: the last one, where several do."""
        recorded = {place: k for k, place in enumerate(self.schedule.places)}
        found: dict[int, int] = {}
        for number, kernel in enumerate(self.schedule.kernels):
            nodes = [t.node for t in terms_below(*kernel.terms()) if isinstance(t, Compute)]
            for node in (*nodes, *(k for k, _ in kernel.reductions)):
                if node in recorded:
                    found[recorded[node]] = number
        return found

    def run(self, session: Session, traced: Trace, into: Block | None) -> list[Block]:
        """Launches every step; the blocks of the roots."""
        memory: list[Block] = [leaf.block for leaf in traced.leaves]  # type: ignore[misc]
        memory += [None] * (self.arrays - len(memory))  # type: ignore[list-item]
        if into is not None and self.in_target:
            memory[self.roots[0]] = into
        launch = session.device.stream.launch
        take = session.take
        for step in self.steps:
            for place, nbytes in step.makes:
                if memory[place] is None:
                    memory[place] = take(nbytes)
            bindings: list[Binding] = []
            for argument in step.arguments:
                if argument.__class__ is tuple:
                    place, offset = argument
                    allocation, first = memory[place].binding
                    bindings.append((allocation, first + offset))
                elif argument.__class__ is bytes:
                    bindings.append(argument)
                else:
                    bindings.append(traced.scalars[argument])  # type: ignore[index]
            launch(step.pipeline, step.config, bindings)
        return [memory[place] for place in self.roots]


def make_plan(session: Session, graph: Structure, target: Target | None) -> Plan:
    """The plan for a graph on a session's device. Compiles what was never compiled."""
    made = schedule(graph, session.device.traits)
    layouts = None if target is None else _layouts(made, target)
    in_target = layouts is not None
    places: dict[tuple[int, int], int] = {}
    count = len(graph.leaves)
    steps: list[Step] = []
    for kernel in made.kernels:
        generated = generate(kernel, made.graph, layouts or {})
        makes: list[tuple[int, int]] = []
        for argument in generated.arguments:
            if isinstance(argument, ArrayArgument) and isinstance(argument.ref, Output):
                output = argument.ref
                places[output.node, output.part] = count
                makes.append((count, _nbytes(made.graph, output)))
                count += 1
        steps.append(
            _step(session, generated, places, tuple(makes), target if in_target else None, made)
        )
    roots = tuple(places[root, 0] for root in made.graph.roots)
    return Plan(graph, made, tuple(steps), count, roots, in_target)


def generate(kernel: Kernel, graph: Structure, layouts: dict[int, Strided]) -> Generated:
    """The code of one scheduled kernel."""
    make = row_kernel if kernel.reductions else elementwise_kernel
    return make(kernel, graph, layouts)


def _nbytes(graph: Structure, output: Output) -> int:
    node = graph.nodes[output.node]
    shape = node.operation.shape if isinstance(node.operation, Partial) else node.shape
    return math.prod(shape) * output.dtype.itemsize


def _step(
    session: Session,
    generated: Generated,
    places: dict[tuple[int, int], int],
    makes: tuple[tuple[int, int], ...],
    target: Target | None,
    made: Schedule,
) -> Step:
    program = kernel_program(generated.kernel, OPTIONS)
    pipeline = pipeline_of(session, program)
    arguments: list[Any] = []
    for argument in generated.arguments:
        if isinstance(argument, ScalarArgument):
            arguments.append(argument.place)
        elif isinstance(argument, NumberArgument):
            arguments.append(argument.packed)
        elif isinstance(argument.ref, Output):
            output = argument.ref
            first = argument.first
            if (
                target is not None
                and output.node == made.graph.roots[0]
                and not _is_whole(made, output)
            ):
                first += target.layout.offset
            arguments.append((places[output.node, output.part], first * output.dtype.itemsize))
        else:
            kind, index = argument.ref
            place = index if kind is RefKind.LEAF else places[index, argument.part]
            arguments.append((place, argument.first * argument.dtype.itemsize))
    config = launch_shape(session, pipeline, generated.grid)
    return Step(generated, program, pipeline, config, tuple(arguments), makes)


def _is_whole(made: Schedule, output: Output) -> bool:
    return any(output.node == node for kernel in made.kernels for node, _ in kernel.whole)


def _layouts(made: Schedule, target: Target) -> dict[int, Strided] | None:
    """Where the root's kernel writes; None where it must not write into the target."""
    (root,) = made.graph.roots
    for kernel in made.kernels:
        whole = any(node == root for node, _ in kernel.whole)
        if not whole and all(root != k for k in (*kernel.written, *(n for n, _ in kernel.rows))):
            continue
        loads = [t for t in terms_below(*kernel.terms()) if isinstance(t, LoadAt)]
        shared = [t.access.layout for t in loads if _is_leaf_of(t, target.shared)]
        if not whole:
            return None if shared or not target.layout.is_contiguous else {}
        layout = Reshape(kernel.domain.shape).apply(target.layout)
        if layout is None or any(_differ(access, layout) for access in shared):
            return None
        return {root: layout}
    return None


def _is_leaf_of(term: LoadAt, leaves: frozenset[int]) -> bool:
    kind, index = term.access.source.ref
    return kind is RefKind.LEAF and index in leaves


def _differ(a: Strided, b: Strided) -> bool:
    """Whether the two name different elements at some place."""
    if a.offset != b.offset:
        return True
    return any(n != 1 and s != t for n, s, t in zip(a.shape, a.strides, b.strides, strict=True))
