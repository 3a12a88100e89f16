"""A reduction of a row kernel in, the statements that start, merge and finish its accumulators out.

Each thread keeps ``LANES`` of them side by side, in an array of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from metal_runtime.dtype import DType
from metal_runtime.graph.blocks import LANES
from metal_runtime.graph.groups import Kernel
from metal_runtime.graph.kernel_text import ULONG, Arguments, Namer, scaled, total
from metal_runtime.graph.lowering import RowResult, Term, terms_below
from metal_runtime.graph.operations import Combine, reduce_of
from metal_runtime.graph.trace import Structure
from metal_runtime.ir.nodes import Array, Assign, Constant, Declare, Expr, For, Load, Read, Stmt
from metal_runtime.msl_types import AddressSpace, Pointer
from metal_runtime.ops.expressions import apply, convert
from metal_runtime.ops.reduction_table import Reduction


@dataclass(frozen=True, slots=True)
class Reduced:
    """One reduction of the kernel."""

    index: int
    reduction: Reduction
    terms: tuple[Term, ...]
    element: DType
    dtype: DType
    merges: bool
    """Whether its terms are accumulators, not elements."""

    level: int
    """After how many other reductions, one upon the other, it can begin."""

    @property
    def arrays(self) -> tuple[Array, ...]:
        """The memory of its accumulators."""
        return tuple(
            Array(self.array(part), Pointer(AddressSpace.THREAD, dtype), (LANES,))
            for part, dtype in enumerate(self.states)
        )

    @property
    def may_round(self) -> bool:
        """Whether long chains of merges may lose digits: not where an element is chosen with its place."""
        return len(self.states) == 1 and self.states[0].is_float

    @property
    def totals(self) -> tuple[Array, ...]:
        """The memory of what long rows have come to so far."""
        return tuple(replace(array, name=_totals(array.name)) for array in self.arrays)

    @property
    def states(self) -> tuple[DType, ...]:
        return self.reduction.accumulators(self.element)

    def array(self, part: int) -> str:
        what = "places" if part else "lanes"
        return f"{self.reduction.name}{self.index}_{what}"

    @property
    def result(self) -> str:
        return f"{self.reduction.name}{self.index}"

    def held(self, lane: Expr) -> tuple[Load, ...]:
        """The accumulators of a lane."""
        return tuple(Load(self.array(part), lane, dtype) for part, dtype in enumerate(self.states))

    def held_so_far(self, lane: Expr) -> tuple[Load, ...]:
        """The totals of a lane."""
        return tuple(replace(held, pointer=_totals(held.pointer)) for held in self.held(lane))

    def value(self, lane: Expr) -> Expr:
        """What the accumulators of a lane have come to."""
        return convert(self.held(lane)[-1], self.dtype)


def read_reductions(kernel: Kernel, graph: Structure) -> list[Reduced]:
    """The reductions of a kernel, each after those that it is made of."""
    found: list[Reduced] = []
    levels: dict[int, int] = {}
    for index, terms in kernel.reductions:
        node = graph.nodes[index]
        merges = isinstance(node.operation, Combine)
        whole = reduce_of(node.operation)
        level = levels[index] = max(level_of(term, levels) for term in terms)
        found.append(
            Reduced(index, whole.reduction, terms, whole.element, node.dtype, merges, level)
        )
    return found


def level_of(term: Term, levels: Mapping[int, int]) -> int:
    """How many reductions, one upon the other, must be known before a term can be computed."""
    below = [t.node for t in terms_below(term) if isinstance(t, RowResult)]
    return max((levels[k] + 1 for k in below), default=0)


def place_along(axes: Sequence[tuple[Expr, int]], arguments: Arguments) -> Expr:
    """A place among reduced axes in C order, of the coordinate and the size of each, outermost first."""
    terms: list[Expr] = []
    step = 1
    for coordinate, size in reversed(axes):
        stride = arguments.number(step, f"places{len(terms)}")
        terms.append(scaled(coordinate, stride, ULONG))
        step *= size
    return total(terms[::-1], ULONG)


def start(reduced: Reduced, names: Namer, with_totals: bool = False) -> Stmt:
    """Every lane becomes the identity."""

    def body(lane: Expr) -> list[Stmt]:
        totals = _identity(reduced, reduced.held_so_far(lane)) if with_totals else []
        return [*_identity(reduced, reduced.held(lane)), *totals]

    return lane_loop(names, number(LANES), body)


def _identity(reduced: Reduced, places: Sequence[Load]) -> list[Stmt]:
    identity = reduced.reduction.identity(reduced.states)
    return [Assign(place, value) for place, value in zip(places, identity, strict=True)]


def added_up(reduced: Reduced, names: Namer) -> Stmt:
    """The lanes go into their totals, and begin anew: so no chain of roundings is long."""

    def body(lane: Expr) -> list[Stmt]:
        totals, held = reduced.held_so_far(lane), reduced.held(lane)
        merged = stored(reduced, names, totals, reduced.reduction.merge(totals, held))
        return [*merged, *_identity(reduced, held)]

    return lane_loop(names, number(LANES), body)


def with_totals(reduced: Reduced, names: Namer) -> Stmt:
    """The lanes become what the whole row has come to."""

    def body(lane: Expr) -> list[Stmt]:
        held = reduced.held(lane)
        return stored(
            reduced, names, held, reduced.reduction.merge(reduced.held_so_far(lane), held)
        )

    return lane_loop(names, number(LANES), body)


def stored(
    reduced: Reduced, names: Namer, targets: Sequence[Load | Read], values: tuple[Expr, ...]
) -> list[Stmt]:
    """New accumulators in place; several are computed before the first is written."""
    if len(values) == 1:
        return [Assign(targets[0], values[0])]
    fresh = [names(f"next{part}") for part in range(len(values))]
    triples = list(zip(fresh, reduced.states, values, strict=True))
    return [
        *(Declare(name, dtype, value) for name, dtype, value in triples),
        *(Assign(t, Read(n, d)) for t, (n, d, _) in zip(targets, triples, strict=True)),
    ]


def combined(reduced: Reduced, names: Namer) -> list[Stmt]:
    """The lanes as one, pair by pair, and the row's result of them."""
    step, lane = names("step"), names("lane")
    width = apply("shr", number(LANES // 2), Read(step, ULONG))
    low, high = Read(lane, ULONG), apply("add", Read(lane, ULONG), width)
    merged = reduced.reduction.merge(reduced.held(low), reduced.held(high))
    body = tuple(stored(reduced, names, reduced.held(low), merged))
    pairs = For(lane, ULONG, number(0), width, number(1), body)
    steps = number(LANES.bit_length() - 1)
    return [
        For(step, ULONG, number(0), steps, number(1), (pairs,)),
        Declare(reduced.result, reduced.dtype, reduced.value(number(0))),
    ]


def lane_loop(names: Namer, lanes: Expr, body: Callable[[Expr], list[Stmt]]) -> Stmt:
    name = names("lane")
    return For(name, ULONG, number(0), lanes, number(1), tuple(body(Read(name, ULONG))))


def _totals(name: str) -> str:
    return f"{name}_so_far"


def ulong(value: Expr) -> Expr:
    return convert(value, ULONG)


def number(value: int) -> Constant:
    return Constant(value, ULONG)
