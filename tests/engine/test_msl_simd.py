"""Every simd, quad, atomic and simdgroup_matrix function, through the library, against NumPy."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.engine.launching import BFLOAT, DTYPES, library_of, poisoned, values

LANES = {"simd": 32, "quad": 4}
Rows = Callable[[Any], Any]

# Expression in MSL of `x` (this thread's value) and `lane`; what it gives for rows of the lanes that are there.
REDUCTIONS: dict[str, Rows] = {
    "{}_sum(x)": lambda r: r.sum(keepdims=True, dtype=r.dtype),
    "{}_product(x)": lambda r: r.prod(keepdims=True, dtype=r.dtype),
    "{}_min(x)": lambda r: r.min(keepdims=True),
    "{}_max(x)": lambda r: r.max(keepdims=True),
    "{}_and(x)": lambda r: np.bitwise_and.reduce(r, keepdims=True),
    "{}_or(x)": lambda r: np.bitwise_or.reduce(r, keepdims=True),
    "{}_xor(x)": lambda r: np.bitwise_xor.reduce(r, keepdims=True),
    "{}_prefix_inclusive_sum(x)": lambda r: r.cumsum(dtype=r.dtype),
    "{}_prefix_exclusive_sum(x)": lambda r: shifted(r.cumsum(dtype=r.dtype), 0),
    "{}_prefix_inclusive_product(x)": lambda r: r.cumprod(dtype=r.dtype),
    "{}_prefix_exclusive_product(x)": lambda r: shifted(r.cumprod(dtype=r.dtype), 1),
    "{}_broadcast_first(x)": lambda r: r[:1],
    "{}_broadcast(x, ushort(2))": lambda r: r[2:3],
}

# These move values between lanes; all lanes are there.
MOVES: dict[str, Rows] = {
    "{}_shuffle(x, ushort(lane ^ 3))": lambda r: r[np.arange(r.size) ^ 3],
    "{}_shuffle(x, ushort((lane * 3 + 1) % LANES))": lambda r: r[
        (np.arange(r.size) * 3 + 1) % r.size
    ],
    "{}_shuffle_xor(x, ushort(1))": lambda r: r[np.arange(r.size) ^ 1],
    "{}_shuffle_rotate_up(x, ushort(3))": lambda r: np.roll(r, 3),
    "{}_shuffle_rotate_down(x, ushort(3))": lambda r: np.roll(r, -3),
    "select(x, {}_shuffle_up(x, ushort(2)), lane >= 2)": lambda r: np.concatenate([r[:2], r[:-2]]),
    "select(x, {}_shuffle_down(x, ushort(2)), lane + 2 < LANES)": lambda r: np.concatenate(
        [r[2:], r[-2:]]
    ),
    "{}_shuffle_and_fill_up(x, TYPE(7), ushort(2))": lambda r: np.concatenate(
        [r[:2] * 0 + 7, r[:-2]]
    ),
    "{}_shuffle_and_fill_down(x, TYPE(7), ushort(2))": lambda r: np.concatenate(
        [r[2:], r[:2] * 0 + 7]
    ),
}


def shifted(r: Any, first: int) -> Any:
    return np.concatenate([np.full(1, first, r.dtype), r[:-1]])


BITWISE = ("_and(", "_or(", "_xor(x)")
EXPRESSIONS = [(e, s) for e in [*REDUCTIONS, *MOVES] for s in LANES]


def expressions_of(type_: str) -> list[tuple[str, str]]:
    whole = np.dtype(DTYPES[type_]).kind in "iu"
    return [(e, s) for e, s in EXPRESSIONS if whole or not any(b in e for b in BITWISE)]


def text_of(expression: str, scope: str, type_: str) -> str:
    return expression.format(scope).replace("LANES", f"{LANES[scope]}u").replace("TYPE", type_)


@functools.cache
def lane_library(type_: str, strategy: str | None) -> Any:
    """A kernel `all` of every expression, one after the other, and kernels `f0`, `f1`, ... of one each."""
    lines = ["#include <metal_stdlib>", "using namespace metal;"]
    head = (
        f"(device const {type_}* in [[buffer(0)]], device {type_}* out [[buffer(1)]],"
        " uint gid [[thread_position_in_grid]], uint n [[threads_per_grid]],"
        " uint simd_lane [[thread_index_in_simdgroup]],"
        f" uint quad_lane [[thread_index_in_quadgroup]]) {{ {type_} x = in[gid]; uint lane;"
    )
    everything = f"kernel void all{head} "
    for index, (expression, scope) in enumerate(expressions_of(type_)):
        text = f"lane = {scope}_lane; out[{{}}] = {text_of(expression, scope, type_)};"
        lines.append(f"kernel void f{index}{head} {text.format('gid')} }}")
        everything += text.format(f"{index} * n + gid") + "\n"
    return library_of("\n".join([*lines, everything + "}"]), strategy)


def expected_lanes(expression: str, scope: str, x: Any, group: int) -> Any:
    function = (REDUCTIONS | MOVES)[expression]
    rows = [
        np.broadcast_to(function(row), row.shape)
        for block in x.reshape(-1, group)
        for row in np.split(block, range(LANES[scope], group, LANES[scope]))
    ]
    return np.concatenate(rows)


def small_numbers(rng: np.random.Generator, size: int, dtype: Any) -> Any:
    """Few of them differ from 1, so that sums and products are exact in every type."""
    x = np.ones(size, np.int32)
    x[rng.integers(0, size, size // 8)] = 2
    x[rng.integers(0, size, size // 20)] = 0
    return x.astype(dtype)


LANE_CASES = [
    (type_, strategy)
    for type_ in ("int", "uint", "short", "ushort", "float", "half", "bfloat")
    for strategy in (None, "fibers")
]
QUICK = {("int", None), ("float", "fibers")}
"""Each library takes ten seconds to compile: the rest is for ``make soak``, and below each function of floats stands alone."""


@pytest.mark.parametrize(
    ("type_", "strategy"),
    [case if case in QUICK else pytest.param(*case, marks=pytest.mark.soak) for case in LANE_CASES],
)
def test_simd_and_quad_functions(
    rng: np.random.Generator, type_: str, strategy: str | None
) -> None:
    library, dtype = lane_library(type_, strategy), np.dtype(DTYPES[type_])
    expressions = expressions_of(type_)
    for group in (64, 47):
        x = small_numbers(rng, 3 * group, dtype)
        out = poisoned((len(expressions), x.size), dtype)
        library.all(x, out, threads=(x.size,), threadgroup=(group,))
        for (expression, scope), got in zip(expressions, out, strict=True):
            if group == 47 and expression in MOVES:
                continue  # what comes from a lane that is not there is undefined
            wanted = expected_lanes(expression, scope, x, group)
            np.testing.assert_array_equal(
                got, wanted, f"{expression.format(scope)}, {group} threads"
            )


def test_each_function_in_the_fastest_way(rng: np.random.Generator) -> None:
    """Alone in a kernel, a function may be split into regions."""
    library = lane_library("float", None)
    used = set()
    for index, (expression, scope) in enumerate(expressions_of("float")):
        x = small_numbers(rng, 3 * 64, np.float32)
        out = poisoned(x.size, np.float32)
        kernel = library[f"f{index}"]
        kernel(x, out, threads=(x.size,), threadgroup=(64,))
        used.add(kernel.strategy)
        np.testing.assert_array_equal(out, expected_lanes(expression, scope, x, 64))
    assert "regions" in used


VOTES = """
#include <metal_stdlib>
using namespace metal;
kernel void votes(device const int* x [[buffer(0)]], device ulong* out [[buffer(1)]],
                  uint gid [[thread_position_in_grid]], uint lane [[thread_index_in_simdgroup]]) {
  device ulong* mine = out + 10 * gid;
  const bool odd = x[gid] % 2 != 0;
  mine[0] = ulong(simd_vote::vote_t(simd_ballot(odd)));
  mine[1] = simd_all(odd);
  mine[2] = simd_any(odd);
  mine[3] = simd_is_first();
  mine[4] = ulong(simd_vote::vote_t(simd_active_threads_mask()));
  mine[5] = ulong(quad_vote::vote_t(quad_ballot(odd)));
  mine[6] = quad_all(odd);
  mine[7] = quad_any(odd);
  mine[8] = quad_is_first();
  mine[9] = ulong(quad_vote::vote_t(quad_active_threads_mask()));
}
"""


@pytest.mark.parametrize("strategy", [None, "fibers"])
@pytest.mark.parametrize("group", [32, 64, 45])
def test_votes(rng: np.random.Generator, strategy: str | None, group: int) -> None:
    for probability in (0.0, 0.5, 0.95, 1.0):
        x = (rng.random(2 * group) < probability).astype(np.int32)
        out = poisoned((x.size, 10), np.uint64)
        library_of(VOTES, strategy).votes(x, out, threads=(x.size,), threadgroup=(group,))
        odd = x.reshape(-1, group)
        for column, lanes in ((0, 32), (5, 4)):
            for at in range(x.size):
                block, index = divmod(at, group)
                row = odd[block, index // lanes * lanes :][:lanes]
                bits = sum(1 << i for i, bit in enumerate(row) if bit)
                first = 1 if index % lanes == 0 else 0
                expected = [bits, row.all(), row.any(), first, (1 << row.size) - 1]
                assert out[at, column : column + 5].tolist() == expected


# --- atomics ---------------------------------------------------------------------------------------

FETCHES: dict[str, Callable[..., Any]] = {
    "add": lambda start, x: start + x.sum(dtype=x.dtype),
    "sub": lambda start, x: start - x.sum(dtype=x.dtype),
    "min": lambda start, x: min(start, x.min()),
    "max": lambda start, x: max(start, x.max()),
    "and": lambda start, x: start & np.bitwise_and.reduce(x),
    "or": lambda start, x: start | np.bitwise_or.reduce(x),
    "xor": lambda start, x: start ^ np.bitwise_xor.reduce(x),
}


@functools.cache
def atomic_library(type_: str, strategy: str | None) -> Any:
    lines = ["#include <metal_stdlib>", "using namespace metal;"]
    operations = ["add", "sub"] if type_ == "float" else list(FETCHES)
    for name in operations:
        lines.append(f"""
