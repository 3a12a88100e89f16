"""What kernels may say of threadgroups: how it is translated, and what it means in the interpreter."""

import numpy as np
import pytest

from metal_runtime import metal
from metal_runtime.ir.interpret import interpret
from metal_runtime.ir.nodes import Barrier, MatrixLoad, MemoryFlag
from metal_runtime.ir.printer import print_kernel
from metal_runtime.ir.walk import walk
from metal_runtime.msl_types import Pointer, Vector, parse_type
from tests.frontend.both_ways import run, translated

ROWS, SHAPE, EXTENT = 3, (2, 3), np.int32(5)


def shapes(out: "device int*"):
    a = metal.threadgroup_array(metal.float, 4)
    b = metal.threadgroup_array(float, (ROWS, ROWS + 1))
    c = metal.threadgroup_array(metal.half4, SHAPE)
    d = metal.threadgroup_array(dtype=metal.atomic_uint, shape=2**3)
    e = metal.threadgroup_array(metal.atomic_int, EXTENT)
    f = metal.thread_array(np.uint8, (1, 2, 3))
    a[0] = b[1, 2] = 1.0
    c[1][0].x = 2.0
    d[0] = 1
    e[0] = 2
    f[0, 1][2] = 3
    out[0] = int(a[0]) + int(b[1][2]) + int(c[1, 0].x) + int(d[0]) + e[0] + f[0][1, 2]


def test_shapes():
    kernel = translated(shapes)
    assert [a.shape for a in kernel.arrays] == [(4,), (3, 4), (2, 3), (8,), (5,), (1, 2, 3)]
    assert kernel.arrays[2].pointer.element == Vector(metal.half.msl_type, 4)
    assert [a.pointer.atomic for a in kernel.arrays] == [False] * 3 + [True] * 2 + [False]
    out = np.zeros(1, np.int32)
    run(shapes, 1, out=out)
    assert out[0] == 1 + 1 + 2 + 1 + 2 + 3


def loaded_before(out: "device uint*"):
    out[1] = out[0] + metal.atomic_fetch_add(out, 0, 5)
    out[2] = metal.atomic_fetch_add(out[0], 1) * 100 + out[0]
    out[metal.atomic_fetch_add(out, 0, 1)] += 7


def test_operands_are_evaluated_from_left_to_right():
    out = np.array([1, 0, 0, 0, 0, 0, 0, 10, 0], np.uint32)
    run(loaded_before, 1, out=out)
    assert out.tolist() == [8, 2, 607, 0, 0, 0, 0, 17, 0]


def atomics(counts: "device atomic_int*", out: "device int*"):
    i = metal.thread_id()
    counts[0] = 5
    out[i] = counts[0] + metal.atomic_load(counts[0])
    metal.atomic_store(counts, 1, 7)
    before = metal.atomic_exchange(counts, 1, 9)
    metal.atomic_fetch_max(counts[2], int(i))
    out[i] += before


def test_elements_of_atomic_buffers():
    counts, out = np.zeros(3, np.int32), np.zeros(4, np.int32)
    run(atomics, 4, counts=counts, out=out)
    assert counts.tolist() == [5, 9, 3]
    assert out.tolist() == [17, 19, 19, 19]  # the interpreter goes lane by lane


def swap(tile: "threadgroup float*", t: "uint"):
    value = tile[1 - t]
    metal.threadgroup_barrier()
    tile[t] = value


def corner(tile, own):
    own[0] += 1
    return tile[1, 2] * own[0]


def passes_arrays(out: "device float*"):
    line = metal.threadgroup_array(metal.float, 2)
    tile = metal.threadgroup_array(metal.float, (2, 3))
    own = metal.thread_array(metal.int, 1)
    t = metal.thread_index_in_threadgroup
    line[t] = float(t)
    tile[t, 2] = 3.0 + t
    metal.threadgroup_barrier()
    swap(line, t)
    out[t] = line[t]
    out[2 + t] = corner(tile, own) + corner(tile, own)


