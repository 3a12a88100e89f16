"""A graph and a device's traits in, its kernels in the order of their launches out: what is computed together, and why not more.

A kernel walks one domain: a shape, and the axes of it that are reduced. Nodes whose results nobody
keeps are computed inside the kernels that need them; each other node finds the earliest kernel that
it fits into.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from metal_runtime.device.protocol import DeviceTraits
from metal_runtime.errors import InternalError
from metal_runtime.graph.blocks import by_blocks
from metal_runtime.graph.groups import (
    FREE_BESIDE_PRODUCT,
    MOST_IN_PROLOGUE,
    NUMBERS,
    ComputedOperand,
    Domain,
    Group,
    Kernel,
    ProductPart,
    arguments_beside,
    bindings_of,
    domain_of,
    sources_of,
)
from metal_runtime.graph.lowering import (
    Access,
    CannotFoldError,
    Compute,
    Lowering,
    RowResult,
    Source,
    Term,
    terms_below,
)
from metal_runtime.graph.operations import Combine, Elementwise, MatMul, Partial, Reduce, View
from metal_runtime.graph.prologues import apart, layout_of, seen_through_views
from metal_runtime.graph.trace import Node, Ref, RefKind, Structure
from metal_runtime.strided import Slice

_WAITING = -1
"""The place of a product until it is known what it ends in."""

MOST_TERMS = 400
"""More operators than this in one kernel would take a compiler long, and its reader."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Kernels in their order; ``graph`` has the nodes that the scheduler added."""

    graph: Structure
    kernels: tuple[Kernel, ...]
    places: tuple[int, ...]
    """For each recorded node its place in ``graph``."""


