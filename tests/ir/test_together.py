"""What threads do together, in the IR: its invariants, its effects, and its meaning in the interpreter."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from metal_runtime.dtype import DType
from metal_runtime.errors import InternalError, KernelFault
from metal_runtime.ir.atomics import AtomicOperation
from metal_runtime.ir.builtins import BUILTINS
from metal_runtime.ir.collectives import COLLECTIVES
from metal_runtime.ir.effects import Effects
from metal_runtime.ir.interpret import interpret
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
    Fence,
    Function,
    If,
    Kernel,
    Load,
    MatrixFill,
    MatrixLoad,
    MatrixStore,
    MemoryFlag,
    MultiplyAccumulate,
    Param,
    Read,
    Return,
    Subscripts,
)
from metal_runtime.ir.printer import print_kernel
from metal_runtime.ir.verify import verify
from metal_runtime.msl_types import VOID, AddressSpace, Matrix, Pointer, Vector
from tests.hand_made_kernels import BOOL, FLOAT, INT, UINT, ap, device, f, i, thread, u

GROUP = AddressSpace.THREADGROUP
BARRIER = Barrier(BarrierScope.THREADGROUP)
TILE = Array("tile", Pointer(GROUP, FLOAT, inner=(5,)), (4, 5))
ROW = Array("row", Pointer(GROUP, UINT), (8,))
M = Matrix(FLOAT)
ZEROS = MatrixFill(f(0), True, M)
T = Builtin("thread_index_in_threadgroup", UINT)
X, OUT = Load("x", u(0), FLOAT), Load("out", thread(), UINT)


def kernel(*body, arrays=(TILE, ROW), functions=()):
    params = (Param("x", device(FLOAT)), Param("out", device(UINT)), Param("n", UINT))
    return Kernel("k", params, body, functions, arrays)


def simd(name, *args):
    operation = COLLECTIVES[name]
    return Collective(operation, args, operation.result_type([a.type for a in args]))


def add(place, value, operation=AtomicOperation.ADD):
    return Atomic(operation, place, (value,), place.type)


ELEMENT = Load("tile", Subscripts((u(1), T)), FLOAT)
HOLDS = [
    (Assign(ELEMENT, simd("simd_sum", X)), BARRIER, Assign(X, ELEMENT)),
    (Evaluate(add(Load("row", u(0), UINT), u(1))),),
    (Barrier(BarrierScope.SIMDGROUP, (MemoryFlag.DEVICE, MemoryFlag.THREADGROUP)),),
    (MatrixStore(MultiplyAccumulate(ZEROS, ZEROS, ZEROS, M), X, u(8), False),),
    (Declare("m", M, MatrixLoad(X, u(8), True, M)), MatrixStore(Read("m", M), X, u(8), False)),
]


@pytest.mark.parametrize("body", HOLDS, ids=str)
def test_holds(body):
    verify(kernel(*body))
    print_kernel(kernel(*body))


ROW0 = Load("row", u(0), UINT)
BROKEN = {
    "the array has 2 dimensions": Assign(Load("tile", u(0), FLOAT), f(1)),
    "the array has 1 dimensions": Assign(X, Load("x", Subscripts((u(0), u(1))), FLOAT)),
    "a subscript is no integer": Assign(X, Load("tile", Subscripts((u(0), f(1))), FLOAT)),
    "simd_sum takes numbers": Assign(OUT, Collective(COLLECTIVES["simd_sum"], (ap("lt", u(1), u(2)),), UINT)),
    "simd_or takes integers": Assign(X, Collective(COLLECTIVES["simd_or"], (X,), FLOAT)),
    "simd_shuffle takes a lane": Assign(X, Collective(COLLECTIVES["simd_shuffle"], (X, u(1)), FLOAT)),
    "simd_sum gives float": Assign(OUT, Collective(COLLECTIVES["simd_sum"], (X,), UINT)),
    "no operands of the element's type": Evaluate(add(ROW0, i(1))),
    "Metal has no atomic_fetch_max": Evaluate(add(X, f(1), AtomicOperation.MAX)),
    "has another type": Evaluate(Atomic(AtomicOperation.STORE, ROW0, (u(1),), UINT)),
    "names a kind of memory twice": Barrier(BarrierScope.THREADGROUP, (MemoryFlag.DEVICE,) * 2),
    "names no memory": Fence(()),
    "Metal has no atomic_max": Evaluate(Atomic(AtomicOperation.MAX_ALONE, ROW0, (u(1),), VOID)),
    "no matrix of the memory's type": MatrixStore(ZEROS, ROW0, u(8), False),
    "no memory of the matrix's type": Declare("m", M, MatrixLoad(OUT, u(8), False, M)),
    "the stride is no integer": MatrixStore(ZEROS, X, f(8), False),
    "no value of the matrix's type": Declare("m", M, MatrixFill(u(0), True, M)),
    "the factors are no matrices": Declare("m", M, MultiplyAccumulate(ZEROS, X, ZEROS, M)),
}  # fmt: skip


@pytest.mark.parametrize("rule", BROKEN)
def test_broken(rule):
    with pytest.raises(InternalError, match=rule):
        verify(kernel(BROKEN[rule]))


@pytest.mark.parametrize(
    ("array", "rule"),
    [
        (dataclasses.replace(TILE, shape=(4, 6)), "no extents"),
        (dataclasses.replace(ROW, shape=(0,)), "no extents"),
        (dataclasses.replace(ROW, name="x"), "taken"),
        (Array("own", Pointer(AddressSpace.DEVICE, FLOAT), (4,)), "no memory of this function"),
    ],
)
def test_wrong_arrays(array, rule):
    with pytest.raises(InternalError, match=rule):
        verify(kernel(arrays=(array,)))


def test_a_function_has_no_threadgroup_memory():
    function = Function("g", (), VOID, (), (ROW,))
    with pytest.raises(InternalError, match="no memory of this function"):
        verify(kernel(functions=(function,)))


def test_atomics_are_not_stored_to_as_others_are():
    array = Array("counts", Pointer(GROUP, UINT, atomic=True), (4,))
    with pytest.raises(InternalError, match="without an atomic function"):
        verify(kernel(Assign(Load("counts", u(0), UINT), u(1)), arrays=(array,)))


# --- effects -------------------------------------------------------------------------------------


def test_effects():
    waits = Function("waits", (), INT, (BARRIER, Return(i(1))))
    sums = Function("sums", (), INT, (Return(simd("simd_sum", i(1))),))
    effects = Effects(kernel(functions=(waits, sums)))
    call_waits, call_sums = Call("waits", (), INT), Call("sums", (), INT)
    total = simd("simd_sum", i(1))
    assert effects.is_pure(total)
    assert effects.is_pure(call_sums)
    assert not effects.is_pure(call_waits)
    assert effects.meets(total)
    assert effects.meets(call_sums)
    assert effects.meets(call_waits)
    assert effects.changes_memory(BARRIER)
    assert effects.changes_memory(Evaluate(call_waits))
    assert not effects.stores(BARRIER)
    assert effects.stores(Evaluate(add(ROW0, u(1)))) == {"row"}
    load = Atomic(AtomicOperation.LOAD, ROW0, (), UINT)
    assert not effects.stores(Declare("v", UINT, load))
    assert effects.is_pure(load)
    assert effects.meets(load)
    assert effects.stores(MatrixStore(ZEROS, X, u(8), False)) == {"x"}


# --- meaning -------------------------------------------------------------------------------------


def run(body, threads, threadgroup, arrays=(TILE, ROW), n=0):
    out = np.zeros(threads, np.uint32)
    x = np.arange(256, dtype=np.float32)
    interpret(
        kernel(*body, arrays=arrays), (threads, 1, 1), {"x": x, "out": out, "n": n}, threadgroup
    )
    return out


def test_threadgroups_have_memory_of_their_own():
    array = (Array("row", Pointer(GROUP, UINT), (4,)),)
    body = (
        Assign(Load("row", T, UINT), thread()),
        BARRIER,
        Assign(OUT, Load("row", ap("sub", u(3), T), UINT)),
    )
    assert run(body, 8, (4, 1, 1), array).tolist() == [3, 2, 1, 0, 7, 6, 5, 4]


def test_memory_is_not_zero_at_first():
    out = run((Assign(OUT, Load("row", T, UINT)),), 8, (8, 1, 1))
    assert (out == 0xA5A5A5A5).all()


def test_index_out_of_a_dimension():
    body = (Assign(X, Load("tile", Subscripts((u(0), u(5))), FLOAT)),)
    with pytest.raises(KernelFault, match="index 5 is out of range for 5"):
        run(body, 1, (1, 1, 1))


@pytest.mark.parametrize(
    "body",
    [
        (If(ap("lt", T, u(3)), (BARRIER,)),),
        (If(ap("lt", T, u(3)), (Return(),)), BARRIER),
    ],
)
def test_divergent_barrier(body):
    with pytest.raises(KernelFault, match=r"threadgroup_barrier: [35] of 8 threads"):
        run(body, 16, (8, 1, 1))


def test_threadgroups_differ_in_their_barriers():
    group = ap("div", thread(), u(8))
    run((If(ap("eq", group, u(1)), (BARRIER,)), Assign(OUT, u(1))), 20, (8, 1, 1))


def test_simdgroup_barrier_is_of_one_simdgroup():
    barrier = Barrier(BarrierScope.SIMDGROUP)
    simd_id = Builtin("simdgroup_index_in_threadgroup", UINT)
    run((If(ap("eq", simd_id, u(1)), (barrier,)),), 64, (64, 1, 1))
    with pytest.raises(KernelFault, match="simdgroup_barrier"):
        run((If(ap("lt", T, u(40)), (barrier,)),), 64, (64, 1, 1))


def test_indices():
    names = [n for n in BUILTINS if "simd" in n or "quad" in n]
    position = np.arange(100)
    local = position % 70
    threads = np.where(position < 70, 70, 30)
    expected = {
        "thread_index_in_simdgroup": local % 32,
        "simdgroup_index_in_threadgroup": local // 32,
        "threads_per_simdgroup": np.full(100, 32),
        "simdgroups_per_threadgroup": -(-threads // 32),
        "dispatch_simdgroups_per_threadgroup": np.full(100, 3),
        "thread_index_in_quadgroup": local % 4,
        "quadgroup_index_in_threadgroup": local // 4,
        "quadgroups_per_threadgroup": -(-threads // 4),
    }
    assert set(names) == set(expected)
    for name in names:
        out = run((Assign(OUT, Builtin(name, UINT)),), 100, (70, 1, 1))
        np.testing.assert_array_equal(out, expected[name], name)


@pytest.mark.parametrize("width", [32, 4])
def test_every_function_of_lanes(width):
    group = {32: "simd", 4: "quad"}[width]
    rng = np.random.default_rng()
    values = rng.integers(0, 5, (3, width)).astype(np.int32)
    active = rng.random((3, width)) < 0.7
    active[:, 1] = True
    by = rng.integers(0, width, (3, width)).astype(np.uint16)
    for row in range(3):
        lanes = [lane for lane in range(width) if active[row, lane]]
        v = values[row].tolist()

        def taken(lane, wanted, v=v, lanes=lanes):
            return v[wanted] if wanted in lanes else v[lane]

        for lane in lanes:
            upto = [v[k] for k in lanes if k <= lane]
            d = int(by[row, lane])
            expected = {
                "sum": sum(v[k] for k in lanes), "min": min(v[k] for k in lanes),
                "max": max(v[k] for k in lanes),
                "product": int(np.prod([v[k] for k in lanes], dtype=np.int32)),
                "and": int(np.bitwise_and.reduce([v[k] for k in lanes])),
                "or": int(np.bitwise_or.reduce([v[k] for k in lanes])),
                "xor": int(np.bitwise_xor.reduce([v[k] for k in lanes])),
                "prefix_inclusive_sum": sum(upto), "prefix_exclusive_sum": sum(upto) - v[lane],
                "prefix_inclusive_product": int(np.prod(upto, dtype=np.int32)),
                "prefix_exclusive_product": int(np.prod(upto[:-1], dtype=np.int32)),
                "broadcast_first": v[lanes[0]],
            }  # fmt: skip
            shuffled = {
                "shuffle": taken(lane, d), "broadcast": taken(lane, d),
                "shuffle_up": taken(lane, lane - d), "shuffle_down": taken(lane, lane + d),
                "shuffle_xor": taken(lane, lane ^ d),
                "shuffle_rotate_up": taken(lane, (lane - d) % width),
                "shuffle_rotate_down": taken(lane, (lane + d) % width),
            }  # fmt: skip
            for name, value in expected.items():
                got = COLLECTIVES[f"{group}_{name}"].numpy(values, active)
                assert got[row, lane] == value, name
            for name, value in shuffled.items():
                got = COLLECTIVES[f"{group}_{name}"].numpy(values, active, by)
                assert got[row, lane] == value, name
            odd = values % 2 == 1
            votes = {
                "all": all(v[k] % 2 for k in lanes), "any": any(v[k] % 2 for k in lanes),
                "ballot": sum(1 << k for k in lanes if v[k] % 2),
            }  # fmt: skip
            for name, value in votes.items():
                got = COLLECTIVES[f"{group}_{name}"].numpy(odd, active)
                assert got[row, lane] == value, name
            assert COLLECTIVES[f"{group}_is_first"].numpy(active)[row, lane] == (lane == lanes[0])
            mask = COLLECTIVES[f"{group}_active_threads_mask"].numpy(active)
            assert mask[row, lane] == sum(1 << k for k in lanes)


def test_no_launch_passes_a_matrix():
    for type_ in (M, Pointer(AddressSpace.THREAD, FLOAT)):
        with pytest.raises(InternalError, match="no parameter of a kernel"):
            verify(Kernel("k", (Param("m", type_),), ()))


def test_atomics_go_lane_by_lane():
    place = Load("out", u(0), UINT)
    before = add(place, thread())
    body = (Declare("b", UINT, before), Evaluate(add(Load("out", u(1), UINT), Read("b", UINT))))
    out = run(body, 4, (4, 1, 1))
    assert out[0] == 0 + 1 + 2 + 3
    assert out[1] == 0 + 0 + 1 + 3


@pytest.mark.parametrize("threads", [31, 33])
def test_a_matrix_needs_whole_simdgroups(threads):
    body = (MatrixStore(ZEROS, X, u(8), False),)
    with pytest.raises(KernelFault, match="simdgroups of 32 threads"):
        run(body, threads, (threads, 1, 1))
    some = (If(ap("lt", T, u(9)), body),)
    with pytest.raises(KernelFault, match="simdgroup matrix"):
        run(some, 32, (32, 1, 1))


def test_types_in_words():
    assert str(Pointer(GROUP, UINT, atomic=True)) == "threadgroup atomic_uint*"
    assert str(TILE.pointer) == "threadgroup float (*)[5]"
    assert TILE.pointer.declare("tile") == "threadgroup float (*tile)[5]"
    assert str(Matrix(DType.BFLOAT16)) == "simdgroup_bfloat8x8"
    assert simd("simd_ballot", ap("lt", u(1), u(2))).type is DType.UINT64
    assert simd("quad_max", Read("v", Vector(FLOAT, 3))).type == Vector(FLOAT, 3)
    assert simd("simd_is_first").type is BOOL
