"""simd_*, quad_*, simdgroup_matrix and atomics on fibers, against NumPy."""

from __future__ import annotations

from collections.abc import Callable

import ml_dtypes
import numpy as np
import pytest

from tests.backends.fiber_programs import FiberProgram

TYPES = {"float": np.float32, "int": np.int32, "uint": np.uint32, "half": np.float16,
         "ushort": np.uint16, "char": np.int8, "bfloat": ml_dtypes.bfloat16}  # fmt: skip
REDUCTIONS: dict[str, Callable[[np.ndarray], object]] = {
    "sum": np.sum, "product": np.prod, "min": np.min, "max": np.max,
    "and": np.bitwise_and.reduce, "or": np.bitwise_or.reduce, "xor": np.bitwise_xor.reduce,
}  # fmt: skip
SHIFTS = ("shuffle_up", "shuffle_down", "shuffle_rotate_up", "shuffle_rotate_down", "shuffle_xor",
          "shuffle", "broadcast")  # fmt: skip


def group_program() -> str:
    lines = []
    for group in ("simd", "quad"):
        for operation in ("sum", "product", "min", "max"):
            for type_ in TYPES:
                lines.append(
                    f"THREAD({group}_{operation}_{type_}_of) {{ BUFFER({type_}, x, 0); BUFFER({type_}, out, 1);"
                    f" out[t] = {group}_{operation}(x[t]); }}"
                )
        for operation in ("and", "or", "xor"):
            lines.append(
                f"THREAD({group}_{operation}_uint_of) {{ BUFFER(uint, x, 0); BUFFER(uint, out, 1);"
                f" out[t] = {group}_{operation}(x[t]); }}"
            )
        for operation in (
            "inclusive_sum",
            "exclusive_sum",
            "inclusive_product",
            "exclusive_product",
        ):
            lines.append(
                f"THREAD({group}_prefix_{operation}_of) {{ BUFFER(int, x, 0); BUFFER(int, out, 1);"
                f" out[t] = {group}_prefix_{operation}(x[t]); }}"
            )
        for shift in SHIFTS:
            lines.append(
                f"THREAD({group}_{shift}_of) {{ BUFFER(float4, x, 0); BUFFER(float4, out, 1); BUFFER(ushort, by, 2);"
                f" out[t] = {group}_{shift}(x[t], *by); }}"
            )
        for direction in ("up", "down"):
            lines.append(
                f"THREAD({group}_fill_{direction}) {{ BUFFER(int, x, 0); BUFFER(int, f, 1); BUFFER(int, out, 2);"
                f" BUFFER(ushort, by, 3); out[t] = {group}_shuffle_and_fill_{direction}(x[t], f[t], by[0], by[1]); }}"
            )
        lines.append(
            f"THREAD({group}_votes) {{ BUFFER(bool, x, 0); BUFFER(ulong, out, 1);"
            f" out[4 * t] = ulong({group}_vote::vote_t({group}_ballot(x[t]))); out[4 * t + 1] = {group}_all(x[t]);"
            f" out[4 * t + 2] = {group}_any(x[t]); out[4 * t + 3] = {group}_is_first(); }}"
        )
    return "\n".join(lines)


DIVERGENT = """
// Only odd lanes sum; those that skip or leave early take no part.
THREAD(odd_sum) {
  BUFFER(int, x, 0); BUFFER(int, out, 1);
  out[t] = x[t];
  if (t % 2) out[t] = simd_sum(x[t]);
  if (t % 32 == 7) return;
  out[t] += simd_sum(1) * 1000;
}
// Each lane runs its own number of rounds.
THREAD(own_rounds) {
  BUFFER(uint, rounds, 0); BUFFER(uint, out, 1);
  uint total = 0;
  for (uint i = 0; i < rounds[t]; i++) total += simd_sum(1u);
  out[t] = total;
}
// A long chain of meetings: values of one must not reach another.
THREAD(chain) {
  BUFFER(uint, out, 0);
  uint value = t;
  for (int i = 0; i < 100; i++) {
    value = simd_shuffle_xor(value, ushort(1 << i % 5)) + 1;
    if (i % 10 == 9) threadgroup_barrier(mem_flags::mem_threadgroup);
    value = simd_broadcast_first(value) * 0 + simd_max(value) * 0 + value;
  }
  out[t] = value;
}
"""