def schedule(graph: Structure, traits: DeviceTraits, most_bindings: int = 31) -> Schedule:
    """The kernels that compute the graph's roots."""
    graph, places = by_blocks(graph, traits)
    forced = apart(graph, traits)
    while True:
        try:
            return Schedule(graph, _Scheduler(graph, forced, most_bindings).run(), places)
        except CannotFoldError as reason:
            if reason.node < 0 or reason.node in forced:
                raise InternalError(f"a graph has no kernels: {reason.why}") from reason
            forced[reason.node] = reason.why


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
        self._users = self._users_of_products()

    def run(self) -> tuple[Kernel, ...]:
        for index, node in enumerate(self._graph.nodes):
            if isinstance(node.operation, Reduce | Partial | Combine):
                self._place_waiting(index)
                self._place_reduction(index, node)
            elif isinstance(node.operation, MatMul):
                self._place_waiting(index)
                self._placed[index] = _WAITING
                if index in self._kept:
                    self._place_product(index, None)
            elif index in self._kept and not self._finish_product(index, node):
                self._place_waiting(index)
                self._place_whole(index, node)
        return tuple(map(self._finished, range(len(self._groups))))

    def _users_of_products(self) -> dict[int, set[int]]:
        """For each product the nodes with a place of their own that are made of it."""
        made_of: list[frozenset[int]] = []
        users: dict[int, set[int]] = {}
        for index, node in enumerate(self._graph.nodes):
            below: frozenset[int] = frozenset().union(
                *(made_of[place] for kind, place in node.inputs if kind is RefKind.NODE)
            )
            placed = index in self._kept or not isinstance(node.operation, Elementwise | View)
            if placed:
                for product in below:
                    users.setdefault(product, set()).add(index)
                below = frozenset()
            made_of.append(frozenset({index}) if isinstance(node.operation, MatMul) else below)
        return users

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

    # --- products ------------------------------------------------------------------------------------

    def _place_waiting(self, index: int) -> None:
        """Products that a node is made of, and that do not end in it, are kernels by themselves."""
        for product in sorted(self._frontier(index)):
            if self._placed[product] == _WAITING:
                self._place_product(product, None)

    def _finish_product(self, index: int, node: Node) -> bool:
        """Whether the node becomes the end of a product's kernel: its elements' one and only use."""
        waiting = [k for k in self._frontier(index) if self._placed[k] == _WAITING]
        fitting = [
            k for k in waiting if math.prod(self._graph.nodes[k].shape) == math.prod(node.shape)
        ]
        if not fitting:
            return False
        product = max(fitting)
        if self._users[product] != {index}:
            return False
        for other in waiting:
            if other != product:
                self._place_product(other, None)
        return self._place_product(product, index)

    def _place_product(self, product: int, end: int | None) -> bool:
        """Whether a product, and the node that it ends in, became a kernel."""
        node = self._graph.nodes[product]
        whole = product if end is None else end
        place = len(self._groups)
        bases = (seen_through_views(self._graph, ref)[0] for ref in node.inputs)
        apart = [self._forced[k] for kind, k in bases if kind is RefKind.NODE and k in self._forced]
        why = apart[0] if apart else ""
        group = Group(Domain(node.shape), whole=[whole], product=product, why=why)
        if end is None:
            self._kernel(place, group)
        elif self._refused(place, group) is not None:
            return False
        self._groups.append(group)
        self._placed[product] = self._placed[whole] = place
        return True

    # --- reductions --------------------------------------------------------------------------------

    def _place_reduction(self, index: int, node: Node) -> None:
        domain = domain_of(node)
        why = self._forced.get(index, "")
        for place in range(self._earliest(index), len(self._groups)):
            group = self._groups[place]
            if group.product is not None:
                continue
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
        if group.product is not None:
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
        if group.product is not None:
            here = frozenset({group.product})
        lowering = Lowering(self._graph, domain.shape, domain.axes, before, here)
        reductions = tuple((k, self._reduced(lowering, k)) for k in group.reductions)
        whole = tuple((k, lowering.whole(k)) for k in group.whole)
        rows = tuple((k, lowering.row(k, domain.kept)) for k in group.rows)
        part = self._product_part(group, before)
        return Kernel(domain, reductions, whole, rows, self._written(group), group.why, part)

    def _product_part(self, group: Group, before: frozenset[int]) -> ProductPart | None:
        if group.product is None:
            return None
        a, b = (self._operand(ref, before) for ref in self._graph.nodes[group.product].inputs)
        return ProductPart(group.product, a, b)

    def _operand(self, ref: Ref, before: frozenset[int]) -> Access | ComputedOperand:
        """Where the elements of a product's operand lie, perhaps seen through views, or how they are computed."""
        graph = self._graph
        (kind, index), movements = seen_through_views(graph, ref)
        base = graph.leaves[index] if kind is RefKind.LEAF else graph.nodes[index]
        layout = layout_of(base, movements)
        if kind is RefKind.LEAF or index in before:
            return Access(Source((kind, index), 0, base.dtype), layout)
        own = tuple(n if s else 1 for n, s in zip(layout.shape, layout.strides, strict=True))
        once = Slice((0,) * len(own), (1,) * len(own), own)  # matrices that a batch repeats
        try:
            root = Lowering(graph, own, (), before, frozenset()).node(index, (*movements, once))
        except CannotFoldError as reason:
            raise CannotFoldError(index if reason.node < 0 else reason.node, reason.why) from None
        count = arguments_beside(root, own)
        if count is None or count > MOST_IN_PROLOGUE:
            raise CannotFoldError(
                index,
                "the kernel that packs a product's operand takes no more arguments, or cannot read backwards",
            )
        return ComputedOperand(root, (math.prod(own[:-2]), *own[-2:]), layout)

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
        if kernel.product is not None:
            return self._is_small_product(kernel, kernel.product)
        if sum(isinstance(t, Compute) for t in terms) > MOST_TERMS:
            return False
        return bindings_of(kernel, terms, self._graph) <= self._most_bindings - NUMBERS

    def _is_small_product(self, kernel: Kernel, part: ProductPart) -> bool:
        sides = [side for side in (part.a, part.b) if isinstance(side, ComputedOperand)]
        counts = [arguments_beside(side.root, side.shape) for side in sides]
        counts.append(arguments_beside(kernel.whole[0][1], kernel.domain.shape))
        known = [count for count in counts if count is not None]
        return len(known) == len(counts) and sum(known) <= FREE_BESIDE_PRODUCT

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
