"""A scheduled kernel with reductions in, its IR for a GPU out: threads share each row.

Where the innermost axis is reduced, the threads of a threadgroup (of a simdgroup, if the row is short) take
neighbouring elements of it. Else neighbouring threads take neighbouring columns, and the threads above each other
share them. Reductions that need others follow in loops of their own; an element is always the same thread's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from metal_runtime.device.launch_config import Extent
from metal_runtime.device.protocol import DeviceTraits
from metal_runtime.graph.accumulators import Reduced, number, ulong
from metal_runtime.graph.blocks import ELEMENTS, THREADS, WORKERS
from metal_runtime.graph.generated import Generated, PlacedOutput, Team, finished
from metal_runtime.graph.grid import coordinates, grid_of
from metal_runtime.graph.groups import Kernel
from metal_runtime.graph.kernel_text import ULONG
from metal_runtime.graph.lowering import RowResult, Term
from metal_runtime.graph.row_walk import RowWalk
from metal_runtime.graph.threadgroup_accumulators import (
    LANE_INDEX,
    Meeting,
    combined_in_simdgroup,
    start,
    variables,
)
from metal_runtime.graph.trace import Structure
from metal_runtime.ir.builtins import SIMD_WIDTH
from metal_runtime.ir.nodes import (
    Barrier,
    BarrierScope,
    Builtin,
    Constant,
    Declare,
    Expr,
    For,
    If,
    Load,
    Read,
    Stmt,
    Swizzle,
)
from metal_runtime.msl_types import Vector
from metal_runtime.ops.expressions import apply, convert
from metal_runtime.ops.kernels import UINT
from metal_runtime.strided import Strided

SHORT_ROW = 256
"""Rows of at most so many elements have a simdgroup each."""

MOST_THREADS = 1024


def threadgroup_rows(
    kernel: Kernel, graph: Structure, layouts: dict[int, Strided], traits: DeviceTraits
) -> Generated:
    """The code for ``kernel``; ``layouts`` says where the elements of a node go that is written into an array."""
    return _ThreadgroupRows(kernel, graph, layouts, traits).generate()


@dataclass(frozen=True, slots=True)
class _Sharing:
    """How many threads share a row, along which axis of the launch, and where they meet; None: by simdgroup functions alone."""

    threads: int
    axis: str
    meeting: Meeting | None


class _ThreadgroupRows(RowWalk):
    def __init__(
        self,
        kernel: Kernel,
        graph: Structure,
        layouts: dict[int, Strided],
        traits: DeviceTraits,
    ) -> None:
        super().__init__(kernel, graph, layouts)
        self._sharing = self._by_columns(traits) if self._columns else self._by_rows(traits)

    def _by_rows(self, traits: DeviceTraits) -> _Sharing:
        length = self._row_length()
        if length <= SHORT_ROW:
            return _Sharing(SIMD_WIDTH, "x", None)
        most = min(MOST_THREADS, traits.max_threads_per_threadgroup)
        threads = THREADS
        while threads * 2 <= most and length > threads * ELEMENTS:
            threads *= 2
        simdgroup = Builtin("simdgroup_index_in_threadgroup", UINT)
        meeting = Meeting(
            entries=MOST_THREADS // SIMD_WIDTH,
            own=simdgroup,
            writes=apply("eq", LANE_INDEX, Constant(0, UINT)),
            first=Constant(0, UINT),
            stride=1,
            count=Builtin("simdgroups_per_threadgroup", UINT),
        )
        return _Sharing(min(threads, most), "x", meeting)

    def _row_length(self) -> int:
        """Elements of a row, or of a block of it."""
        length = math.prod(self._axes[place].size for place in self._loops)
        if self._blocks is not None:
            length = -(-length // self._blocks.extent) * self._blocks.length
        return length

    def _by_columns(self, traits: DeviceTraits) -> _Sharing:
        """As many workers as the threadgroup memory has room for."""
        held = sum(dtype.itemsize for one in self._reduced for dtype in one.states)
        workers = WORKERS
        while workers > 1 and workers * SIMD_WIDTH * held > traits.max_threadgroup_memory:
            workers //= 2
        column = _within("x")
        meeting = Meeting(
            entries=workers * SIMD_WIDTH,
            own=apply("add", apply("mul", _within("y"), Constant(SIMD_WIDTH, UINT)), column),
            writes=None,
            first=column,
            stride=SIMD_WIDTH,
            count=_threads("y"),
        )
        return _Sharing(workers, "y", meeting)

    # --- the whole -----------------------------------------------------------------------------------

    def generate(self) -> Generated:
        self._name_sizes()
        sizes, names = self._grid_axes()
        setup, places = coordinates(sizes, names, self.arguments)
        coordinate = dict(zip(names, places, strict=True))
        self._worker: Expr = coordinate["worker"]
        self._block = coordinate.get("block")
        for place in self._kept:
            self._places[place] = ulong(coordinate[self._axis_name(place)])
        statements: list[Stmt] = [*setup, *self._bounds(), *self._declare_bases(self._kept)]
        for stage in range(self._stages() + 1):
            statements += self._stage(stage)
        if self._row_outputs():
            first = apply("eq", self._worker, Constant(0, UINT))
            statements.append(If(first, tuple(self._row_stores(None))))
        meeting = self._sharing.meeting
        arrays = () if meeting is None else meeting.arrays(self._reduced)
        grid = grid_of(sizes)
        return finished(
            self._kernel,
            self._graph,
            self.arguments,
            statements,
            arrays,
            grid,
            self._team(grid),
        )

    def _grid_axes(self) -> tuple[list[int], list[str]]:
        """Sizes and names of the launch's axes, innermost first: columns, those who share a row, blocks, rows."""
        axes = [("worker", self._sharing.threads)]
        if self._blocks is not None:
            axes.append(("block", self._blocks.blocks))
        rows = [(self._axis_name(p), self._axes[p].size) for p in reversed(self._kept)]
        axes = [*rows[:1], *axes, *rows[1:]] if self._columns else [*axes, *rows]
        return [size for _, size in axes], [name for name, _ in axes]

    def _axis_name(self, place: int) -> str:
        return "column" if self._columns and place == self._lane_axis else f"row{place}"

    def _team(self, grid: Extent) -> Team:
        sharing = self._sharing
        if self._columns:
            return Team((min(SIMD_WIDTH, grid[0]), sharing.threads, 1), 1)
        if sharing.meeting is None:
            return Team((SIMD_WIDTH, min(THREADS // SIMD_WIDTH, grid[1]), 1), None)
        return Team((sharing.threads, 1, 1), 0)

    def _bounds(self) -> list[Stmt]:
        """Where in its row the thread begins, and where the row or its block ends."""
        self._first, self._end = ulong(self._worker), self._row_end()
        if self._blocks is None:
            return []
        assert self._block is not None
        size = math.prod(self._axes[place].size for place in self._loops)
        each = size // self._blocks.extent * self._blocks.length
        block_size = ulong(self.arguments.number(each, "block_size"))
        first, end = Read("first", ULONG), Read("end", ULONG)
        self._first, row_end, self._end = apply("add", first, self._first), self._end, end
        return [
            Declare("first", ULONG, apply("mul", ulong(self._block), block_size)),
            Declare("end", ULONG, apply("min", apply("add", first, block_size), row_end)),
        ]

    def _row_end(self) -> Expr:
        end: Expr = self._length(self._loops[0])
        for place in self._loops[1:]:
            end = apply("mul", end, self._length(place))
        return end

    # --- one pass over the rows ------------------------------------------------------------------------

    def _stage(self, stage: int) -> list[Stmt]:
        """What can be computed of a row once the reductions of the stages before are known."""
        reduced = [r for r in self._reduced if r.level == stage]
        whole = [(w.output, w.term) for w in self._writes if w.stage == stage]
        if not reduced and not whole:
            return []
        statements = [statement for one in reduced for statement in start(one)]
        statements.append(self._loop(reduced, whole))
        return statements + self._combined(reduced)

    def _loop(self, reduced: Sequence[Reduced], whole: Sequence[tuple[PlacedOutput, Term]]) -> Stmt:
        name = self.names("k")
        place = Read(name, ULONG)
        body = [*self._coordinates(place), *self._element(reduced, whole, None, place)]
        step: Expr = number(SIMD_WIDTH)
        if self._sharing.meeting is not None:
            step = ulong(_threads(self._sharing.axis))
        return For(name, ULONG, self._first, self._end, step, tuple(body))

    def _coordinates(self, place: Expr) -> list[Stmt]:
        """A place in the row as one along each of its axes, in C order."""
        statements: list[Stmt] = []
        rest = place
        for axis in reversed(self._loops[1:]):
            along, over = self.names(f"r{axis}"), self.names("rest")
            statements.append(Declare(along, ULONG, apply("rem", rest, self._length(axis))))
            statements.append(Declare(over, ULONG, apply("div", rest, self._length(axis))))
            self._places[axis] = Read(along, ULONG)
            rest = Read(over, ULONG)
        self._places[self._loops[0]] = rest
        return statements

    def _combined(self, reduced: Sequence[Reduced]) -> list[Stmt]:
        """The accumulators of all who share the row, known to each of them."""
        if not reduced:
            return []
        statements: list[Stmt] = []
        meeting = self._sharing.meeting
        if not self._columns:
            for one in reduced:
                statements += combined_in_simdgroup(one, self.names, in_all=meeting is None)
        if meeting is not None:
            statements += [*meeting.put(reduced), Barrier(BarrierScope.THREADGROUP)]
            for one in reduced:
                statements += meeting.take(one, self.names)
        return statements

    # --- what is known of a row ------------------------------------------------------------------------

    def states_of(self, reduced: Reduced, lane: Expr | None) -> tuple[Load | Read, ...]:
        return variables(reduced)

    def row_result(self, result: RowResult, lane: Expr | None) -> Expr:
        reduced = next(r for r in self._reduced if r.index == result.node)
        return convert(variables(reduced)[-1], reduced.dtype)


def _within(axis: str) -> Expr:
    return Swizzle(Builtin("thread_position_in_threadgroup", Vector(UINT, 3)), axis, UINT)


def _threads(axis: str) -> Expr:
    return Swizzle(Builtin("threads_per_threadgroup", Vector(UINT, 3)), axis, UINT)
