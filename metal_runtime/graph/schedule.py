"""A graph and a device's traits in, its kernels in the order of their launches out: what is computed together, and why not more.

A kernel walks one domain: a shape, and the axes of it that are reduced. Nodes whose results nobody
keeps are computed inside the kernels that need them; each other node finds the earliest kernel that
it fits into.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from metal_runtime.device.protocol import DeviceTraits
from metal_runtime.graph.lowering import (
    CannotFoldError,
    Compute,
    LoadAt,
    Lowering,
    RowResult,
    ScalarOf,
    Source,
    Term,
    terms_below,
)
from metal_runtime.graph.operations import Combine, Partial, Reduce
from metal_runtime.graph.trace import Node, RefKind, Structure
from metal_runtime.strided import Shape

BLOCK = 4096
"""How many elements are one block of a reduction by blocks, at least: it bounds the rounding of sums."""

ROWS_PER_UNIT = 8
"""With fewer rows for each compute unit, long rows are reduced by blocks."""

MOST_TERMS = 400
"""More operators than this in one kernel would take a compiler long, and its reader."""


@dataclass(frozen=True, slots=True)
class Domain:
    """What one kernel walks."""

    shape: Shape
    axes: tuple[int, ...] = ()
    """The reduced axes; () where none is."""

    blocks: Partial | None = None
    """Any Partial of the kernel, all of which cut their rows in the same way."""

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def kept(self) -> Shape:
        return tuple(1 if k in self.axes else n for k, n in enumerate(self.shape))

    def cuts_like(self, other: Domain) -> bool:
        """Whether both walk the same places in the same rows."""
        if (self.shape, self.axes) != (other.shape, other.axes):
            return False
        a, b = self.blocks, other.blocks
        return (a is None) == (b is None) and (a is None or (a.length == b.length))  # type: ignore[union-attr]


@dataclass(slots=True)
class Group:
    """One kernel: its domain, what it reduces, and what it writes."""

    domain: Domain
    reductions: list[int] = field(default_factory=list)
    whole: list[int] = field(default_factory=list)
    """Nodes with an element for each place."""

    rows: list[int] = field(default_factory=list)
    """Nodes with an element for each row, computed of its reductions."""

    why: str = ""
    """Why its first node did not join the kernel before."""

    @property
    def nodes(self) -> list[int]:
        return [*self.reductions, *self.whole, *self.rows]


@dataclass(frozen=True, slots=True)
class Kernel:
    """A group with its expressions: what code is made of."""

    domain: Domain
    reductions: tuple[tuple[int, tuple[Term, ...]], ...]
    """Each with the term it reduces; a Combine has the accumulators of its blocks."""

    whole: tuple[tuple[int, Term], ...]
    rows: tuple[tuple[int, Term], ...]
    written: frozenset[int]
    """Those of its reductions that are written to memory."""

    why: str

    def terms(self) -> list[Term]:
        found = [t for _, terms in self.reductions for t in terms]
        return [*found, *(t for _, t in self.whole), *(t for _, t in self.rows)]


@dataclass(frozen=True, slots=True)
class Schedule:
    """Kernels in their order; ``graph`` has the nodes that the scheduler added."""

    graph: Structure
    kernels: tuple[Kernel, ...]
    places: tuple[int, ...]
    """For each recorded node its place in ``graph``."""


def schedule(graph: Structure, traits: DeviceTraits, most_bindings: int = 31) -> Schedule:
    """The kernels that compute the graph's roots."""
    graph, places = _by_blocks(graph, traits)
    forced: dict[int, str] = {}
    while True:
        try:
            return Schedule(graph, _Scheduler(graph, forced, most_bindings).run(), places)
        except CannotFoldError as reason:
            if reason.node < 0 or reason.node in forced:
                raise
            forced[reason.node] = reason.why


# --- long rows ---------------------------------------------------------------------------------------


def _by_blocks(graph: Structure, traits: DeviceTraits) -> tuple[Structure, tuple[int, ...]]:
    """Reductions of few long rows in two steps: blocks, then what the blocks have come to."""
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