def test_arrays_are_passed_to_functions():
    out = np.zeros(4, np.float32)
    run(passes_arrays, 2, out=out)
    assert out.tolist() == [1, 0, 12, 12]
    types = [p.type for f in translated(passes_arrays).functions for p in f.params]
    assert any(isinstance(t, Pointer) and t.inner == (3,) for t in types)


def flags(out: "device float*"):
    metal.threadgroup_barrier()
    metal.threadgroup_barrier(metal.mem_flags.mem_none)
    metal.threadgroup_barrier(metal.mem_flags.mem_device | metal.mem_flags.mem_threadgroup)
    metal.simdgroup_barrier(flags=metal.mem_flags.mem_device)
    out[0] = 1.0


def test_memory_flags():
    found = [n.memory for n in walk(*translated(flags).body) if isinstance(n, Barrier)]
    none, device, group = MemoryFlag.NONE, MemoryFlag.DEVICE, MemoryFlag.THREADGROUP
    assert found == [(group,), (none,), (device, group), (device,)]


def matrices(x: "device const half*", out: "device float*"):
    tile = metal.threadgroup_array(metal.half, (8, 9))
    for e in range(metal.thread_index_in_simdgroup, 64, 32):
        tile[e // 8, e % 8] = x[e]
    metal.simdgroup_barrier()
    a = metal.simdgroup_load(tile[0, 0], 9)
    b = metal.simdgroup_load(x[0], 8, True)
    c = metal.make_filled_simdgroup_matrix(metal.float, 1.0)
    d: metal.simdgroup_float8x8 = metal.simdgroup_multiply_accumulate(a, b, c)
    c = d
    metal.simdgroup_store(c, out)
    metal.simdgroup_store(c, out[64], 8, transpose=True)
    metal.simdgroup_store(metal.simdgroup_half8x8(2.0), tile[0, 0], 9)
    metal.simdgroup_barrier()
    out[128 + metal.thread_id()] = tile[1, 1] + tile[1, 2]


def test_matrices():
    x = np.random.default_rng().integers(-9, 9, 64).astype(np.float16)
    out = np.full(160, np.nan, np.float32)
    interpret(translated(matrices), (32, 1, 1), {"x": x, "out": out})
    square = x.reshape(8, 8).astype(np.float32)
    product = square @ square.T + 1
    np.testing.assert_array_equal(out[:64].reshape(8, 8), product)
    np.testing.assert_array_equal(out[64:128].reshape(8, 8), product.T)
    assert (out[128:] == 2).all()
    loads = [n for n in walk(*translated(matrices).body) if isinstance(n, MatrixLoad)]
    assert [n.transpose for n in loads] == [False, True]


def lanes(x: "device const short*", out: "device int*", n: "uint"):
    i = metal.thread_id()
    out[i] = metal.simd_shuffle_xor(x[i], 1) + int(metal.simd_ballot(i < n) >> 30)
    if metal.simd_any(x[i] > 90):
        out[i] += 1000
    out[i] += metal.quad_sum(metal.int2(1, 0)).x


def test_functions_of_lanes():
    x, out = np.arange(64, dtype=np.int16), np.zeros(64, np.int32)
    x[40] = 95
    run(lanes, 64, x=x, out=out, n=31)
    expected = x.astype(np.int32).reshape(-1, 2)[:, ::-1].ravel() + 4
    expected[:32] += 1
    expected[32:] += 1000
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize(
    ("text", "element"),
    [("device atomic_uint*", "uint"), ("device atomic<float>*", "float"), ("device const atomic_int*", "int")],
)  # fmt: skip
def test_types_of_atomics(text, element):
    pointer = parse_type(text)
    assert pointer.atomic
    assert pointer.element is getattr(metal, element).msl_type
    assert "atomic_" + element in str(pointer)


def test_printed():
    text = print_kernel(translated(shapes))
    assert "b: threadgroup float[3][4]" in text
    assert "d: threadgroup atomic_uint[8]" in text
    assert "f[0, 1, 2] = " in text
