"""Nodes of a graph in, expressions over the places of one kernel's domain out; views become strides on the way.

The domain is a shape that is walked element by element, or in rows: all places that differ only along
the reduced axes. A value of any shape is read at a place of the domain through the movements that
lead from its shape to the domain's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from metal_runtime.dtype import DType
from metal_runtime.graph.operations import (
    Combine,
    Elementwise,
    MatMul,
    Partial,
    Reduce,
    View,
    row_strides,
)
from metal_runtime.graph.trace import Ref, RefKind, Structure
from metal_runtime.strided import Broadcast, Movement, Reshape, Shape, Strided, contiguous, moved


class CannotFoldError(Exception):
    """A node cannot be computed where it is used; ``node`` has to be in memory first."""

    def __init__(self, node: int, why: str) -> None:
        super().__init__(why)
        self.node = node
        self.why = why


@dataclass(frozen=True, slots=True)
class Source:
    """Elements in memory: a leaf, or what an earlier kernel of the plan has written.

    ``part`` counts the accumulators of a Partial.
    """

    ref: Ref
    part: int
    dtype: DType


@dataclass(frozen=True, slots=True)
class Access:
    """A source, and where its element for each place of the domain lies."""

    source: Source
    layout: Strided


@dataclass(frozen=True, eq=False, slots=True)
class LoadAt:
    """The element of an access."""

    access: Access

    @property
    def dtype(self) -> DType:
        return self.access.source.dtype


@dataclass(frozen=True, eq=False, slots=True)
class ScalarOf:
    """A scalar operand."""

    place: int
    dtype: DType


@dataclass(frozen=True, eq=False, slots=True)
class Compute:
    """An operator on expressions."""

    operation: Elementwise
    args: tuple[Term, ...]
    node: int

    @property
    def dtype(self) -> DType:
        return self.operation.dtype


@dataclass(frozen=True, eq=False, slots=True)
class RowResult:
    """What a reduction of the same kernel has made of the row, or a product of row and column."""

    node: int
    dtype: DType


Term = LoadAt | ScalarOf | Compute | RowResult


def terms_below(*roots: Term) -> Iterator[Term]:
    """Every term once, each after its arguments."""
    seen: set[int] = set()
    stack: list[tuple[Term, bool]] = [(root, False) for root in reversed(roots)]
    while stack:
        term, ready = stack.pop()
        if id(term) in seen:
            continue
        if ready or not isinstance(term, Compute):
            seen.add(id(term))
            yield term
            continue
        stack.append((term, True))
        stack += ((arg, False) for arg in reversed(term.args))


class Lowering:
    """The expressions of one kernel: equal ones are one object.

    ``in_memory`` says of a node whether an earlier kernel has written it; ``reduced_here`` names the
    reductions of this kernel, over ``axes`` of ``domain``.
    """

    def __init__(
        self,
        graph: Structure,
        domain: Shape,
        axes: tuple[int, ...],
        in_memory: frozenset[int],
        reduced_here: frozenset[int],
    ) -> None:
        self._graph = graph
        self._domain = domain
        self._in_memory = in_memory
        self._reduced = reduced_here
        self._row = row_strides(domain, axes)
        self._terms: dict[tuple[Ref, tuple[Movement, ...]], Term] = {}
        self._loads: dict[Access, LoadAt] = {}
        self._scalars: dict[tuple[int, DType], ScalarOf] = {}
        self._rows: dict[int, RowResult] = {}

    def node(self, index: int, movements: tuple[Movement, ...] = ()) -> Term:
        """The node's element at a place of the domain, to which the movements lead from its shape."""
        return self._ref((RefKind.NODE, index), movements)

    def leaf(self, index: int) -> Term:
        """The leaf's element at a place of the domain, which has its shape."""
        return self._ref((RefKind.LEAF, index), ())

    def whole(self, index: int) -> Term:
        """The node's element where it has as many elements as the domain."""
        shape = self._graph.nodes[index].shape
        return self.node(index, () if shape == self._domain else (Reshape(self._domain),))

    def row(self, index: int, kept: Shape) -> Term:
        """The node's element where it has one for each row; ``kept`` is the domain with rows of one place."""
        shape = self._graph.nodes[index].shape
        movements: tuple[Movement, ...] = () if shape == kept else (Reshape(kept),)
        return self.node(index, (*movements, Broadcast(self._domain)))

    def states(self, index: int, count: int, dtypes: tuple[DType, ...]) -> tuple[Term, ...]:
        """The accumulators that a Partial has written, over a domain of its shape."""
        layout = contiguous(self._graph.nodes[index].shape)
        return tuple(
            self._load(Access(Source((RefKind.NODE, index), part, dtypes[part]), layout))
            for part in range(count)
        )

    # --- one reference -----------------------------------------------------------------------------

    def _ref(self, ref: Ref, movements: tuple[Movement, ...]) -> Term:
        found = self._terms.get((ref, movements))
        if found is None:
            found = self._terms[ref, movements] = self._lower(ref, movements)
        return found

    def _lower(self, ref: Ref, movements: tuple[Movement, ...]) -> Term:
        kind, index = ref
        if kind is RefKind.LEAF:
            leaf = self._graph.leaves[index]
            layout = moved(leaf.layout or contiguous(leaf.shape), movements)
            if layout is None:
                raise CannotFoldError(-1, "a reshape of elements that are not evenly spaced")
            return self._load(Access(Source(ref, 0, leaf.dtype), _normal(layout)))
        node = self._graph.nodes[index]
        if index in self._reduced:
            return self._row_result(index, movements)
        if index in self._in_memory:
            layout = moved(contiguous(node.shape), movements)
            if layout is None:
                raise CannotFoldError(-1, "a reshape of elements that are not evenly spaced")
            return self._load(Access(Source(ref, 0, node.dtype), _normal(layout)))
        operation = node.operation
        if isinstance(operation, View):
            return self._viewed(node.inputs[0], operation.movements + movements)
        if isinstance(operation, Elementwise):
            return self._computed(index, operation, movements)
        assert isinstance(operation, Reduce | Combine | Partial | MatMul)
        raise CannotFoldError(index, f"{operation.name} is finished before it can be read so")

    def _viewed(self, base: Ref, movements: tuple[Movement, ...]) -> Term:
        try:
            return self._ref(base, movements)
        except CannotFoldError as reason:
            if reason.node < 0 and base[0] is RefKind.NODE and base[1] not in self._in_memory:
                raise CannotFoldError(base[1], str(reason)) from None
            raise

    def _computed(
        self, index: int, operation: Elementwise, movements: tuple[Movement, ...]
    ) -> Term:
        node = self._graph.nodes[index]
        args: list[Term] = []
        for ref, scalar in zip(node.inputs, operation.scalars, strict=True):
            if scalar is not None:
                args.append(self._scalar(ref[1], scalar))
                continue
            shape = self._shape(ref)
            stretch = () if shape == node.shape else (Broadcast(node.shape),)
            args.append(self._ref(ref, (*stretch, *movements)))
        return Compute(operation, tuple(args), index)

    def _row_result(self, index: int, movements: tuple[Movement, ...]) -> Term:
        node = self._graph.nodes[index]
        layout = moved(contiguous(node.shape), movements)
        if (
            layout is None
            or layout.offset
            or layout.shape != self._domain
            or _normal(layout).strides != self._row
        ):
            raise CannotFoldError(index, "another row's result is read")
        return self._rows.setdefault(index, RowResult(index, node.dtype))

    def _shape(self, ref: Ref) -> Shape:
        kind, index = ref
        return (self._graph.leaves if kind is RefKind.LEAF else self._graph.nodes)[index].shape

    def _load(self, access: Access) -> LoadAt:
        return self._loads.setdefault(access, LoadAt(access))

    def _scalar(self, place: int, dtype: DType) -> ScalarOf:
        return self._scalars.setdefault((place, dtype), ScalarOf(place, dtype))


def _normal(layout: Strided) -> Strided:
    """With strides of 0 along axes of one element, whose strides mean nothing."""
    strides = tuple(0 if n == 1 else s for n, s in zip(layout.shape, layout.strides, strict=True))
    return layout if strides == layout.strides else Strided(layout.shape, strides, layout.offset)
