"""No pass moves memory across a barrier, nor changes which threads come to what they do together."""

from __future__ import annotations

from metal_runtime.ir.atomics import AtomicOperation
from metal_runtime.ir.collectives import COLLECTIVES
from metal_runtime.ir.nodes import (
    Array,
    Assign,
    Atomic,
    Barrier,
    BarrierScope,
    Builtin,
    Call,
    Collective,
    Declare,
    Evaluate,
    For,
    Function,
    If,
    Kernel,
    Load,
    Param,
    Read,
    Select,
    While,
)
from metal_runtime.ir.walk import walk
from metal_runtime.msl_types import VOID, AddressSpace, Pointer
from metal_runtime.passes.pipeline import optimize
from tests.hand_made_kernels import FLOAT, UINT, ap, device, f, thread, u

BARRIER = Barrier(BarrierScope.THREADGROUP)
ROW = Array("row", Pointer(AddressSpace.THREADGROUP, FLOAT), (8,))
T = Builtin("thread_index_in_threadgroup", UINT)
ELEMENT, OUT, X = Load("row", T, FLOAT), Load("out", thread(), FLOAT), Load("x", u(0), FLOAT)
TOTAL = Collective(COLLECTIVES["simd_sum"], (X,), FLOAT)


def optimized(*body, functions=()):
    params = (
        Param("x", device(FLOAT, const=True)),
        Param("out", device(FLOAT)),
        Param("n", UINT),
        Param("c", device(UINT)),
    )
    return optimize(Kernel("k", params, body, functions, (ROW,)))


def count(kernel, kind):
    return sum(isinstance(n, kind) for n in walk(*kernel.body))


def loop(*body):
    return For("k", UINT, u(0), u(4), u(1), body)


def more(value):
    return Assign(OUT, ap("add", OUT, value))


def test_loads_stay_on_their_side_of_a_barrier():
    kernel = optimized(Assign(OUT, ELEMENT), BARRIER, more(ELEMENT))
    assert [type(s) for s in kernel.body] == [Assign, Barrier, Assign]
    assert kernel.body[2].value.args[1] == ELEMENT


def test_loads_are_not_moved_out_of_a_loop_with_a_barrier():
    kernel = optimized(loop(BARRIER, more(X)))
    assert isinstance(kernel.body[0], For)
    kernel = optimized(Declare("s", FLOAT, f(0)), loop(Assign(Read("s", FLOAT), ap("add", Read("s", FLOAT), X)), BARRIER), Assign(OUT, Read("s", FLOAT)))  # fmt: skip
    assert not any(isinstance(s, Declare) and s.value == X for s in kernel.body)


def test_a_barrier_in_a_function_counts():
    waits = Function("waits", (), VOID, (BARRIER,))
    call = Evaluate(Call("waits", (), VOID))
    kernel = optimized(Assign(OUT, ELEMENT), call, more(ELEMENT), functions=(waits,))
    assert [type(s) for s in kernel.body] == [Assign, Evaluate, Assign]


def test_functions_of_lanes_are_neither_shared_nor_moved():
    kernel = optimized(Assign(OUT, TOTAL), If(ap("lt", T, u(3)), (more(TOTAL),)))
    assert count(kernel, Collective) == 2
    kernel = optimized(loop(more(TOTAL)))
    assert isinstance(kernel.body[0], For)


def test_alike_in_both_branches_is_not_the_same():
    kernel = optimized(Assign(OUT, Select(ap("lt", T, u(3)), TOTAL, TOTAL, FLOAT)))
    assert count(kernel, Select) == 1


def test_unused_sums_go_and_unused_atomics_stay():
    place = Load("c", u(0), UINT)
    kernel = optimized(
        Declare("a", FLOAT, TOTAL), Declare("b", UINT, Atomic(AtomicOperation.ADD, place, (u(1),), UINT))
    )  # fmt: skip
    assert count(kernel, Collective) == 0
    assert count(kernel, Atomic) == 1


def test_atomic_loads_are_repeated():
    ready = Atomic(AtomicOperation.LOAD, Load("c", u(0), UINT), (), UINT)
    kernel = optimized(While(ap("eq", ready, u(0)), (more(f(1)),)))
    (spin,) = kernel.body
    assert isinstance(spin, While)
    assert count(kernel, Atomic) == 1


def test_unused_memory_goes():
    assert optimized(Assign(OUT, f(1))).arrays == ()
    assert optimized(Assign(ELEMENT, f(1))).arrays == (ROW,)
