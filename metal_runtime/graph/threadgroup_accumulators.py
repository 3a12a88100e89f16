"""A reduction of threads that share a row in, the statements that start and combine their accumulators out.

Each thread holds its own in variables. The lanes of a simdgroup are combined by simdgroup functions, and what is
combined further meets in threadgroup memory, where every thread adds it up alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from metal_runtime.dtype import DType
from metal_runtime.graph.accumulators import Reduced, stored
from metal_runtime.graph.kernel_text import Namer
from metal_runtime.ir.builtins import SIMD_WIDTH
from metal_runtime.ir.collectives import COLLECTIVES, LANE
from metal_runtime.ir.nodes import (
    Array,
    Assign,
    Bitcast,
    Builtin,
    Cast,
    Collective,
    Constant,
    Declare,
    Expr,
    For,
    If,
    Load,
    Read,
    Stmt,
)
from metal_runtime.msl_types import AddressSpace, Pointer, ValueType, Vector
from metal_runtime.ops.expressions import apply
from metal_runtime.ops.kernels import UINT

LANE_INDEX = Builtin("thread_index_in_simdgroup", UINT)


def variables(reduced: Reduced) -> tuple[Read, ...]:
    """The thread's own accumulators, and after they were combined those of all."""
    names = [reduced.result]
    if len(reduced.states) > 1:
        names = [f"{reduced.result}_value", f"{reduced.result}_place"]
    return tuple(Read(name, dtype) for name, dtype in zip(names, reduced.states, strict=True))


def start(reduced: Reduced) -> list[Stmt]:
    """The accumulators become the identity."""
    identity = reduced.reduction.identity(reduced.states)
    pairs = zip(variables(reduced), reduced.states, identity, strict=True)
    return [Declare(own.name, dtype, value) for own, dtype, value in pairs]


def combined_in_simdgroup(reduced: Reduced, names: Namer, in_all: bool) -> list[Stmt]:
    """The accumulators of all lanes, in the first one, or ``in_all``: by one function where MSL has it, else pair by pair."""
    own = variables(reduced)
    collective = reduced.reduction.collective
    if collective and len(own) == 1 and reduced.states[0].bits <= 32:
        whole = Collective(COLLECTIVES[collective], own, reduced.states[0])
        return [Assign(own[0], whole)]
    step = names("step")
    distance = Read(names("distance"), LANE)
    half = apply("shr", Constant(SIMD_WIDTH // 2, UINT), Read(step, UINT))
    body: list[Stmt] = [Declare(distance.name, LANE, Cast(half, LANE))]
    others = []
    for value in own:
        other = Read(names(f"{value.name}_other"), value.type)
        body.append(Declare(other.name, value.type, _moved("simd_shuffle_down", value, distance)))
        others.append(other)
    merged = reduced.reduction.merge(own, tuple(others))
    body += stored(reduced, names, own, merged)
    steps = Constant(SIMD_WIDTH.bit_length() - 1, UINT)
    pairs = For(step, UINT, Constant(0, UINT), steps, Constant(1, UINT), tuple(body))
    if not in_all:
        return [pairs]
    first = Constant(0, LANE)
    return [pairs, *(Assign(value, _moved("simd_broadcast", value, first)) for value in own)]


def _moved(function: str, value: Read, lane: Expr) -> Expr:
    """The value of another lane; those that MSL moves no number of travel as numbers of as many bits."""
    dtype = value.type
    assert isinstance(dtype, DType)
    carrier: ValueType = dtype
    if dtype.bits == 64:
        carrier = Vector(UINT, 2)
    if dtype is DType.BOOL:
        return apply("ne", _carried(function, Cast(value, UINT), lane), Constant(0, UINT))
    if carrier == dtype:
        return _carried(function, value, lane)
    return Bitcast(_carried(function, Bitcast(value, carrier), lane), dtype)


def _carried(function: str, value: Expr, lane: Expr) -> Expr:
    operation = COLLECTIVES[function]
    args = (value, lane)
    return Collective(operation, args, operation.result_type([value.type, LANE]))  # type: ignore[list-item]


@dataclass(frozen=True, slots=True)
class Meeting:
    """Where threads put what they have come to: ``entries`` for each reduction, of which a thread reads every ``stride``-th."""

    entries: int
    own: Expr
    """The entry that the thread writes, if ``writes``."""

    writes: Expr | None
    first: Expr
    """The first entry that concerns the thread's row."""

    stride: int
    count: Expr
    """How many concern it."""

    def arrays(self, reduced: Sequence[Reduced]) -> tuple[Array, ...]:
        """The threadgroup memory."""
        return tuple(
            Array(_shared(own), Pointer(AddressSpace.THREADGROUP, dtype), (self.entries,))
            for one in reduced
            for own, dtype in zip(variables(one), one.states, strict=True)
        )

    def put(self, reduced: Sequence[Reduced]) -> list[Stmt]:
        """Accumulators into the memory; a barrier follows."""
        writes = tuple(
            Assign(Load(_shared(own), self.own, own.type), own)  # type: ignore[arg-type]
            for one in reduced
            for own in variables(one)
        )
        return list(writes) if self.writes is None else [If(self.writes, writes)]

    def take(self, reduced: Reduced, names: Namer) -> list[Stmt]:
        """What all have put there, one after the other."""
        own = variables(reduced)
        name = names("part")
        place = apply(
            "add", self.first, apply("mul", Read(name, UINT), Constant(self.stride, UINT))
        )
        if self.stride == 1:
            place = apply("add", self.first, Read(name, UINT))
        if isinstance(self.first, Constant):
            place = place.args[1]  # type: ignore[assignment]
        others = tuple(
            Load(_shared(v), place, dtype) for v, dtype in zip(own, reduced.states, strict=True)
        )
        body = stored(reduced, names, own, reduced.reduction.merge(own, others))
        one = Constant(1, UINT)
        return [
            *(
                Assign(v, Load(_shared(v), self.first, d))
                for v, d in zip(own, reduced.states, strict=True)
            ),
            For(name, UINT, one, self.count, one, tuple(body)),
        ]


def _shared(own: Read) -> str:
    return f"{own.name}_parts"
