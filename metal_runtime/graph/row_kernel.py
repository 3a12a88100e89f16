"""A scheduled kernel with reductions in, its IR for a CPU out: a thread walks the places of its rows.

Each thread keeps ``LANES`` accumulators side by side, for vector units: along the innermost reduced
axis where that is the innermost of all (a thread reduces one row), else along the innermost kept
axis (a thread reduces ``LANES`` neighbouring rows). Reductions that need others follow them in loops
of their own, so that a row is read from memory once and then from the caches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from metal_runtime.graph.accumulators import (
    Reduced,
    added_up,
    combined,
    lane_loop,
    number,
    place_along,
    start,
    ulong,
    with_totals,
)
from metal_runtime.graph.blocks import BLOCK, LANES
from metal_runtime.graph.generated import Generated, finished
from metal_runtime.graph.grid import coordinates, grid_of
from metal_runtime.graph.groups import Kernel
from metal_runtime.graph.kernel_text import ULONG, backwards, scaled
from metal_runtime.graph.lowering import RowResult
from metal_runtime.graph.row_walk import RowWalk
from metal_runtime.graph.trace import Structure
from metal_runtime.graph.walk_axes import Path
from metal_runtime.ir.nodes import Constant, Declare, Expr, For, If, Load, Read, Stmt
from metal_runtime.ops.expressions import apply
from metal_runtime.strided import Strided


def row_kernel(kernel: Kernel, graph: Structure, layouts: dict[int, Strided]) -> Generated:
    """The code for ``kernel``; ``layouts`` says where the elements of a node go that is written into an array."""
    return _RowKernel(kernel, graph, layouts).generate()


class _RowKernel(RowWalk):
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
        arrays += tuple(array for r in self._reduced if self._adds_up(r) for array in r.totals)
        return finished(
            self._kernel, self._graph, self.arguments, statements, arrays, grid_of(sizes)
        )

    def _adds_up(self, reduced: Reduced) -> bool:
        """Whether a thread walks so many elements in a row that its lanes are added up on the way."""
        return not self._columns and reduced.may_round and self._line_length() > BLOCK

    def _line_length(self) -> int:
        """Elements along the innermost reduced axis, or of a block of it."""
        size = self._axes[self._loops[-1]].size
        if self._blocks is None or len(self._loops) > 1:
            return size
        return self._blocks.length * size // self._blocks.extent

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
        if self._blocks is not None and self._block is not None:
            length = self._blocks.length * outer.size // self._blocks.extent
            each = ulong(self.arguments.number(length, "block_size"))
            statements.append(Declare("first", ULONG, apply("mul", ulong(self._block), each)))
            end = apply("add", Read("first", ULONG), each)
            statements.append(
                Declare("end", ULONG, apply("min", end, self._length(self._loops[0])))
            )
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
        stages = self._stages()
        kept = [p for p in self._kept if not (self._columns and p == self._lane_axis)]
        statements: list[Stmt] = self._declare_bases(kept)
        for stage in range(stages + 1):
            statements += self._stage(stage, lanes)
        return [*statements, *self._row_results(lanes)]

    # --- one pass over the rows ------------------------------------------------------------------------

    def _stage(self, stage: int, lanes: Expr | None) -> list[Stmt]:
        """What can be computed of a row once the reductions of the stages before are known."""
        reduced = [r for r in self._reduced if r.level == stage]
        whole = [(w.output, w.term) for w in self._writes if w.stage == stage]
        if not reduced and not whole:
            return []
        statements = [start(r, self.names, self._adds_up(r)) for r in reduced]

        def body(lane: Expr | None) -> list[Stmt]:
            along = [(self._places[p], self._axes[p].size) for p in self._loops]
            return self._element(reduced, whole, lane, place_along(along, self.arguments))

        if self._columns:
            assert lanes is not None
            statements.append(
                self._loop_nest(self._loops, lambda: [lane_loop(self.names, lanes, body)])
            )
        else:
            statements += self._line(reduced, body)
        return statements

    def _bounds(self, place: int) -> tuple[Expr, Expr]:
        if self._blocks is not None and place == self._loops[0]:
            return Read("first", ULONG), Read("end", ULONG)
        return number(0), self._length(place)

    def _loop_nest(self, loops: Sequence[int], body: Callable[[], list[Stmt]]) -> Stmt:
        """Loops over reduced axes, outermost first."""
        place, *rest = loops
        name = self.names("r")
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
            name = self.names("k")
            self._places[innermost] = Read(name, ULONG)
            return [For(name, ULONG, start, stop, number(1), tuple(body(None)))]

        def by_lanes() -> list[Stmt]:
            rest = apply("rem", apply("sub", stop, start), number(LANES))
            end = Read(self.names("whole"), ULONG)

            def at(base: Expr) -> Callable[[Expr], list[Stmt]]:
                def lane_body(lane: Expr) -> list[Stmt]:
                    self._places[innermost] = apply("add", base, lane)
                    return body(lane)

                return lane_body

            def main(first: Expr, last: Expr) -> Stmt:
                k = Read(self.names("k"), ULONG)
                lanes = lane_loop(self.names, number(LANES), at(k))
                return For(k.name, ULONG, first, last, number(LANES), (lanes,))

            long = [one for one in reduced if self._adds_up(one)]
            whole = self._by_parts(start, end, long, main) if long else main(start, end)
            tail = lane_loop(self.names, apply("sub", stop, end), at(end))
            return [Declare(end.name, ULONG, apply("sub", stop, rest)), whole, tail]

        make = by_lanes if reduced else plain
        statements = [self._loop_nest(outer, make)] if outer else make()
        for one in reduced:
            if self._adds_up(one):
                statements.append(with_totals(one, self.names))
            statements += combined(one, self.names)
        return statements

    def _by_parts(
        self,
        start: Expr,
        end: Expr,
        reduced: Sequence[Reduced],
        main: Callable[[Expr, Expr], Stmt],
    ) -> Stmt:
        """The loop over a long row, after every ``BLOCK`` elements of which the lanes are added up."""
        part = Read(self.names("part"), ULONG)
        last = Read(self.names("part_end"), ULONG)
        after = apply("add", part, number(BLOCK))
        body = [
            Declare(last.name, ULONG, apply("min", after, end)),
            main(part, last),
            *(added_up(one, self.names) for one in reduced),
        ]
        return For(part.name, ULONG, start, end, number(BLOCK), tuple(body))

    # --- one lane --------------------------------------------------------------------------------------

    def element_index(self, name: str, path: Path, lane: Expr | None) -> Expr:
        index = super().element_index(name, path, lane)
        step = path.steps[self._lane_axis]
        if not self._columns or not step.stride:
            return index
        assert lane is not None
        column: Expr = apply("add", self._places[self._lane_axis], lane)
        if step.backwards:
            size = self._axes[self._lane_axis].size
            column = backwards(column, size, self._lane_axis, self.arguments)
        stride = self.arguments.number(step.stride, f"{name}_stride{self._lane_axis}")
        along = scaled(column, stride, ULONG)
        return along if isinstance(index, Constant) else apply("add", index, along)

    def states_of(self, reduced: Reduced, lane: Expr | None) -> tuple[Load | Read, ...]:
        return reduced.held(number(0) if lane is None else lane)

    def row_result(self, result: RowResult, lane: Expr | None) -> Expr:
        reduced = next(r for r in self._reduced if r.index == result.node)
        if self._columns:
            assert lane is not None
            return reduced.value(lane)
        return Read(reduced.result, reduced.dtype)

    def _row_results(self, lanes: Expr | None) -> list[Stmt]:
        if not self._row_outputs():
            return []
        if lanes is None:
            return self._row_stores(None)
        return [lane_loop(self.names, lanes, self._row_stores)]
