"""A scheduled kernel with reductions in, its IR out: a thread walks the places of its rows.

Each thread keeps ``LANES`` accumulators side by side, for vector units: along the innermost reduced
axis where that is the innermost of all (a thread reduces one row), else along the innermost kept
axis (a thread reduces ``LANES`` neighbouring rows). Reductions that need others follow them in loops
of their own, so that a row is read from memory once and then from the caches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from metal_runtime.dtype import DType
from metal_runtime.graph.generated import Generated, PlacedOutput, finished, outputs_of
from metal_runtime.graph.grid import coordinates, grid_of
from metal_runtime.graph.kernel_text import (
    ULONG,
    Arguments,
    Namer,
    TermWriter,
    scaled,
    total,
)
from metal_runtime.graph.lowering import LoadAt, RowResult, ScalarOf, Term, terms_below
from metal_runtime.graph.operations import Combine, Partial, Reduce
from metal_runtime.graph.schedule import Kernel
from metal_runtime.graph.trace import Structure
from metal_runtime.graph.walk_axes import Path, walk_axes
from metal_runtime.ir.nodes import (
    Array,
    Assign,
    Constant,
    Declare,
    Expr,
    For,
    If,
    Load,
    Read,
    Stmt,
)
from metal_runtime.msl_types import AddressSpace, Pointer
from metal_runtime.ops.expressions import apply, convert
from metal_runtime.ops.reduction_table import Reduction
from metal_runtime.strided import Strided

LANES = 32
"""Accumulators of a thread: several vectors of them hide the latency of one operation."""

FEW_COLUMNS = 8
"""With fewer kept elements side by side, a thread reduces one row, however its elements lie."""


@dataclass(frozen=True, slots=True)
class _Reduced:
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
    def states(self) -> tuple[DType, ...]:
        return self.reduction.accumulators(self.element)

    def array(self, part: int) -> str:
        what = "places" if part else "lanes"
        return f"{self.reduction.name}{self.index}_{what}"

    @property
    def result(self) -> str:
        return f"{self.reduction.name}{self.index}"


def row_kernel(kernel: Kernel, graph: Structure, layouts: dict[int, Strided]) -> Generated:
    """The code for ``kernel``; ``layouts`` says where the elements of a node go that is written into an array."""
    return _RowKernel(kernel, graph, layouts).generate()


class _RowKernel:
    def __init__(self, kernel: Kernel, graph: Structure, layouts: dict[int, Strided]) -> None:
        self._kernel = kernel
        self._graph = graph
        self._levels: dict[int, int] = {}
        self._reduced = [self._read(index, terms) for index, terms in kernel.reductions]
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
        self._names = Namer()
        self._places: dict[int, Expr] = {}
        """The coordinate along each axis, while it is known."""

        self._bases: dict[str, Expr] = {}

    def _read(self, index: int, terms: tuple[Term, ...]) -> _Reduced:
        operation = self._graph.nodes[index].operation
        below = [t.node for t in terms_below(*terms) if isinstance(t, RowResult)]
        level = self._levels[index] = max((self._levels[k] + 1 for k in below), default=0)
        merges = isinstance(operation, Combine)
        whole = (
            operation.whole if isinstance(operation, Partial)
            else operation.partial.whole if isinstance(operation, Combine)
            else operation
        )  # fmt: skip
        assert isinstance(whole, Reduce)
        dtype = self._graph.nodes[index].dtype
        return _Reduced(index, whole.reduction, terms, whole.element, dtype, merges, level)

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
        arrays = tuple(
            Array(r.array(part), Pointer(AddressSpace.THREAD, dtype), (LANES,))
            for r in self._reduced
            for part, dtype in enumerate(r.states)
        )
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
                start = apply("mul", _ulong(coordinate), _number(LANES))
                statements.append(Declare("column", ULONG, start))
                self._places[place] = Read("column", ULONG)
            else:
                self._places[place] = _ulong(coordinate)
        outer = self._axes[self._loops[0]]
        if self._blocks is not None:
            length = self._blocks.length * outer.size // self._outermost_extent()
            each = _ulong(self.arguments.number(length, "block_size"))
            statements.append(Declare("first", ULONG, apply("mul", _ulong(self._block), each)))
            end = apply("add", Read("first", ULONG), each)
            limit = _ulong(self.arguments.number(outer.size, _length(self._loops[0], self._loops)))
            statements.append(Declare("end", ULONG, apply("min", end, limit)))
        return statements

    def _outermost_extent(self) -> int:
        """The extent of the axis that the Partial cuts, of which the walk's outermost loop is a multiple."""
        assert self._blocks is not None
        whole = self._blocks.whole
        return next(whole.source[axis] for axis in whole.axes if whole.source[axis] > 1)

    def _by_columns(self) -> list[Stmt]:
        size = _ulong(self.arguments.number(self._axes[self._lane_axis].size, "columns"))
        column = Read("column", ULONG)
        many = self._rows(_number(LANES))
        self._bases.clear()
        left = Declare("left", ULONG, apply("sub", size, column))
        few = [left, *self._rows(Read("left", ULONG))]
        full = apply("le", apply("add", column, _number(LANES)), size)
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
                self._bases[_key(name, path)] = Read(variable, ULONG)
        return statements

    def _terms_along(self, name: str, path: Path, places: Sequence[int]) -> list[Expr]:
        terms = []
        for place in places:
            step = path.steps[place]
            if step.stride == 0:
                continue
            coordinate = self._places[place]
            if step.backwards:
                coordinate = _backwards(coordinate, self._axes[place].size, place, self.arguments)
            stride = self.arguments.number(step.stride, f"{name}_stride{place}")
            terms.append(scaled(coordinate, stride, ULONG))
        return terms

    # --- one pass over the rows ------------------------------------------------------------------------

    def _stage(self, stage: int, stages: int, lanes: Expr | None) -> list[Stmt]:
        """What can be computed of a row once the reductions of the stages before are known."""
        reduced = [r for r in self._reduced if r.level == stage]
        whole = [
            (output, term)
            for output, (_, term) in zip(self._outputs, self._kernel.whole, strict=False)
            if self._level(term) == stage
        ]
        if not reduced and not whole:
            return []
        statements = [self._start(r) for r in reduced]

        def body(lane: Expr | None) -> list[Stmt]:
            return self._element(reduced, whole, lane)

        if self._columns:
            assert lanes is not None
            statements.append(
                self._loop_nest(self._loops, lambda: [_lane_loop(self._names, lanes, body)])
            )
        else:
            statements += self._line(reduced, body)
        return statements

    def _level(self, term: Term) -> int:
        below = [t.node for t in terms_below(term) if isinstance(t, RowResult)]
        return max((self._levels[k] + 1 for k in below), default=0)

    def _start(self, reduced: _Reduced) -> Stmt:
        lane = self._names("lane")
        place = Read(lane, ULONG)
        identity = reduced.reduction.identity(reduced.states)
        body = tuple(
            Assign(Load(reduced.array(part), place, dtype), value)
            for part, (dtype, value) in enumerate(zip(reduced.states, identity, strict=True))
        )
        return For(lane, ULONG, _number(0), _number(LANES), _number(1), body)

    def _bounds(self, place: int) -> tuple[Expr, Expr]:
        if self._blocks is not None and place == self._loops[0]:
            return Read("first", ULONG), Read("end", ULONG)
        return _number(0), _ulong(
            self.arguments.number(self._axes[place].size, _length(place, self._loops))
        )

    def _loop_nest(self, loops: Sequence[int], body: Callable[[], list[Stmt]]) -> Stmt:
        """Loops over reduced axes, outermost first."""
        place, *rest = loops
        name = self._names("r")
        self._places[place] = Read(name, ULONG)
        inner = [self._loop_nest(rest, body)] if rest else body()
        start, stop = self._bounds(place)
        return For(name, ULONG, start, stop, _number(1), tuple(inner))

    def _line(
        self, reduced: Sequence[_Reduced], body: Callable[[Expr | None], list[Stmt]]
    ) -> list[Stmt]:
        """One row: ``LANES`` elements at a time, then the rest of them, then the lanes as one."""
        *outer, innermost = self._loops
        start, stop = self._bounds(innermost)

        def plain() -> list[Stmt]:
            name = self._names("k")
            self._places[innermost] = Read(name, ULONG)
            return [For(name, ULONG, start, stop, _number(1), tuple(body(None)))]

        def by_lanes() -> list[Stmt]:
            whole = self._names("whole")
            length = apply("sub", stop, start)
            rest = apply("rem", length, _number(LANES))
            name = self._names("k")
            k = Read(name, ULONG)

            def at(base: Expr) -> Callable[[Expr], list[Stmt]]:
                def lane_body(lane: Expr) -> list[Stmt]:
                    self._places[innermost] = apply("add", base, lane)
                    return body(lane)

                return lane_body

            main = _lane_loop(self._names, _number(LANES), at(k))
            end = Read(whole, ULONG)
            tail = _lane_loop(self._names, apply("sub", stop, end), at(end))
            return [
                Declare(whole, ULONG, apply("sub", stop, rest)),
                For(name, ULONG, start, end, _number(LANES), (main,)),
                tail,
            ]

        make = by_lanes if reduced else plain
        statements = [self._loop_nest(outer, make)] if outer else make()
        for one in reduced:
            statements += self._combined(one)
        return statements

    def _combined(self, reduced: _Reduced) -> list[Stmt]:
        """The lanes as one, pair by pair, and the row's result of them."""
        step, lane = self._names("step"), self._names("lane")
        width = apply("shr", _number(LANES // 2), Read(step, ULONG))
        low, high = Read(lane, ULONG), apply("add", Read(lane, ULONG), width)
        merge = tuple(self._merge(reduced, low, self._states(reduced, high)))
        pairs = For(lane, ULONG, _number(0), width, _number(1), merge)
        steps = _number(LANES.bit_length() - 1)
        statements: list[Stmt] = [For(step, ULONG, _number(0), steps, _number(1), (pairs,))]
        value = self._result(reduced, _number(0))
        return [*statements, Declare(reduced.result, reduced.dtype, value)]

    def _states(self, reduced: _Reduced, lane: Expr) -> tuple[Expr, ...]:
        return tuple(
            Load(reduced.array(part), lane, dtype) for part, dtype in enumerate(reduced.states)
        )

    def _merge(self, reduced: _Reduced, lane: Expr, other: tuple[Expr, ...]) -> list[Stmt]:
        held = self._states(reduced, lane)
        return self._kept_states(reduced, lane, reduced.reduction.merge(held, other))

    def _kept_states(self, reduced: _Reduced, lane: Expr, values: tuple[Expr, ...]) -> list[Stmt]:
        """New accumulators in place; several are computed before the first is written."""
        targets = self._states(reduced, lane)
        if len(values) == 1:
            return [Assign(targets[0], values[0])]  # type: ignore[arg-type]
        names = [self._names(f"next{part}") for part in range(len(values))]
        return [
            *(Declare(n, d, v) for n, d, v in zip(names, reduced.states, values, strict=True)),
            *(
                Assign(t, Read(n, d))  # type: ignore[arg-type]
                for t, n, d in zip(targets, names, reduced.states, strict=True)
            ),
        ]

    def _result(self, reduced: _Reduced, lane: Expr) -> Expr:
        return convert(self._states(reduced, lane)[-1], reduced.dtype)

    # --- one element -----------------------------------------------------------------------------------

    def _element(
        self,
        reduced: Sequence[_Reduced],
        whole: Sequence[tuple[PlacedOutput, Term]],
        lane: Expr | None,
    ) -> list[Stmt]:
        roots = [*(t for r in reduced for t in r.terms), *(term for _, term in whole)]
        writer = _Row(self, roots, lane)
        stores: list[Stmt] = []
        for one in reduced:
            values = tuple(writer.write(term) for term in one.terms)
            assert lane is not None
            held = self._states(one, lane)
            if one.merges:
                stores += self._kept_states(one, lane, one.reduction.merge(held, values))
            else:
                place = self._place_along()
                value = values[0]
                if len(one.states) > 1 and not isinstance(value, Read):
                    name = self._names("element")
                    writer.statements.append(Declare(name, one.element, value))
                    value = Read(name, one.element)
                stores += self._kept_states(one, lane, one.reduction.step(held, value, place))
        for output, term in whole:
            name, path = self.arguments.results[output.output]
            assert path is not None
            value = writer.write(term)
            stores.append(Assign(Load(name, writer.index(name, path), output.output.dtype), value))
        return [*writer.statements, *stores]

    def _place_along(self) -> Expr:
        """The element's place among the reduced axes, in C order."""
        terms = []
        step = 1
        for place in reversed(self._loops):
            stride = self.arguments.number(step, f"places{place}")
            terms.append(scaled(self._places[place], stride, ULONG))
            step *= self._axes[place].size
        return total(terms[::-1], ULONG)

    def element_index(self, name: str, path: Path, lane: Expr | None) -> Expr:
        """Where the element of an array lies for the coordinates of this moment."""
        base = self._bases.get(_key(name, path))
        terms = [] if base is None else [base]
        terms += self._terms_along(name, path, self._loops)
        if self._columns:
            step = path.steps[self._lane_axis]
            if step.stride:
                assert lane is not None
                column = apply("add", self._places[self._lane_axis], lane)
                if step.backwards:
                    size = self._axes[self._lane_axis].size
                    column = _backwards(column, size, self._lane_axis, self.arguments)
                stride = self.arguments.number(step.stride, f"{name}_stride{self._lane_axis}")
                terms.append(scaled(column, stride, ULONG))
        return total(terms, ULONG)

    def row_result(self, result: RowResult, lane: Expr | None) -> Expr:
        """What a reduction has made of the thread's row, or of the row in a lane."""
        reduced = next(r for r in self._reduced if r.index == result.node)
        if self._columns:
            assert lane is not None
            return self._result(reduced, lane)
        return Read(reduced.result, reduced.dtype)

    # --- what is written once for each row ---------------------------------------------------------------

    def _row_results(self, lanes: Expr | None) -> list[Stmt]:
        outputs = self._outputs[len(self._kernel.whole) :]
        if not outputs:
            return []
        for place in self._loops:
            self._places[place] = _number(0)  # no row result moves along a reduced axis
        if lanes is None:
            return self._row_stores(outputs, None)
        return [_lane_loop(self._names, lanes, lambda lane: self._row_stores(outputs, lane))]

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
                blocks = _ulong(self.arguments.number(self._blocks.blocks, "blocks"))
                index = apply("add", apply("mul", index, blocks), _ulong(self._block))
            stores.append(Assign(Load(name, index, output.output.dtype), value))
        return [*writer.statements, *stores]

    def _reduction_result(self, output: PlacedOutput, lane: Expr | None) -> Expr:
        reduced = next(r for r in self._reduced if r.index == output.output.node)
        if self._blocks is not None:
            at = lane if self._columns and lane is not None else _number(0)
            return self._states(reduced, at)[output.output.part]
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


def _lane_loop(names: Namer, lanes: Expr, body: Callable[[Expr], list[Stmt]]) -> Stmt:
    name = names("lane")
    return For(name, ULONG, _number(0), lanes, _number(1), tuple(body(Read(name, ULONG))))


def _backwards(coordinate: Expr, size: int, place: int, arguments: Arguments) -> Expr:
    return apply("sub", _ulong(arguments.number(size - 1, f"last{place}")), coordinate)


def _length(place: int, loops: Sequence[int]) -> str:
    return "length" if len(loops) == 1 else f"length{place}"


def _key(name: str, path: Path) -> str:
    return f"{name} {path}"


def _ulong(value: Expr) -> Expr:
    return convert(value, ULONG)


def _number(value: int) -> Constant:
    return Constant(value, ULONG)