kernel void fetch_{name}(device const {type_}* x [[buffer(0)]], device atomic<{type_}>* out [[buffer(1)]],
    device {type_}* ends [[buffer(2)]], uint gid [[thread_position_in_grid]],
    uint tid [[thread_position_in_threadgroup]], uint group [[threadgroup_position_in_grid]]) {{
  threadgroup atomic<{type_}> local;
  if (tid == 0) atomic_store_explicit(&local, {type_}(3), memory_order_relaxed);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  atomic_fetch_{name}_explicit(&local, x[gid], memory_order_relaxed);
  atomic_fetch_{name}_explicit(out, x[gid], memory_order_relaxed);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  if (tid == 0) ends[group] = atomic_load_explicit(&local, memory_order_relaxed);
}}""")
    lines.append(f"""
kernel void exchanged(device atomic<{type_}>* lock [[buffer(0)]], device {type_}* got [[buffer(1)]],
    uint gid [[thread_position_in_grid]]) {{
  got[gid] = atomic_exchange_explicit(lock, {type_}(gid + 1), memory_order_relaxed);
}}
kernel void counted(device atomic<{type_}>* count [[buffer(0)]], device {type_}* got [[buffer(1)]],
    uint gid [[thread_position_in_grid]]) {{
  {type_} before = atomic_load_explicit(count, memory_order_relaxed);
  while (!atomic_compare_exchange_weak_explicit(count, &before, before + {type_}(2),
                                                memory_order_relaxed, memory_order_relaxed)) {{}}
  got[gid] = before;
}}""")
    return library_of("\n".join(lines), strategy)


@pytest.mark.parametrize("strategy", [None, "fibers"])
@pytest.mark.parametrize("type_", ["int", "uint", "float"])
def test_atomics(rng: np.random.Generator, type_: str, strategy: str | None) -> None:
    library, dtype = atomic_library(type_, strategy), np.dtype(DTYPES[type_])
    group, groups = 45, 7
    x = values(rng, group * groups, np.int32, 0, 1000).astype(dtype)
    for name, function in FETCHES.items():
        if type_ == "float" and name not in ("add", "sub"):
            continue
        out, ends = np.array([5], dtype), poisoned(groups, dtype)
        library[f"fetch_{name}"](x, out, ends, threads=(x.size,), threadgroup=(group,))
        with np.errstate(over="ignore"):
            assert out[0] == function(dtype.type(5), x), name
            for block, end in zip(x.reshape(groups, group), ends, strict=True):
                assert end == function(dtype.type(3), block), name
    lock, got = np.zeros(1, dtype), poisoned(x.size, dtype)
    library.exchanged(lock, got, threads=(x.size,), threadgroup=(group,))
    assert sorted([*got.tolist(), lock[0]]) == list(range(x.size + 1))
    count, got = np.zeros(1, dtype), poisoned(x.size, dtype)
    library.counted(count, got, threads=(x.size,), threadgroup=(group,))
    assert sorted(got.tolist()) == list(range(0, 2 * x.size, 2))
    assert count[0] == 2 * x.size


WIDE_ATOMICS = """
#include <metal_stdlib>
using namespace metal;
kernel void most(device const ulong* x [[buffer(0)]], device atomic_ulong* low [[buffer(1)]],
                 device atomic_ulong* high [[buffer(2)]], uint gid [[thread_position_in_grid]]) {
  atomic_min_explicit(low, x[gid], memory_order_relaxed);
  atomic_max_explicit(high, x[gid], memory_order_relaxed);
}
kernel void flags(device const uint* x [[buffer(0)]], device atomic_bool* flags [[buffer(1)]],
                  uint gid [[thread_position_in_grid]]) {
  atomic_store_explicit(flags + x[gid], true, memory_order_relaxed);
}
kernel void published(device atomic_int* flag [[buffer(0)]], device int* data [[buffer(1)]],
                      device int* seen [[buffer(2)]], uint gid [[thread_position_in_grid]]) {
  data[gid] = int(gid) + 1;
  atomic_thread_fence(mem_flags::mem_device, memory_order_seq_cst, thread_scope_device);
  atomic_fetch_add_explicit(flag, 1, memory_order_relaxed);
  seen[gid] = data[gid];
}
"""


def test_wide_atomics_flags_and_fences(rng: np.random.Generator) -> None:
    library = library_of(WIDE_ATOMICS)
    x = rng.integers(0, 2**64, 999, dtype=np.uint64)
    low, high = np.full(1, 2**64 - 1, np.uint64), np.zeros(1, np.uint64)
    library.most(x, low, high, threads=(x.size,), threadgroup=(64,))
    assert (low[0], high[0]) == (x.min(), x.max())
    chosen = rng.integers(0, 100, 50).astype(np.uint32)
    flags = np.zeros(100, bool)
    library["flags"](chosen, flags, threads=(50,), threadgroup=(64,))
    np.testing.assert_array_equal(flags, np.isin(np.arange(100), chosen))
    flag, data, seen = np.zeros(1, np.int32), poisoned(999, np.int32), poisoned(999, np.int32)
    library.published(flag, data, seen, threads=(999,), threadgroup=(64,))
    assert flag[0] == 999
    np.testing.assert_array_equal(seen, np.arange(1, 1000))


# --- simdgroup_matrix ------------------------------------------------------------------------------


@functools.cache
def matrix_library(type_: str, strategy: str | None) -> Any:
    matrix = f"simdgroup_matrix<{type_}, 8, 8>"
    arguments = (
        f"device const {type_}* x [[buffer(0)]], device {type_}* out [[buffer(1)]],"
        " uint lane [[thread_index_in_simdgroup]]"
    )
    return library_of(
        f"""