def _partial(node: Node, traits: DeviceTraits) -> Partial | None:
    operation = node.operation
    if not isinstance(operation, Reduce):
        return None
    length = math.prod(operation.source[axis] for axis in operation.axes)
    rows = math.prod(operation.kept)
    lines = rows if operation.source and len(operation.source) - 1 in operation.axes else rows // 16
    if length < 2 * BLOCK or lines >= ROWS_PER_UNIT * traits.compute_units:
        return None
    outermost = next(axis for axis in operation.axes if operation.source[axis] > 1)
    extent = operation.source[outermost]
    each = max(-(-BLOCK * extent // length), 1)
    return Partial(operation, -(-extent // each), each)


# --- grouping ------------------------------------------------------------------------------------------


class _Scheduler:
    def __init__(self, graph: Structure, forced: dict[int, str], most_bindings: int) -> None:
        self._graph = graph
        self._forced = forced
        self._most_bindings = most_bindings
        self._groups: list[Group] = []
        self._placed: dict[int, int] = {}
        self._frontiers: dict[int, frozenset[int]] = {}
        self._kept = frozenset(graph.roots) | frozenset(forced)

    def run(self) -> tuple[Kernel, ...]:
        for index, node in enumerate(self._graph.nodes):
            if isinstance(node.operation, Reduce | Partial | Combine):
                self._place_reduction(index, node)
            elif index in self._kept:
                self._place_whole(index, node)
        return tuple(map(self._finished, range(len(self._groups))))

    def _frontier(self, index: int) -> frozenset[int]:
        """The nodes with a place of their own that a node's value is made of."""
        found = self._frontiers.get(index)
        if found is None:
            below: set[int] = set()
            for kind, place in self._graph.nodes[index].inputs:
                if kind is RefKind.NODE:
                    below |= {place} if place in self._placed else self._frontier(place)
            found = self._frontiers[index] = frozenset(below)
        return found

    def _earliest(self, index: int) -> int:
        return max((self._placed[k] for k in self._frontier(index)), default=0)

    # --- reductions --------------------------------------------------------------------------------

    def _place_reduction(self, index: int, node: Node) -> None:
        domain = _domain_of(node)
        why = self._forced.get(index, "")
        for place in range(self._earliest(index), len(self._groups)):
            group = self._groups[place]
            fits = group.domain.cuts_like(domain)
            if not fits and not group.domain.axes and not group.rows:
                # An elementwise kernel over the same places becomes one that also reduces them.
                fits = group.domain.shape == domain.shape and not isinstance(
                    node.operation, Combine
                )
            if not fits:
                continue
            trial = replace(
                group,
                domain=domain if group.domain.blocks is None else group.domain,
                reductions=[*group.reductions, index],
            )
            refused = self._refused(place, trial)
            if refused is None:
                self._groups[place] = trial
                self._placed[index] = place
                return
            why = why or refused
        self._append(index, Group(domain, reductions=[index], why=why))

    # --- elementwise results -------------------------------------------------------------------------

    def _place_whole(self, index: int, node: Node) -> None:
        why = self._forced.get(index, "")
        for place in range(self._earliest(index), len(self._groups)):
            for trial in self._candidates(self._groups[place], index, node, place):
                refused = self._refused(place, trial)
                if refused is None:
                    self._groups[place] = trial
                    self._placed[index] = place
                    return
                why = why or refused
        self._append(index, Group(Domain(node.shape), whole=[index], why=why))

    def _candidates(self, group: Group, index: int, node: Node, place: int) -> Iterable[Group]:
        size = math.prod(node.shape)
        if isinstance(group.domain.blocks, Partial) and any(
            self._placed[k] == place for k in self._frontier(index)
        ):
            return
        if group.domain.size == size and not self._combines(group):
            yield replace(group, whole=[*group.whole, index])
        depends = any(k in group.reductions or k in group.rows for k in self._frontier(index))
        if depends and group.domain.axes and math.prod(group.domain.kept) == size:
            yield replace(group, rows=[*group.rows, index])

    def _combines(self, group: Group) -> bool:
        return any(isinstance(self._graph.nodes[k].operation, Combine) for k in group.reductions)

    # --- whether a group can be one kernel -------------------------------------------------------------

    def _append(self, index: int, group: Group) -> None:
        place = len(self._groups)
        kernel = self._kernel(place, group)
        if not self._is_small(kernel):
            raise CannotFoldError(self._to_split(kernel), "a kernel binds 31 arguments at most")
        self._groups.append(group)
        self._placed[index] = place

    def _refused(self, place: int, group: Group) -> str | None:
        """Why the group cannot be one kernel; None if it can."""
        try:
            kernel = self._kernel(place, group)
        except CannotFoldError as reason:
            return reason.why
        return None if self._is_small(kernel) else "a kernel binds 31 arguments at most"

    def _finished(self, place: int) -> Kernel:
        return self._kernel(place, self._groups[place])

    def _kernel(self, place: int, group: Group) -> Kernel:
        domain = group.domain
        before = frozenset(k for k, at in self._placed.items() if at < place)
        here = frozenset(k for k in group.reductions if domain.blocks is None)
        lowering = Lowering(self._graph, domain.shape, domain.axes, before, here)
        reductions = tuple((k, self._reduced(lowering, k)) for k in group.reductions)
        whole = tuple((k, lowering.whole(k)) for k in group.whole)
        rows = tuple((k, lowering.row(k, domain.kept)) for k in group.rows)
        return Kernel(domain, reductions, whole, rows, self._written(group), group.why)

    def _reduced(self, lowering: Lowering, index: int) -> tuple[Term, ...]:
        node = self._graph.nodes[index]
        operation = node.operation
        if isinstance(operation, Combine):
            whole = operation.partial.whole
            dtypes = whole.reduction.accumulators(whole.element)
            return lowering.states(node.inputs[0][1], len(dtypes), dtypes)
        kind, place = node.inputs[0]
        if kind is RefKind.NODE:
            return (lowering.node(place),)
        return (lowering.leaf(place),)

    def _written(self, group: Group) -> frozenset[int]:
        """Reductions that somebody outside the kernel may read: known only when all is placed, so ask late."""
        if group.domain.blocks is not None:
            return frozenset(group.reductions)
        inside = set(group.nodes)
        used = {
            place
            for index, node in enumerate(self._graph.nodes)
            if index in self._placed and index not in inside
            for place in self._frontier(index)
        }
        return frozenset(k for k in group.reductions if k in used or k in self._kept)

    def _is_small(self, kernel: Kernel) -> bool:
        terms = list(terms_below(*kernel.terms()))
        if sum(isinstance(t, Compute) for t in terms) > MOST_TERMS:
            return False
        return bindings_of(kernel, terms, self._graph) <= self._most_bindings - NUMBERS

    def _to_split(self, kernel: Kernel) -> int:
        """The node to be in memory first: about half of the kernel's sources lie below it."""
        half = max(len(sources_of(terms_below(*kernel.terms()))) // 2, 2)
        best, distance = -1, math.inf
        outputs = {k for k, _ in (*kernel.whole, *kernel.rows)}
        for term in terms_below(*kernel.terms()):
            if isinstance(term, Compute) and term.node not in outputs | self._kept:
                below = list(terms_below(term))
                if any(isinstance(t, RowResult) for t in below):
                    continue
                off = abs(len(sources_of(below)) - half)
                if off < distance:
                    best, distance = term.node, off
        return best


NUMBERS = 4
"""Arguments that are left for sizes and strides, four in each."""


def sources_of(terms: Iterable[Term]) -> list[Source]:
    """What is read, each source once."""
    return list(dict.fromkeys(t.access.source for t in terms if isinstance(t, LoadAt)))


def scalars_of(terms: Iterable[Term]) -> list[ScalarOf]:
    """The scalar operands, each once."""
    return [t for t in terms if isinstance(t, ScalarOf)]


def bindings_of(kernel: Kernel, terms: list[Term], graph: Structure) -> int:
    """How many arguments the kernel has besides sizes and strides, were all its results written."""
    states = 0
    for index, _ in kernel.reductions:
        operation = graph.nodes[index].operation
        whole = operation.whole if isinstance(operation, Partial) else None
        states += 1 if whole is None else len(whole.reduction.accumulators(whole.element))
    results = len(kernel.whole) + len(kernel.rows) + states
    return len(sources_of(terms)) + len(scalars_of(terms)) + results


def _domain_of(node: Node) -> Domain:
    operation = node.operation
    if isinstance(operation, Partial):
        return Domain(operation.whole.source, operation.whole.axes, operation)
    if isinstance(operation, Combine):
        return Domain(operation.partial.shape, (1,))
    assert isinstance(operation, Reduce)
    return Domain(operation.source, operation.axes)
