"""What one kernel of a graph is: its domain, what it reduces and writes, and how many arguments it takes."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from metal_runtime.graph.kernel_text import times_written
from metal_runtime.graph.lowering import (
    Access,
    Compute,
    LoadAt,
    ScalarOf,
    Source,
    Term,
    terms_below,
)
from metal_runtime.graph.operations import Combine, Partial, Reduce
from metal_runtime.graph.trace import Node, Structure
from metal_runtime.strided import Reshape, Shape, Strided


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

    product: int | None = None
    """The matrix product whose elements ``whole`` is made of; such a kernel writes one result."""

    why: str = ""
    """Why its first node did not join the kernel before."""

    @property
    def nodes(self) -> list[int]:
        own = [] if self.product is None else [self.product]
        return [*own, *self.reductions, *self.whole, *self.rows]


@dataclass(frozen=True, slots=True)
class ComputedOperand:
    """An operand of a product whose elements are computed where they are packed."""

    root: Term
    shape: Shape
    """Matrices, rows and columns that are packed; a matrix that a batch repeats counts once."""

    layout: Strided
    """Where its elements would lie in an array of their own."""


@dataclass(frozen=True, slots=True)
class ProductPart:
    """The matrix product of a kernel, and where the elements of its operands lie, or how they are computed."""

    node: int
    a: Access | ComputedOperand
    b: Access | ComputedOperand


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
    product: ProductPart | None = None

    def terms(self) -> list[Term]:
        found = [t for _, terms in self.reductions for t in terms]
        found += self.prologues()
        return [*found, *(t for _, t in self.whole), *(t for _, t in self.rows)]

    def prologues(self) -> list[Term]:
        """What is computed where a product packs its operands."""
        sides = () if self.product is None else (self.product.a, self.product.b)
        return [side.root for side in sides if isinstance(side, ComputedOperand)]


FREE_BESIDE_PRODUCT = 31 - 8
"""Arguments, strides counted, that a product's own leave."""

MOST_IN_PROLOGUE = FREE_BESIDE_PRODUCT // 2
"""The same of one operand, which both may take."""

MOST_BESIDE_PRODUCT = 12
"""Arguments, and operators as often as they stand in the text, at the end of a product or before an operand."""


def arguments_beside(root: Term, shape: Shape) -> int | None:
    """How many arguments a term takes that is computed of a row, a column and a batch, and a product's element there.

    None where it cannot be one expression.
    """
    count = math.prod(shape[:-2])
    arguments = 0
    numbers: set[int] = set()
    texts: dict[int, int] = {}
    for term in terms_below(root):
        texts[id(term)] = 1
        if isinstance(term, LoadAt):
            layout = Reshape((count, *shape[-2:])).apply(term.access.layout)
            if layout is None or any(stride < 0 for stride in layout.strides):
                return None
            numbers.update(layout.strides)
        if isinstance(term, LoadAt | ScalarOf):
            arguments += 1
        if isinstance(term, Compute):
            dtypes = tuple(arg.dtype for arg in term.args)
            times = times_written(term.operation, dtypes)
            pairs = zip(term.args, times, strict=True)
            texts[id(term)] += sum(texts[id(arg)] * max(uses, 1) for arg, uses in pairs)
    if arguments > MOST_BESIDE_PRODUCT or texts[id(root)] > 16 * MOST_BESIDE_PRODUCT:
        return None
    return arguments + len(numbers - {0, 1})


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


def domain_of(node: Node) -> Domain:
    operation = node.operation
    if isinstance(operation, Partial):
        return Domain(operation.whole.source, operation.whole.axes, operation)
    if isinstance(operation, Combine):
        return Domain(operation.partial.shape, (1,))
    assert isinstance(operation, Reduce)
    return Domain(operation.source, operation.axes)
