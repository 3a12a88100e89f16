"""A kernel of a plan in, the bytes it moves and the arithmetic it does out."""

from __future__ import annotations

import math

from metal_runtime.graph.groups import ComputedOperand, Kernel
from metal_runtime.graph.lowering import Access, Compute, LoadAt, Term, terms_below
from metal_runtime.graph.trace import Ref
from metal_runtime.recording.events import Work


def work_of(kernel: Kernel, written_bytes: int) -> Work:
    """Each element that is read counts once. An operator on numbers of floating point is one operation an element."""
    points = math.prod(kernel.domain.shape)
    rows = math.prod(n for k, n in enumerate(kernel.domain.shape) if k not in kernel.domain.axes)
    each_point = {id(term) for term in terms_below(*_of_each_point(kernel))}
    before = {id(term) for term in terms_below(*kernel.prologues())}
    operations = points * len(kernel.reductions)
    if kernel.product is not None:
        operations += 2 * points * kernel.product.a.layout.shape[-1]
        for side in (kernel.product.a, kernel.product.b):
            if isinstance(side, ComputedOperand):
                operations += math.prod(side.shape) * _computed(side.root)
    for term in terms_below(*kernel.terms()):
        if isinstance(term, Compute) and term.dtype.is_float and id(term) not in before:
            operations += points if id(term) in each_point else rows
    return Work(sum(read_by(kernel).values()), written_bytes, operations)


def read_by(kernel: Kernel) -> dict[Ref, int]:
    """What a kernel reads, and how many bytes of it."""
    read: dict[Ref, int] = {}
    if kernel.product is not None:
        for side in (kernel.product.a, kernel.product.b):
            if isinstance(side, Access):
                size = math.prod(side.layout.shape)
                read[side.source.ref] = size * side.source.dtype.itemsize
    for term in terms_below(*kernel.terms()):
        if isinstance(term, LoadAt):
            source = term.access.source
            read[source.ref] = read.get(source.ref, 0) or _elements(term) * source.dtype.itemsize
    return read


def _computed(root: Term) -> int:
    return sum(isinstance(t, Compute) and t.dtype.is_float for t in terms_below(root))


def _of_each_point(kernel: Kernel) -> list[Term]:
    return [*(t for _, terms in kernel.reductions for t in terms), *(t for _, t in kernel.whole)]


def _elements(term: LoadAt) -> int:
    """How many different elements a kernel reads through an access."""
    layout = term.access.layout
    return math.prod(n for n, s in zip(layout.shape, layout.strides, strict=True) if s)