MATRIX = """
template <typename T>
static void product(Buffers* buffers, bool transpose) {
  BUFFER(T, a, 0); BUFFER(T, b, 1); BUFFER(float, c, 2); BUFFER(float, out, 3);
  simdgroup_matrix<T, 8, 8> ma, mb;
  simdgroup_float8x8 mc, md = make_filled_simdgroup_matrix<float, 8, 8>(7.0f);
  simdgroup_load(ma, a, 16, ulong2(3, 2));
  simdgroup_load(mb, b, 16, ulong2(0), transpose);
  simdgroup_load(mc, c);
  simdgroup_multiply_accumulate(md, ma, mb, mc);
  simdgroup_store(md, out, 12, ulong2(1, 2), transpose);
}
THREAD(product_float) { product<float>(buffers, t > 1000000); }
THREAD(product_half) { product<half>(buffers, false); }
THREAD(product_bfloat) { product<bfloat>(buffers, false); }
THREAD(product_transposed) { product<float>(buffers, true); }
THREAD(diagonal) {
  BUFFER(float, out, 0);
  simdgroup_float8x8 d(3.0f);
  simdgroup_store(d, out);
  out[64 + t * 2] = make_filled_simdgroup_matrix<half>(half(2.0f)).thread_elements().x;
  out[64 + t * 2 + 1] = (d * d).thread_elements().y;
}
"""

