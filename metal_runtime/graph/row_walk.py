"""A scheduled kernel with reductions in; what every way to walk its rows shares out: axes, arguments, indices, elements.

``row_kernel.py`` gives each row a thread, ``threadgroup_rows.py`` a threadgroup or a simdgroup.
"""

from __future__ import annotations

from collections.abc import Sequence

from metal_runtime.graph.accumulators import Reduced, number, read_reductions, stored, ulong
from metal_runtime.graph.generated import PlacedOutput, outputs_of
from metal_runtime.graph.groups import Kernel
from metal_runtime.graph.kept_elements import writes_of
from metal_runtime.graph.kernel_text import (
    ULONG,
    Arguments,
    Namer,
    TermWriter,
    backwards,
    scaled,
    total,
)
from metal_runtime.graph.lowering import LoadAt, RowResult, ScalarOf, Term, terms_below
from metal_runtime.graph.trace import Structure
from metal_runtime.graph.walk_axes import Path, walk_axes
from metal_runtime.ir.nodes import Assign, Declare, Expr, Load, Read, Stmt
from metal_runtime.ops.expressions import apply
from metal_runtime.strided import Strided

FEW_COLUMNS = 8
"""With fewer kept elements side by side, rows are walked one by one, however their elements lie."""


class RowWalk:
    """The walk of one kernel, while its text is written."""

    def __init__(self, kernel: Kernel, graph: Structure, layouts: dict[int, Strided]) -> None:
        self._kernel = kernel
        self._graph = graph
        self._reduced = read_reductions(kernel, graph)
        terms = list(terms_below(*kernel.terms()))
        loads = [term for term in terms if isinstance(term, LoadAt)]
        self._outputs = outputs_of(kernel, graph, layouts)
        accesses = [load.access.layout for load in loads] + [o.layout for o in self._outputs]
        walk = walk_axes(kernel.domain.shape, kernel.domain.axes, accesses)
        self._axes = walk.axes
        self.arguments = Arguments()
        self.arguments.add_loads(loads, walk.paths[: len(loads)])
        self.arguments.add_scalars([term for term in terms if isinstance(term, ScalarOf)])
        self.arguments.add_results([o.output for o in self._outputs], walk.paths[len(loads) :])
        self._blocks = kernel.domain.blocks
        self._block: Expr | None = None
        """Which block of its rows the thread walks, where they are cut."""

        self._kept = [place for place, axis in enumerate(walk.axes) if not axis.reduced]
        self._loops = [place for place, axis in enumerate(walk.axes) if axis.reduced]
        innermost = len(walk.axes) - 1
        self._columns = (
            bool(self._kept)
            and self._kept[-1] == innermost
            and walk.axes[innermost].size >= FEW_COLUMNS
        )
        self._lane_axis = innermost if self._columns else self._loops[-1]
        self._writes = writes_of(
            zip(self._outputs, kernel.whole, strict=False), layouts, self._reduced, self.arguments
        )
        self.names = Namer()
        self._places: dict[int, Expr] = {}
        """The coordinate along each axis, while it is known."""

        self._bases: dict[tuple[str, Path], Expr] = {}

    def element_index(self, name: str, path: Path, lane: Expr | None) -> Expr:
        """Where the element of an array lies for the coordinates of this moment."""
        base = self._bases.get((name, path))
        terms = [] if base is None else [base]
        return total([*terms, *self._terms_along(name, path, self._loops)], ULONG)

    def states_of(self, reduced: Reduced, lane: Expr | None) -> tuple[Load | Read, ...]:
        """Where the accumulators of a reduction are held, for the row in a lane."""
        raise NotImplementedError

    def row_result(self, result: RowResult, lane: Expr | None) -> Expr:
        """What a reduction has made of the thread's row, or of the row in a lane."""
        raise NotImplementedError

    # --- lengths and indices ---------------------------------------------------------------------------

    def _name_sizes(self) -> None:
        """Lengths first: a stride that equals one is called after it."""
        for place in self._loops:
            self._length(place)
        if self._columns:
            self.arguments.number(self._axes[self._lane_axis].size, "columns")

    def _length(self, place: int) -> Expr:
        name = "length" if len(self._loops) == 1 else f"length{place}"
        return ulong(self.arguments.number(self._axes[place].size, name))

    def _stages(self) -> int:
        """How many reductions follow one upon the other."""
        return max((r.level + 1 for r in self._reduced), default=0)

    def _declare_bases(self, kept: Sequence[int]) -> list[Stmt]:
        """For every array the element at which the thread's rows begin, by their places along the axes ``kept``."""
        statements: list[Stmt] = []
        paths = {
            *((name, path) for name, path in self.arguments.paths.values()),
            *((name, path) for name, path in self.arguments.results.values() if path is not None),
        }
        for name, path in sorted(paths, key=lambda item: (item[0], str(item[1]))):
            terms = self._terms_along(name, path, kept)
            if terms:
                variable = self.names(f"{name}_row")
                statements.append(Declare(variable, ULONG, total(terms, ULONG)))
                self._bases[(name, path)] = Read(variable, ULONG)
        return statements

    def _terms_along(self, name: str, path: Path, places: Sequence[int]) -> list[Expr]:
        terms = []
        for place in places:
            step = path.steps[place]
            if step.stride == 0:
                continue
            coordinate = self._places[place]
            if step.backwards:
                coordinate = backwards(coordinate, self._axes[place].size, place, self.arguments)
            stride = self.arguments.number(step.stride, f"{name}_stride{place}")
            terms.append(scaled(coordinate, stride, ULONG))
        return terms

    # --- one element -----------------------------------------------------------------------------------

    def _element(
        self,
        reduced: Sequence[Reduced],
        whole: Sequence[tuple[PlacedOutput, Term]],
        lane: Expr | None,
        place: Expr,
    ) -> list[Stmt]:
        """What is done with the element at the coordinates of this moment; ``place`` is its place in the row."""
        roots = [*(t for r in reduced for t in r.terms), *(term for _, term in whole)]
        writer = _Row(self, roots, lane)
        stores: list[Stmt] = []
        for one in reduced:
            values = tuple(writer.write(term) for term in one.terms)
            held = self.states_of(one, lane)
            if one.merges:
                stores += stored(one, self.names, held, one.reduction.merge(held, values))
            else:
                value = values[0]
                if len(one.states) > 1 and not isinstance(value, Read):
                    name = self.names("element")
                    writer.statements.append(Declare(name, one.element, value))
                    value = Read(name, one.element)
                stores += stored(one, self.names, held, one.reduction.step(held, value, place))
        for output, term in whole:
            name, path = self.arguments.results[output.output]
            assert path is not None
            value = writer.write(term)
            stores.append(Assign(Load(name, writer.index(name, path), output.output.dtype), value))
        return [*writer.statements, *stores]

    # --- what is written once for each row ---------------------------------------------------------------

    def _row_outputs(self) -> list[PlacedOutput]:
        return self._outputs[len(self._kernel.whole) :]

    def _row_stores(self, lane: Expr | None) -> list[Stmt]:
        for place in self._loops:
            self._places[place] = number(0)  # no row result moves along a reduced axis
        terms = [term for _, term in self._kernel.rows]
        writer = _Row(self, terms, lane)
        values = {index: writer.write(term) for index, term in self._kernel.rows}
        stores: list[Stmt] = []
        for output in self._row_outputs():
            name, path = self.arguments.results[output.output]
            value = values.get(output.output.node)
            if value is None:
                value = self._reduction_result(output, lane)
            assert path is not None
            index: Expr = writer.index(name, path)
            if self._blocks is not None:
                assert self._block is not None
                blocks = ulong(self.arguments.number(self._blocks.blocks, "blocks"))
                index = apply("add", apply("mul", index, blocks), ulong(self._block))
            stores.append(Assign(Load(name, index, output.output.dtype), value))
        return [*writer.statements, *stores]

    def _reduction_result(self, output: PlacedOutput, lane: Expr | None) -> Expr:
        reduced = next(r for r in self._reduced if r.index == output.output.node)
        if self._blocks is not None:
            return self.states_of(reduced, lane)[output.output.part]
        return self.row_result(RowResult(reduced.index, reduced.dtype), lane)


class _Row(TermWriter):
    """Terms at the coordinates of one moment, in one lane."""

    def __init__(self, walk: RowWalk, roots: Sequence[Term], lane: Expr | None) -> None:
        super().__init__(walk.arguments, roots, walk.names)
        self._walk = walk
        self._lane = lane

    def index(self, name: str, path: Path) -> Expr:
        return self._walk.element_index(name, path, self._lane)

    def row(self, result: RowResult) -> Expr:
        return self._walk.row_result(result, self._lane)
