"""The results of a row kernel in, what is kept in their memory between its loops out.

A costly element that a reduction and a result both need (softmax's exponential) is stored where the
result will stand, and read back: the row is in the caches, and the value has the result's dtype.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, replace

from metal_runtime.graph.accumulators import Reduced, level_of
from metal_runtime.graph.generated import PlacedOutput
from metal_runtime.graph.kernel_text import Arguments
from metal_runtime.graph.lowering import Access, Compute, LoadAt, Source, Term, terms_below
from metal_runtime.graph.operations import Elementwise
from metal_runtime.graph.trace import RefKind
from metal_runtime.ir.nodes import Apply, Read
from metal_runtime.ir.walk import walk


@dataclass(frozen=True, slots=True)
class Write:
    """An element that is stored, in the loop after ``stage`` reductions, one upon the other."""

    stage: int
    output: PlacedOutput
    term: Term


def writes_of(
    results: Iterable[tuple[PlacedOutput, tuple[int, Term]]],
    targets: Container[int],
    reduced: Sequence[Reduced],
    arguments: Arguments,
) -> list[Write]:
    """What a row kernel stores for each element: its results, and before them what is kept in their memory.

    Nothing is kept in the memory of ``targets``, which may be what is read.
    """
    levels = {one.index: one.level for one in reduced}
    writes: list[Write] = []
    for output, (index, term) in results:
        last = level_of(term, levels)
        kept = None if index in targets else _kept_element(output, term, last, reduced)
        if kept is not None:
            source = Source((RefKind.NODE, output.output.node), 0, output.output.dtype)
            read_back = LoadAt(Access(source, output.layout))
            name, path = arguments.results[output.output]
            assert path is not None
            arguments.paths[read_back] = (name, path)
            writes.append(kept)
            term = _with_kept(term, kept.term, read_back)
        writes.append(Write(last, output, term))
    return writes


def _kept_element(
    output: PlacedOutput, result: Term, last: int, reduced: Sequence[Reduced]
) -> Write | None:
    """The costliest term below a result that an earlier loop computes; None if it costs little to do so again."""
    stages: dict[int, int] = {}
    for one in sorted(reduced, key=lambda r: r.level):
        if one.level < last:
            for term in terms_below(*one.terms):
                stages.setdefault(id(term), one.level)
    shared = [t for t in terms_below(result) if id(t) in stages and t.dtype is result.dtype]
    costs = [(_cost(term), place) for place, term in enumerate(shared)]
    cost, place = max(costs, default=(0, 0))
    return Write(stages[id(shared[place])], output, shared[place]) if cost else None


def _cost(term: Term) -> int:
    """How many functions that take many instructions are computed for a term."""
    return sum(_is_costly(t.operation) for t in terms_below(term) if isinstance(t, Compute))


def _is_costly(operation: Elementwise) -> bool:
    names = (f"arg{k}" for k in range(operation.definition.arity))
    args = [Read(n, d) for n, d in zip(names, operation.types.operands, strict=True)]
    value = operation.definition.build(*args)
    return any(isinstance(node, Apply) and not node.operator.exact for node in walk(value))


def _with_kept(root: Term, kept: Term, read_back: LoadAt) -> Term:
    """The term with the kept element read back."""
    written: dict[int, Term] = {id(kept): read_back}
    for term in terms_below(root):
        if id(term) in written:
            continue
        if isinstance(term, Compute):
            args = tuple(written[id(arg)] for arg in term.args)
            changed = any(a is not b for a, b in zip(args, term.args, strict=True))
            written[id(term)] = replace(term, args=args) if changed else term
        else:
            written[id(term)] = term
    return written[id(root)]
