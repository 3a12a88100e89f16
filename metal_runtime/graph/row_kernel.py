"""A scheduled kernel with reductions in, its IR out: a thread walks the places of its rows.

Each thread keeps ``LANES`` accumulators side by side, for vector units: along the innermost reduced
axis where that is the innermost of all (a thread reduces one row), else along the innermost kept
axis (a thread reduces ``LANES`` neighbouring rows). Reductions that need others follow them in loops
of their own, so that a row is read from memory once and then from the caches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from metal_runtime.graph.accumulators import (
    Reduced,
    combined,
    lane_loop,
    number,
    place_along,
    read_reductions,
    start,
    stored,
    ulong,
)
from metal_runtime.graph.blocks import LANES
from metal_runtime.graph.generated import Generated, PlacedOutput, finished, outputs_of
from metal_runtime.graph.grid import coordinates, grid_of
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
from metal_runtime.ir.nodes import (
    Assign,
    Declare,
    Expr,
    For,
    If,
    Load,
    Read,
    Stmt,
)
from metal_runtime.ops.expressions import apply
from metal_runtime.strided import Strided

FEW_COLUMNS = 8
"""With fewer kept elements side by side, a thread reduces one row, however its elements lie."""


def row_kernel(kernel: Kernel, graph: Structure, layouts: dict[int, Strided]) -> Generated:
    """The code for ``kernel``; ``layouts`` says where the elements of a node go that is written into an array."""
    return _RowKernel(kernel, graph, layouts).generate()


class _RowKernel:
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
        self._names = Namer()
        self._places: dict[int, Expr] = {}
        """The coordinate along each axis, while it is known."""

        self._bases: dict[tuple[str, Path], Expr] = {}

    # --- the whole -----------------------------------------------------------------------------------

    def generate(self) -> Generated:
        self._name_sizes()
        sizes, names = self._grid_axes()
        setup, places = coordinates(sizes, names, self.arguments)
        statements: list[Stmt] = [*setup, *self._thread(places)]
        if self._columns:
            statements += self._by_columns()
        else:
            statements += self._rows(None)
        arrays = tuple(array for r in self._reduced for array in r.arrays)
        return finished(
            self._kernel, self._graph, self.arguments, statements, arrays, grid_of(sizes)
        )

    def _name_sizes(self) -> None:
        """Lengths first: a stride that equals one is called after it."""
        for place in self._loops:
            self.arguments.number(self._axes[place].size, _length(place, self._loops))
        if self._columns:
            self.arguments.number(self._axes[self._lane_axis].size, "columns")

    def _grid_axes(self) -> tuple[list[int], list[str]]:
        """Sizes and names of the launch's axes, innermost first: blocks, then kept axes."""
        sizes, names = [], []
        if self._blocks is not None:
            sizes.append(self._blocks.blocks)
            names.append("block")
        for place in reversed(self._kept):
            size = self._axes[place].size
            tiled = self._columns and place == self._lane_axis
            sizes.append(-(-size // LANES) if tiled else size)
            names.append("tile" if tiled else f"row{place}")
        if not sizes:
            sizes, names = [1], ["row"]
        return sizes, names

    def _thread(self, places: list[Expr]) -> list[Stmt]:
        """Where the thread's rows and blocks begin and end."""
        statements: list[Stmt] = []
        remaining = list(places)
        if self._blocks is not None:
            self._block = remaining.pop(0)
        for place, coordinate in zip(reversed(self._kept), remaining, strict=False):
            if self._columns and place == self._lane_axis:
                start = apply("mul", ulong(coordinate), number(LANES))
                statements.append(Declare("column", ULONG, start))
                self._places[place] = Read("column", ULONG)
            else:
                self._places[place] = ulong(coordinate)
        outer = self._axes[self._loops[0]]
        if self._blocks is not None:
            length = self._blocks.length * outer.size // self._blocks.extent
            each = ulong(self.arguments.number(length, "block_size"))
            statements.append(Declare("first", ULONG, apply("mul", ulong(self._block), each)))
            end = apply("add", Read("first", ULONG), each)
            limit = ulong(self.arguments.number(outer.size, _length(self._loops[0], self._loops)))
            statements.append(Declare("end", ULONG, apply("min", end, limit)))
        return statements

    def _by_columns(self) -> list[Stmt]:
        size = ulong(self.arguments.number(self._axes[self._lane_axis].size, "columns"))
        column = Read("column", ULONG)
        many = self._rows(number(LANES))
        self._bases.clear()
        left = Declare("left", ULONG, apply("sub", size, column))
        few = [left, *self._rows(Read("left", ULONG))]
        full = apply("le", apply("add", column, number(LANES)), size)
        return [If(full, tuple(many), tuple(few))]

    def _rows(self, lanes: Expr | None) -> list[Stmt]:
        """The loops for the thread's rows: one row, or ``lanes`` of them side by side."""
        stages = max((r.level + 1 for r in self._reduced), default=0)
        statements: list[Stmt] = self._declare_bases()
        for stage in range(stages + 1):
            statements += self._stage(stage, stages, lanes)
        statements += self._row_results(lanes)
        return statements

    def _declare_bases(self) -> list[Stmt]:
        """For every array the element at which the thread's rows begin."""
        statements: list[Stmt] = []
        kept = [p for p in self._kept if not (self._columns and p == self._lane_axis)]
        paths = {
            *((name, path) for name, path in self.arguments.paths.values()),
            *((name, path) for name, path in self.arguments.results.values() if path is not None),
        }
        for name, path in sorted(paths, key=lambda item: (item[0], str(item[1]))):
            terms = self._terms_along(name, path, kept)
            if terms:
                variable = self._names(f"{name}_row")
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

    # --- one pass over the rows ------------------------------------------------------------------------

    def _stage(self, stage: int, stages: int, lanes: Expr | None) -> list[Stmt]:
        """What can be computed of a row once the reductions of the stages before are known."""
        reduced = [r for r in self._reduced if r.level == stage]
        whole = [(w.output, w.term) for w in self._writes if w.stage == stage]
        if not reduced and not whole:
            return []
        statements = [start(r, self._names) for r in reduced]

        def body(lane: Expr | None) -> list[Stmt]:
            return self._element(reduced, whole, lane)

        if self._columns:
            assert lanes is not None
            statements.append(
                self._loop_nest(self._loops, lambda: [lane_loop(self._names, lanes, body)])
            )
        else:
            statements += self._line(reduced, body)
        return statements

    def _bounds(self, place: int) -> tuple[Expr, Expr]:
        if self._blocks is not None and place == self._loops[0]:
            return Read("first", ULONG), Read("end", ULONG)
        return number(0), ulong(
            self.arguments.number(self._axes[place].size, _length(place, self._loops))
        )

    def _loop_nest(self, loops: Sequence[int], body: Callable[[], list[Stmt]]) -> Stmt:
        """Loops over reduced axes, outermost first."""
        place, *rest = loops
        name = self._names("r")
        self._places[place] = Read(name, ULONG)
        inner = [self._loop_nest(rest, body)] if rest else body()
        start, stop = self._bounds(place)
        return For(name, ULONG, start, stop, number(1), tuple(inner))

    def _line(
        self, reduced: Sequence[Reduced], body: Callable[[Expr | None], list[Stmt]]
    ) -> list[Stmt]:
        """One row: ``LANES`` elements at a time, then the rest of them, then the lanes as one."""
        *outer, innermost = self._loops
        start, stop = self._bounds(innermost)

        def plain() -> list[Stmt]:
            name = self._names("k")
            self._places[innermost] = Read(name, ULONG)
            return [For(name, ULONG, start, stop, number(1), tuple(body(None)))]

        def by_lanes() -> list[Stmt]:
            whole = self._names("whole")
            length = apply("sub", stop, start)
            rest = apply("rem", length, number(LANES))
            name = self._names("k")
            k = Read(name, ULONG)

            def at(base: Expr) -> Callable[[Expr], list[Stmt]]:
                def lane_body(lane: Expr) -> list[Stmt]:
                    self._places[innermost] = apply("add", base, lane)
                    return body(lane)

                return lane_body

            main = lane_loop(self._names, number(LANES), at(k))
            end = Read(whole, ULONG)
            tail = lane_loop(self._names, apply("sub", stop, end), at(end))
            return [
                Declare(whole, ULONG, apply("sub", stop, rest)),
                For(name, ULONG, start, end, number(LANES), (main,)),
                tail,
            ]

        make = by_lanes if reduced else plain
        statements = [self._loop_nest(outer, make)] if outer else make()
        for one in reduced:
            statements += combined(one, self._names)
        return statements

    # --- one element -----------------------------------------------------------------------------------

    def _element(
        self,
        reduced: Sequence[Reduced],
        whole: Sequence[tuple[PlacedOutput, Term]],
        lane: Expr | None,
    ) -> list[Stmt]:
        roots = [*(t for r in reduced for t in r.terms), *(term for _, term in whole)]
        writer = _Row(self, roots, lane)
        stores: list[Stmt] = []
        for one in reduced:
            values = tuple(writer.write(term) for term in one.terms)
            assert lane is not None
            held = one.held(lane)
            if one.merges:
                stores += stored(one, self._names, lane, one.reduction.merge(held, values))
            else:
                along = [(self._places[p], self._axes[p].size) for p in self._loops]
                place = place_along(along, self.arguments)
                value = values[0]
                if len(one.states) > 1 and not isinstance(value, Read):
                    name = self._names("element")
                    writer.statements.append(Declare(name, one.element, value))
                    value = Read(name, one.element)
                stores += stored(one, self._names, lane, one.reduction.step(held, value, place))
        for output, term in whole:
            name, path = self.arguments.results[output.output]
            assert path is not None
            value = writer.write(term)
            stores.append(Assign(Load(name, writer.index(name, path), output.output.dtype), value))
        return [*writer.statements, *stores]

    def element_index(self, name: str, path: Path, lane: Expr | None) -> Expr:
        """Where the element of an array lies for the coordinates of this moment."""
        base = self._bases.get((name, path))
        terms = [] if base is None else [base]
        terms += self._terms_along(name, path, self._loops)
        if self._columns:
            step = path.steps[self._lane_axis]
            if step.stride:
                assert lane is not None
                column: Expr = apply("add", self._places[self._lane_axis], lane)
                if step.backwards:
                    size = self._axes[self._lane_axis].size
                    column = backwards(column, size, self._lane_axis, self.arguments)
                stride = self.arguments.number(step.stride, f"{name}_stride{self._lane_axis}")
                terms.append(scaled(column, stride, ULONG))
        return total(terms, ULONG)

    def row_result(self, result: RowResult, lane: Expr | None) -> Expr:
        """What a reduction has made of the thread's row, or of the row in a lane."""
        reduced = next(r for r in self._reduced if r.index == result.node)
        if self._columns:
            assert lane is not None
            return reduced.value(lane)
        return Read(reduced.result, reduced.dtype)

    # --- what is written once for each row ---------------------------------------------------------------

    def _row_results(self, lanes: Expr | None) -> list[Stmt]:
        outputs = self._outputs[len(self._kernel.whole) :]
        if not outputs:
            return []
        for place in self._loops:
            self._places[place] = number(0)  # no row result moves along a reduced axis
        if lanes is None:
            return self._row_stores(outputs, None)
        return [lane_loop(self._names, lanes, lambda lane: self._row_stores(outputs, lane))]

    def _row_stores(self, outputs: Sequence[PlacedOutput], lane: Expr | None) -> list[Stmt]:
        terms = [term for _, term in self._kernel.rows]
        writer = _Row(self, terms, lane)
        values = {index: writer.write(term) for index, term in self._kernel.rows}
        stores: list[Stmt] = []
        for output in outputs:
            name, path = self.arguments.results[output.output]
            value = values.get(output.output.node)
            if value is None:
                value = self._reduction_result(output, lane)
            assert path is not None
            index: Expr = writer.index(name, path)
            if self._blocks is not None:
                blocks = ulong(self.arguments.number(self._blocks.blocks, "blocks"))
                index = apply("add", apply("mul", index, blocks), ulong(self._block))
            stores.append(Assign(Load(name, index, output.output.dtype), value))
        return [*writer.statements, *stores]

    def _reduction_result(self, output: PlacedOutput, lane: Expr | None) -> Expr:
        reduced = next(r for r in self._reduced if r.index == output.output.node)
        if self._blocks is not None:
            at = lane if self._columns and lane is not None else number(0)
            return reduced.held(at)[output.output.part]
        return self.row_result(RowResult(reduced.index, reduced.dtype), lane)


class _Row(TermWriter):
    """Terms at the coordinates of one moment, in one lane."""

    def __init__(self, kernel: _RowKernel, roots: Sequence[Term], lane: Expr | None) -> None:
        super().__init__(kernel.arguments, roots, kernel._names)
        self._kernel = kernel
        self._lane = lane

    def index(self, name: str, path: Path) -> Expr:
        return self._kernel.element_index(name, path, self._lane)

    def row(self, result: RowResult) -> Expr:
        return self._kernel.row_result(result, self._lane)


def _length(place: int, loops: Sequence[int]) -> str:
    return "length" if len(loops) == 1 else f"length{place}"