#include <metal_stdlib>
using namespace metal;
kernel void plain({arguments}) {{
  {matrix} m;
  simdgroup_load(m, x, 8);
  simdgroup_store(m, out, 8);
}}
kernel void strided({arguments}) {{
  {matrix} m;
  simdgroup_load(m, x, 20, ulong2(3, 2));  // column 3, row 2
  simdgroup_store(m, out, 10, ulong2(1, 4));
}}
kernel void transposed({arguments}) {{
  {matrix} m;
  simdgroup_load(m, x, 8, ulong2(0), true);
  simdgroup_store(m, out, 8);
  simdgroup_store(m, out + 64, 8, ulong2(0), true);
}}
kernel void made({arguments}) {{
  simdgroup_store(make_filled_simdgroup_matrix<{type_}, 8, 8>({type_}(3)), out, 8);
  simdgroup_store({matrix}({type_}(2)), out + 64, 8);
}}
kernel void products({arguments}) {{
  {matrix} a, b, c, d, e;
  simdgroup_load(a, x, 8);
  simdgroup_load(b, x + 64, 8);
  simdgroup_load(c, x + 128, 8);
  simdgroup_multiply(d, a, b);
  simdgroup_multiply_accumulate(e, a, b, c);
  simdgroup_store(d, out, 8);
  simdgroup_store(e, out + 64, 8);
  simdgroup_store(a * b, out + 128, 8);
}}
kernel void elements({arguments}) {{
  {matrix} m;
  simdgroup_load(m, x, 8);
  m.thread_elements()[0] += {type_}(1);
  m.thread_elements()[1] *= {type_}(2);
  out[2 * lane] = m.thread_elements()[0];
  out[2 * lane + 1] = m.thread_elements()[1];
  simdgroup_store(m, out + 64, 8);
}}
kernel void in_threadgroup({arguments}) {{
  threadgroup {type_} tile[64];
  tile[lane] = x[lane];
  tile[lane + 32] = x[lane + 32];
  simdgroup_barrier(mem_flags::mem_threadgroup);
  {matrix} m;
  simdgroup_load(m, tile, 8);
  simdgroup_store(m * m, tile, 8);
  simdgroup_barrier(mem_flags::mem_threadgroup);
  out[lane] = tile[lane];
  out[lane + 32] = tile[lane + 32];
}}
""",
        strategy,
    )


@pytest.mark.parametrize("strategy", [None, "fibers"])
@pytest.mark.parametrize("type_", ["float", "half", "bfloat"])
def test_simdgroup_matrix(rng: np.random.Generator, type_: str, strategy: str | None) -> None:
    library, dtype = matrix_library(type_, strategy), DTYPES[type_]
    x = rng.integers(-3, 4, 400).astype(dtype)  # products and sums are exact

    def run(kernel: str, size: int) -> Any:
        out = poisoned(size, dtype)
        library[kernel](x, out, threads=(32,), threadgroup=(32,))
        return out.astype(np.float64)

    wide = x.astype(np.float64)
    a, b, c = (wide[64 * i : 64 * i + 64].reshape(8, 8) for i in range(3))
    np.testing.assert_array_equal(run("plain", 64), wide[:64])
    strided = run("strided", 130).reshape(13, 10)
    np.testing.assert_array_equal(strided[4:12, 1:9], wide.reshape(20, 20)[2:10, 3:11])
    assert np.isnan(strided).sum() == 130 - 64, "no element beside the matrix is written"
    transposed = run("transposed", 128).reshape(2, 8, 8)
    np.testing.assert_array_equal(transposed, [a.T, a])
    made = run("made", 128).reshape(2, 8, 8)
    np.testing.assert_array_equal(made, [np.full((8, 8), 3.0), 2 * np.eye(8)])
    products = run("products", 192).reshape(3, 8, 8)
    np.testing.assert_array_equal(products, [a @ b, a @ b + c, a @ b])
    elements = run("elements", 128)
    assert sorted(elements[:64]) == sorted(elements[64:])
    np.testing.assert_array_equal(run("in_threadgroup", 64).reshape(8, 8), a @ a)


def test_bfloat_lanes_keep_their_bits(rng: np.random.Generator) -> None:
    library, expressions = lane_library("bfloat", None), expressions_of("bfloat")
    x = rng.integers(0, 0x7F80, 64).astype(np.uint16).view(BFLOAT)
    out = poisoned(64, BFLOAT)
    index = expressions.index(("{}_shuffle_xor(x, ushort(1))", "simd"))
    library[f"f{index}"](x, out, threads=(64,), threadgroup=(32,))
    np.testing.assert_array_equal(out.view(np.uint16), x.view(np.uint16)[np.arange(64) ^ 1])