ATOMICS = """
template <typename T>
static void update(Buffers* buffers, uint t) {
  BUFFER(atomic<T>, out, 0); BUFFER(T, x, 1);
  atomic_fetch_add_explicit(out, x[t], memory_order_relaxed);
  atomic_fetch_sub_explicit(out + 1, x[t], memory_order_relaxed);
  T seen = atomic_load_explicit(out + 2, memory_order_relaxed);
  while (!atomic_compare_exchange_weak_explicit(out + 2, &seen, T(seen + x[t]), memory_order_relaxed,
                                                memory_order_relaxed)) {}
  if constexpr (__is_integral(T)) {
    atomic_fetch_max_explicit(out + 3, x[t], memory_order_relaxed);
    atomic_fetch_min_explicit(out + 4, x[t], memory_order_relaxed);
    atomic_fetch_xor_explicit(out + 5, x[t], memory_order_relaxed);
    atomic_fetch_or_explicit(out + 6, x[t], memory_order_relaxed);
    atomic_fetch_and_explicit(out + 7, x[t], memory_order_relaxed);
  }
}
THREAD(update_int) { update<int>(buffers, t); }
THREAD(update_uint) { update<uint>(buffers, t); }
THREAD(update_ulong) { update<ulong>(buffers, t); }
THREAD(update_float) { update<float>(buffers, t); }
THREAD(update_bool) {
  BUFFER(atomic_bool, flag, 0); BUFFER(uint, out, 1);
  out[t] = atomic_exchange_explicit(flag, true, memory_order_relaxed);
  atomic_thread_fence(mem_flags::mem_device, memory_order_seq_cst, thread_scope_device);
}
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> FiberProgram:
    text = group_program() + DIVERGENT + MATRIX + ATOMICS
    return FiberProgram(text, tmp_path_factory.mktemp("simdgroup"))


def groups(values: np.ndarray, group: str) -> list[np.ndarray]:
    size = 32 if group == "simd" else 4
    return [values[i : i + size] for i in range(0, len(values), size)]


def spread(
    parts: list[np.ndarray], reduce: Callable[[np.ndarray], object], dtype: object
) -> np.ndarray:
    return np.concatenate([np.full(len(part), reduce(part), dtype) for part in parts])  # type: ignore[call-overload]


@pytest.mark.parametrize("group", ["simd", "quad"])
@pytest.mark.parametrize("operation", ["sum", "product", "min", "max"])
@pytest.mark.parametrize("type_", TYPES)
def test_reductions(program: FiberProgram, group: str, operation: str, type_: str) -> None:
    dtype = np.dtype(TYPES[type_])
    for threads in (32, 96, 45, 3):
        # Small whole numbers: exact in every type, so the order of the operations does not matter.
        x = np.random.default_rng().integers(1, 3 if operation == "product" else 4, threads)
        x = np.where(np.random.default_rng().random(threads) < 0.8, 1, x).astype(dtype)
        if operation == "product" and type_ in ("char", "bfloat"):
            x = np.where(np.arange(threads) % 8 == 1, 2, 1).astype(dtype)
        out = np.full(threads, 111, dtype)
        program.run(f"{group}_{operation}_{type_}_of", threads, x, out)
        reduce = {"sum": np.sum, "product": np.prod, "min": np.min, "max": np.max}[operation]
        wide = x.astype(np.float64 if dtype.kind in "fV" else np.int64)
        np.testing.assert_array_equal(
            out, spread(groups(wide, group), reduce, np.float64).astype(dtype)
        )


@pytest.mark.parametrize("group", ["simd", "quad"])
@pytest.mark.parametrize("operation", ["and", "or", "xor"])
def test_bitwise_reductions(program: FiberProgram, group: str, operation: str) -> None:
    x = np.random.default_rng().integers(0, 2**32, 77, dtype=np.uint32)
    out = np.zeros(77, np.uint32)
    program.run(f"{group}_{operation}_uint_of", 77, x, out)
    np.testing.assert_array_equal(out, spread(groups(x, group), REDUCTIONS[operation], np.uint32))


@pytest.mark.parametrize("group", ["simd", "quad"])
@pytest.mark.parametrize("threads", [64, 41])
def test_prefixes(program: FiberProgram, group: str, threads: int) -> None:
    x = np.random.default_rng().integers(-3, 4, threads).astype(np.int32)
    for name, ufunc, start in (("sum", np.add, 0), ("product", np.multiply, 1)):
        for inclusive in (True, False):
            out = np.full(threads, 99, np.int32)
            kind = "inclusive" if inclusive else "exclusive"
            program.run(f"{group}_prefix_{kind}_{name}_of", threads, x, out)
            running = [ufunc.accumulate(part, dtype=np.int32) for part in groups(x, group)]
            if not inclusive:
                running = [np.concatenate([[start], part[:-1]]) for part in running]
            np.testing.assert_array_equal(out, np.concatenate(running))


@pytest.mark.parametrize("group", ["simd", "quad"])
@pytest.mark.parametrize("shift", SHIFTS)
def test_shuffles(program: FiberProgram, group: str, shift: str) -> None:
    size = 32 if group == "simd" else 4
    x = np.random.default_rng().random((96, 4), np.float32)
    for by in range(size):
        out = np.full_like(x, np.nan)
        program.run(f"{group}_{shift}_of", 96, x, out, np.array([by], np.uint16))
        lane = np.arange(96) % size
        source = {
            "shuffle_up": np.where(lane >= by, lane - by, lane),
            "shuffle_down": np.where(lane + by < size, lane + by, lane),
            "shuffle_rotate_up": (lane - by) % size,
            "shuffle_rotate_down": (lane + by) % size,
            "shuffle_xor": lane ^ by,
        }.get(shift, np.full(96, by))
        np.testing.assert_array_equal(out, x[np.arange(96) - lane + source])


@pytest.mark.parametrize(("group", "modulo"), [("simd", 32), ("simd", 8), ("quad", 4), ("quad", 2)])
def test_shuffle_and_fill(program: FiberProgram, group: str, modulo: int) -> None:
    x = np.arange(64, dtype=np.int32)
    filling = np.arange(1000, 1064, dtype=np.int32)
    for by in range(1, modulo):
        for direction in ("up", "down"):
            out = np.zeros(64, np.int32)
            program.run(
                f"{group}_fill_{direction}", 64, x, filling, out, np.array([by, modulo], np.uint16)
            )
            parts = zip(x.reshape(-1, modulo), filling.reshape(-1, modulo), strict=True)
            expected = [
                np.concatenate([f[-by:], v[:-by]] if direction == "up" else [v[by:], f[:by]])
                for v, f in parts
            ]
            np.testing.assert_array_equal(out, np.concatenate(expected))


@pytest.mark.parametrize("group", ["simd", "quad"])
def test_votes(program: FiberProgram, group: str) -> None:
    for threads, chance in ((64, 0.5), (41, 0.9), (32, 1.0), (32, 0.0)):
        x = np.random.default_rng().random(threads) < chance
        out = np.full((threads, 4), 77, np.uint64)
        program.run(f"{group}_votes", threads, x, out)
        rows = []
        for part in groups(x, group):
            mask = sum(int(bit) << lane for lane, bit in enumerate(part))
            rows += [(mask, part.all(), part.any(), lane == 0) for lane in range(len(part))]
        np.testing.assert_array_equal(out, np.array(rows, np.uint64))


def test_lanes_that_take_no_part(program: FiberProgram) -> None:
    x = np.random.default_rng().integers(0, 100, 64).astype(np.int32)
    out = np.zeros(64, np.int32)
    program.run("odd_sum", 64, x, out)
    for begin in (0, 32):
        odd = x[begin + 1 : begin + 32 : 2].sum()
        for lane in range(32):
            expected = odd if lane % 2 else x[begin + lane]
            assert out[begin + lane] == expected + (0 if lane == 7 else 31000)


def test_lanes_with_rounds_of_their_own(program: FiberProgram) -> None:
    rounds = np.random.default_rng().integers(0, 20, 32).astype(np.uint32)
    out = np.zeros(32, np.uint32)
    program.run("own_rounds", 32, rounds, out)
    expected = [sum(int((rounds > i).sum()) for i in range(n)) for n in rounds]
    np.testing.assert_array_equal(out, expected)


def test_a_chain_of_meetings(program: FiberProgram) -> None:
    out = np.zeros(128, np.uint32)
    program.run("chain", 128, out)
    value = np.arange(128)
    for i in range(100):
        value = value[np.arange(128) ^ (1 << i % 5)] + 1
    np.testing.assert_array_equal(out, value)


@pytest.mark.parametrize("case", ["float", "half", "bfloat", "transposed"])
def test_matrix_products(program: FiberProgram, case: str) -> None:
    rng = np.random.default_rng()
    dtype = TYPES.get(case, np.float32)
    a, b = (rng.integers(-4, 5, (16, 16)).astype(dtype) for _ in range(2))
    c = rng.integers(-9, 9, (8, 8)).astype(np.float32)
    out = np.full((12, 12), 55, np.float32)
    program.run(f"product_{case}", 32, a, b, c, out)
    transposed = case == "transposed"
    right = b[:8, :8].T if transposed else b[:8, :8]
    product = a[2:10, 3:11].astype(np.float32) @ right.astype(np.float32) + c
    expected = np.full((12, 12), 55, np.float32)
    expected[2:10, 1:9] = product.T if transposed else product
    np.testing.assert_array_equal(out, expected)


def test_filled_and_diagonal_matrices(program: FiberProgram) -> None:
    out = np.full(128, np.nan, np.float32)
    program.run("diagonal", 32, out)
    np.testing.assert_array_equal(out[:64].reshape(8, 8), np.eye(8) * 3)
    elements = out[64:].reshape(32, 2)
    assert (elements[:, 0] == 2).all()
    lane = np.arange(32)
    row, column = lane // 16 * 4 + lane // 2 % 4, lane // 8 % 2 * 4 + lane % 2 * 2
    np.testing.assert_array_equal(elements[:, 1], np.where(row == column + 1, 9, 0))


@pytest.mark.parametrize("type_", ["int", "uint", "ulong", "float"])
def test_atomics(program: FiberProgram, type_: str) -> None:
    dtype = np.dtype({"ulong": np.uint64, **TYPES}[type_])
    x = np.random.default_rng().integers(0, 1000, 100).astype(dtype)
    out = np.array([5, 500000, 7, 3, 999, 0xF0, 0x100, 0xFF], dtype)
    start = out.copy()
    program.run(f"update_{type_}", 100, out, x)
    assert (out[0], out[1], out[2]) == (start[0] + x.sum(), start[1] - x.sum(), start[2] + x.sum())
    if type_ != "float":
        expected = [max(3, x.max()), min(999, x.min()), *(
            f.reduce([*x, s]) for f, s in zip((np.bitwise_xor, np.bitwise_or, np.bitwise_and), start[5:], strict=True)
        )]  # fmt: skip
        np.testing.assert_array_equal(out[3:], np.array(expected, dtype))


def test_an_exchanged_flag_is_taken_once(program: FiberProgram) -> None:
    out = np.full(70, 9, np.uint32)
    program.run("update_bool", 70, np.zeros(1, bool), out)
    assert sorted(out) == [0] + [1] * 69
