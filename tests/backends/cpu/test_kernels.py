"""Raw MSL kernels against NumPy: every scalar type, values, structs, constant memory, helper functions."""

from __future__ import annotations

import ctypes
import ctypes.util
import os

import numpy as np
import pytest

from metal_runtime.device.launch_config import LaunchConfig
from metal_runtime.dtype import DType
from metal_runtime.errors import LaunchError
from metal_runtime.msl.clang import host_target
from tests.backends.cpu.device_runs import device, memory_of, pipeline, run

SIZES = [1, 2, 17, 1000, 100003]


def random_array(rng: np.random.Generator, dtype: DType, n: int) -> np.ndarray:
    if dtype is DType.BOOL:
        return rng.integers(0, 2, n).astype(np.bool_)
    if dtype.is_float:
        return rng.uniform(-100, 100, n).astype(dtype.numpy_dtype)
    info = np.iinfo(dtype.numpy_dtype)
    return rng.integers(info.min, info.max, n, dtype=dtype.numpy_dtype, endpoint=True)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("dtype", DType, ids=lambda d: d.metal_name)
def test_select_and_add(dtype: DType, n: int, rng: np.random.Generator) -> None:
    t = dtype.metal_name
    operation = "a[i] != b[i]" if dtype is DType.BOOL else f"{t}(a[i] + b[i])"
    compiled = pipeline(f"""
        kernel void f(device const {t}* a, device const {t}* b, device {t}* out, constant uint& n, constant {t}& s,
                      uint i [[thread_position_in_grid]]) {{
            if (i < n) out[i] = i % 3 == 0 ? s : {operation};
        }}""")
    a, b = random_array(rng, dtype, n), random_array(rng, dtype, n)
    s = random_array(rng, dtype, 1)[0]
    out = np.frombuffer(rng.bytes(n * dtype.itemsize), dtype.numpy_dtype).copy()
    if dtype is DType.BOOL:
        out = a.copy()
    beyond = out[n // 2 :].copy() if n > 3 else out[n:].copy()
    count = n // 2 if n > 3 else n
    run(compiled, (n,), a, b, out, np.uint32(count), s)
    with np.errstate(over="ignore"):
        added = a != b if dtype is DType.BOOL else a + b
    expected = np.where(np.arange(n) % 3 == 0, s, added)[:count]
    np.testing.assert_array_equal(
        out[:count].view(np.uint8), expected.astype(out.dtype).view(np.uint8)
    )
    np.testing.assert_array_equal(out[count:].view(np.uint8), beyond.view(np.uint8))


@pytest.mark.parametrize("n", SIZES)
def test_struct_and_constant_memory(n: int, rng: np.random.Generator) -> None:
    compiled = pipeline("""
        struct Params { float scale; uint n; short2 shift; };
        constant float table[4] = {1.0, 2.5, -3.0, 4.0};
        template <typename T> T twice(T x) { return x + x; }
        float from_table(thread const uint& i) { return table[i & 3]; }
        kernel void f(device const float* a [[buffer(3)]], device float* out [[buffer(1)]],
                      constant Params& p [[buffer(0)]], constant float* weights [[buffer(2)]],
                      uint i [[thread_position_in_grid]]) {
            if (i >= p.n) return;
            out[i] = twice(a[i] * p.scale) + from_table(i) + weights[i % 5] + p.shift.x - p.shift.y;
        }""")
    a = rng.standard_normal(n, np.float32)
    weights = rng.standard_normal(5, np.float32)
    scale = np.float32(rng.standard_normal())
    params = np.array(
        [(scale, n, 3, -4)], np.dtype([("s", "f4"), ("n", "u4"), ("x", "i2"), ("y", "i2")])
    )
    out = np.full(n, np.nan, np.float32)
    run(compiled, (n + 100,), params.tobytes(), out, weights, a)
    i = np.arange(n)
    table = np.array([1.0, 2.5, -3.0, 4.0], np.float32)
    expected = 2 * a.astype(np.float64) * scale + table[i & 3] + weights[i % 5] + 7
    np.testing.assert_allclose(out, expected, rtol=1e-5, atol=1e-5)


def test_values_may_lie_in_buffers_and_arrays_in_bytes(rng: np.random.Generator) -> None:
    compiled = pipeline("""
        kernel void f(constant float4* a, constant long3& v, device long* out, uint i [[thread_position_in_grid]]) {
            out[i] = long(a[i].w) + v.x + v.z;
        }""")
    a = rng.integers(-9, 9, (4, 4)).astype(np.float32)
    v = np.array([1 << 40, 2, 3, 0], np.int64)
    out = np.full(4, -1, np.int64)
    run(compiled, (4,), a.tobytes(), v, out)  # the array as bytes, the value from a buffer
    np.testing.assert_array_equal(out, a[:, 3].astype(np.int64) + (1 << 40) + 3)


def test_offsets_into_a_buffer(rng: np.random.Generator) -> None:
    compiled = pipeline(
        "kernel void f(device int* a, device int* b, uint i [[thread_position_in_grid]]) { b[i] = a[i]; }"
    )
    allocation = device().allocator.allocate(4 * 64)
    memory = memory_of(allocation, (64,), np.int32)
    memory[...] = rng.integers(-99, 99, 64)
    before = memory.copy()
    device().stream.launch(
        compiled, LaunchConfig((7, 1, 1), (4, 1, 1)), [(allocation, 4 * 3), (allocation, 4 * 40)]
    )
    device().stream.synchronize()
    np.testing.assert_array_equal(memory[40:47], before[3:10])
    np.testing.assert_array_equal(
        np.delete(memory, range(40, 47)), np.delete(before, range(40, 47))
    )
    del memory
    device().allocator.free(allocation)


def test_in_place_and_overlapping(rng: np.random.Generator) -> None:
    compiled = pipeline("""
        kernel void f(device const float* a, device float* b, uint i [[thread_position_in_grid]]) { b[i] = a[i] * 2; }""")
    allocation = device().allocator.allocate(4 * 100_000)
    memory = memory_of(allocation, (100_000,), np.float32)
    memory[...] = before = rng.standard_normal(100_000, np.float32)
    device().stream.launch(
        compiled, LaunchConfig((100_000, 1, 1), (256, 1, 1)), [(allocation, 0), (allocation, 0)]
    )
    device().stream.synchronize()
    np.testing.assert_array_equal(memory, before * 2)
    del memory
    device().allocator.free(allocation)


def test_literals_keep_their_type(rng: np.random.Generator) -> None:
    compiled = pipeline("""
        kernel void f(device float* out, device half* h, device bfloat* b) {
            out[0] = 1.0 / 3.0; out[1] = 1e-3; out[2] = .5; out[3] = 0x1.8p1; out[4] = 2.; out[5] = 1 / 2;
            out[6] = sizeof(1.0); out[7] = sizeof(1.0h); out[8] = sizeof(2.5bf); out[9] = sizeof(1.0f + 2);
            h[0] = 0.1h; b[0] = 0.1bf;
        }""")
    out, half = np.full(10, np.nan, np.float32), np.zeros(1, np.float16)
    bfloat = np.zeros(1, DType.BFLOAT16.numpy_dtype)
    run(compiled, (1,), out, half, bfloat)
    third = np.float32(1) / np.float32(3)
    np.testing.assert_array_equal(
        out, np.array([third, 1e-3, 0.5, 3, 2, 0, 4, 2, 2, 4], np.float32)
    )
    assert half[0] == np.float16(0.1)
    assert bfloat[0] == DType.BFLOAT16.numpy_dtype.type(0.1)


def test_preprocessor(rng: np.random.Generator) -> None:
    compiled = pipeline("""
        #define SCALE(x) ((x) * 3)
        #define TIMES 4
        #if __METAL_VERSION__ >= 200
        #define KEEP 1
        #endif
        kernel void f(device int* a, uint i [[thread_position_in_grid]]) {
        #pragma unroll(TIMES)
            for (int k = 0; k < TIMES; ++k)
        #ifdef KEEP
                a[i] = SCALE(a[i]);
        #endif
        #pragma unroll
            for (int k = 0; k < 2; ++k) a[i] += __LINE__ * 0;
        }""")
    a = rng.integers(-9, 9, 1003).astype(np.int32)
    expected = a * 81
    run(compiled, (1003,), a)
    np.testing.assert_array_equal(a, expected)


@pytest.mark.parametrize(
    ("grid", "group"),
    [
        ((0, 1, 1), (1, 1, 1)),
        ((1, 1, 1), (0, 1, 1)),
        ((-1, 1, 1), (1, 1, 1)),
        ((2**32 - 1,) * 3, (1, 1, 1)),
        ((2**32, 1, 1), (1, 1, 1)),
    ],
)
def test_impossible_launch(grid: tuple[int, int, int], group: tuple[int, int, int]) -> None:
    compiled = pipeline(
        "kernel void f(device int* a, uint i [[thread_position_in_grid]]) { a[i] = 0; }"
    )
    with pytest.raises(LaunchError, match="cannot be launched"):
        device().stream.launch(compiled, LaunchConfig(grid, group), [b"\0" * 4])


def test_wrong_number_of_bindings() -> None:
    compiled = pipeline(
        "kernel void f(device int* a, uint i [[thread_position_in_grid]]) { a[i] = 0; }"
    )
    with pytest.raises(LaunchError, match="2 arguments are bound, it has 1"):
        device().stream.launch(compiled, LaunchConfig((1, 1, 1), (1, 1, 1)), [b"\0" * 4, b"\0" * 4])


VECTOR_KERNELS = [
    """kernel void f(device const float* a, device const float* b, device float* c, constant uint& n,
                     uint id [[thread_position_in_grid]]) {
           if (id < n) c[id] = max((a[id] + b[id]) * 2, 0.0);
       }""",
    """float4 mixed(float4 a, float4 b) { return a.wzyx * b + a; }
       kernel void f(device const float4* a, device float4* c, uint3 id [[thread_position_in_grid]],
                     uint3 n [[threads_per_grid]]) {
           uint i = id.y * n.x + id.x;
           c[i] = mixed(a[i], float4(1, 2, 3, 4));
       }""",
    """kernel void f(device const half* a, device half* c, ushort2 t [[thread_position_in_threadgroup]],
                     uint2 id [[thread_position_in_grid]]) {
           c[id.x] = a[id.x] * half(t.x);
       }""",
]


@pytest.mark.parametrize("source", VECTOR_KERNELS)
def test_loop_over_threads_is_vector_code(source: str) -> None:
    compiled = pipeline(source)
    assembly = compiled.texts["asm"]
    wide = ("zmm",) if "avx512f" in host_target().features else ("ymm", ".4s")
    assert any(register in assembly for register in wide)
    assert "static void IRIS_FN f" in compiled.texts["cpp"]
    assert set(compiled.texts) == {"cpp", "asm"}


def test_rounding_is_not_the_calling_threads(rng: np.random.Generator) -> None:
    compiled = pipeline("""kernel void f(device const float* a, device float* c, uint i [[thread_position_in_grid]]) {
        c[i] = a[i] / 3; }""")
    a = rng.standard_normal(1001, np.float32)
    out, expected = np.zeros_like(a), a / np.float32(3)
    libm = ctypes.CDLL(ctypes.util.find_library("m"))
    upward = {"x86_64": 0x800, "aarch64": 0x400000}[os.uname().machine]
    assert libm.fesetround(upward) == 0
    try:
        run(compiled, a.shape, a, out)
        assert libm.fegetround() == upward
    finally:
        libm.fesetround(0)
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize(
    "name", ["iris", "F", "launch", "x", "exp", "add", "vec_", "malloc", "arguments"]
)
def test_kernel_names_that_others_have_too(name: str) -> None:
    compiled = pipeline(
        f"kernel void {name}(device float* a, uint i [[thread_position_in_grid]]) {{ a[i] = exp(0.0); }}",
        name,
    )
    a = np.zeros(5, np.float32)
    run(compiled, (5,), a)
    assert (a == 1).all()


def test_kernels_and_functions_of_every_kind(rng: np.random.Generator) -> None:
    compiled = pipeline("""
        namespace outer { namespace { float hidden(float x) { return x + 1; } } }
        struct Pair {
            float a, b;
            Pair(float a, float b) : a(a), b{b} {}
            Pair operator+(Pair other) const thread { return Pair(a + other.a, b + other.b); }
            operator float() const { return a * b; }
            float operator()(float x) const { return x * a; }
            static Pair of(float x) { return Pair(x, 2); }
        };
        template <typename T> T id(T x) { return x; }
        template <> float id<float>(float x) { return x + 0.5; }
        template <typename T, int N> struct Box { T items[N]; T first() const { return items[0]; } };
        METAL_FUNC float4 later(float4 v);
        kernel void f(device const float* a, device float* out, uint i [[thread_position_in_grid]]) {
            Pair p = Pair::of(a[i]) + Pair(1, 1);
            Box<float, 2> box = {{a[i], 3}};
            auto lambda = [&](float x) { return x + box.first(); };
            out[i] = float(p) + p(1) + id(a[i]) + id(2) + outer::hidden(lambda(1)) + later(float4(a[i])).w;
        }
        METAL_FUNC float4 later(float4 v) { return v * 2; }""")
    a = rng.integers(-9, 9, 1001).astype(np.float32)
    out = np.full_like(a, np.nan)
    run(compiled, a.shape, a, out)
    expected = (a + 1) * 3 + (a + 1) + (a + 0.5) + 2 + (a + 1) + 1 + a * 2
    np.testing.assert_array_equal(out, expected)
