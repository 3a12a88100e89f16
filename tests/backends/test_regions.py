"""Kernels split at their meetings give what fibers give, for every size of the threadgroup."""

from __future__ import annotations

import re

import numpy as np
import pytest

from metal_runtime.msl.declarations import DeclarationScanner
from metal_runtime.msl.regions import RegionSplitter, Unsplittable
from metal_runtime.msl.statements import StatementParser
from metal_runtime.msl.tokens import tokenize
from tests.backends.fiber_programs import FiberProgram

# Every kernel has these parameters: threadgroup memory, buffers, and positions.
PARAMETERS = "int* shared, const int* x, int* out, uint n, uint tid, uint lane, uint simdgroup"
UNIFORM, VARYING = ["n"], ["shared", "x", "out", "tid", "lane", "simdgroup"]
BINDINGS = "const uint tid = __index, lane = __index % 32, simdgroup = __index / 32; "

KERNELS = {
    "tree": """
        shared[tid] = x[tid];
        threadgroup_barrier(mem_flags::mem_threadgroup);
        for (uint s = 512; s > 0; s >>= 1) {
          if (tid < s && tid + s < n) shared[tid] += shared[tid + s];
          threadgroup_barrier(mem_flags::mem_threadgroup);
        }
        out[tid] = shared[0];""",
    "constant": """
        uint width = n;
        const uint half_of_it = width / 2;
        shared[tid] = x[tid];
        threadgroup_barrier(mem_flags::mem_threadgroup);
        out[tid] = shared[(tid + half_of_it) % n];""",
    "crossing": """
        int value = x[tid] * 3, again = 0;
        const int kept = value + 1;
        int history[3] = {value, kept};
        shared[tid] = value;
        threadgroup_barrier(mem_flags::mem_threadgroup);
        history[2] = shared[(tid + 1) % n];
        int other;
        other = history[0] + history[2];
        simdgroup_barrier(mem_flags::mem_none);
        out[tid] = other * 2 + kept;""",
    "positions": """
        uint here = tid;
        uint kept = tid * 2;
        uint beside = tid % 7;
        uint stepped = tid;
        uint referred = tid;
        int first = *x;
        shared[tid] = x[here];
        threadgroup_barrier(mem_flags::mem_threadgroup);
        stepped += 3;
        uint& other = referred;
        other += 5;
        threadgroup_barrier(mem_flags::mem_threadgroup);
        out[tid] = int(kept + beside + stepped + referred) + shared[(tid + 1) % n] + first;""",
    "scan": """
        shared[tid] = x[tid];
        threadgroup_barrier(mem_flags::mem_threadgroup);
        for (uint distance = 1; distance < n; distance *= 2) {
          int sum = shared[tid];
          if (tid >= distance) sum += shared[tid - distance];
          threadgroup_barrier(mem_flags::mem_threadgroup);
          shared[tid] = sum;
          threadgroup_barrier(mem_flags::mem_threadgroup);
        }
        out[tid] = shared[tid];""",
    "simd": """
        int total = simd_sum(x[tid] + int(lane));
        int most = 2 * simd_max(total + x[tid]) + 1;
        if (lane == 0) shared[simdgroup] = total;
        threadgroup_barrier(mem_flags::mem_threadgroup);
        int all = 0;
        for (uint i = 0; i < (n + 31) / 32; i++) { if (i == 40) break; all += shared[i]; }
        out[tid] = all - most;""",
    "lanes": """
        int value = x[tid];
        int simd_lid = int(lane);
        if (simd_lid < 3 && n > 2) value += 5;
        int moved = simd_shuffle_down(value, 3) - 2 * simd_shuffle_up(value + 1, ushort(lane % 5));
        moved += metal::simd_shuffle_xor(simd_shuffle(value, ushort(value % 40)), 9);
        int filled = simd_shuffle_and_fill_up(value, -int(tid), 2, 8) + quad_shuffle_and_fill_down(value, 7, 1);
        int turned = simd_shuffle_rotate_up(value, 5) ^ quad_shuffle_rotate_down(value, 3);
        int sums = simd_prefix_exclusive_sum(value) + 3 * simd_prefix_inclusive_sum(int(simd_broadcast(value, 4)));
        int votes = int(ulong(simd_ballot(value > 500)) % 1000ul) + int(simd_all(value)) + int(quad_any(value > 900));
        int firsts = simd_broadcast_first(value) + (simd_is_first() ? 100 : 0) + quad_max(simd_sum(value));
        int active = int(ulong(simd_active_threads_mask()) % 999ul) + int(simd_is_first());
        out[tid] = moved + filled + turned + sums + votes + firsts + active;""",
    "parameters": """
        x += tid;
        tid = (tid + 1) % n;
        shared[tid] = *x;
        threadgroup_barrier(mem_flags::mem_threadgroup);
        x -= lane;
        uint beside = tid;
        tid ^= 1;
        simdgroup_barrier(mem_flags::mem_none);
        out[beside] = x[0] + shared[tid < n ? tid : 0] * 3;""",
    "branches": """
        int value = x[tid];
        uint rounds = n / 2;
        rounds += 1;
        if (rounds > 20) {
          shared[tid] = value;
          threadgroup_barrier(mem_flags::mem_threadgroup);
          value += shared[n - 1 - tid];
          threadgroup_barrier(mem_flags::mem_threadgroup);
        } else if (n > 7)
          value = simd_min(value);
        while (rounds > 3) {
          int before = value;
          shared[tid] = before;
          threadgroup_barrier(mem_flags::mem_threadgroup);
          if (tid > 0) { value = before + shared[tid - 1] % 5; }
          rounds /= 4;
          threadgroup_barrier(mem_flags::mem_threadgroup);
        }
        out[tid] = value;""",
    "jumps": """
        if (n > 900) { return; }
        int value = x[tid];
        for (int i = 0; i < 3; i++) value += i;
        for (int i = 0; i < 9; i++) {
          if (n < 20 && i == 2) continue;
          if (i > 4) break;
          shared[tid] = value;
          threadgroup_barrier(mem_flags::mem_threadgroup);
          for (uint i = tid; i < n; i += 100) value ^= shared[i];
          threadgroup_barrier(mem_flags::mem_threadgroup);
        }
        out[tid] = value;""",
    "local_memory": """
        int table[4] = {1, 2, 3, 4};
        table[x[tid] & 3] = int(tid);
        table[(x[tid] >> 2) & 3] += 5;
        int taken = table[(x[tid] >> 4) & 3];
        threadgroup_barrier(mem_flags::mem_none);
        out[tid] = taken;""",
}


def split(body: str, meeting_calls: frozenset[str] = frozenset()) -> str:
    """The body as loops over the threads."""
    source = f"void f() {{{body}\n}}"
    tokens = tokenize(source)
    function = DeclarationScanner(tokens).functions[0]
    statements = StatementParser(tokens).parse(function.body)
    splitter = RegionSplitter(
        tokens,
        UNIFORM,
        VARYING,
        BINDINGS,
        meeting_calls,
        pointers=frozenset(["shared", "x", "out"]),
    )
    edits = splitter.split(statements)
    pieces, position = [], tokens[function.body.start].start
    for i in function.body:
        pieces += [source[position : tokens[i].start], edits.before.get(i, "")]
        pieces += [edits.instead.get(i, tokens[i].text), edits.after.get(i, "")]
        position = tokens[i].end
    return "".join(pieces)


def program_text() -> str:
    lines = [
        '#include "detail/regions.h"',
        "static char rows[1 << 20] __attribute__((aligned(64)));",
    ]
    for name, body in KERNELS.items():
        lines.append(
            f"static void {name}_regions(int* shared, const int* x, int* out, uint n, __regions::group& __group)"
            f" {{ uint tid = 0, lane = 0, simdgroup = 0; {split(body)} }}\n"
            # One fiber that runs all threads of a group of a given shape.
            f"THREAD({name}_by_regions) {{ BUFFER(int, shared, 0); BUFFER(int, x, 1); BUFFER(int, out, 2);"
            f" BUFFER(uint, size, 3); uint n = size[0] * size[1] * size[2];"
            f" __regions::group g{{{{size[0], size[1], size[2]}}, n, {{0, 0, 0}}, rows, rows + sizeof rows}};"
            f" {name}_regions(shared, x, out, n, g); }}\n"
            f"static void {name}_thread({PARAMETERS}) {{ {body} }}\n"
            f"THREAD({name}_by_fibers) {{ BUFFER(int, shared, 0); BUFFER(int, x, 1); BUFFER(int, out, 2);"
            f" BUFFER(uint, size, 3);"
            f" {name}_thread(shared, x, out, size[0] * size[1] * size[2], t, t % 32, t / 32); }}"
        )
    return "\n".join(lines)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> FiberProgram:
    return FiberProgram(program_text(), tmp_path_factory.mktemp("regions"))


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize(
    "size", [(1, 1, 1), (7, 1, 1), (32, 1, 1), (16, 3, 1), (5, 3, 7), (256, 1, 1), (1000, 1, 1)]
)
def test_both_ways_agree(program: FiberProgram, name: str, size: tuple[int, int, int]) -> None:
    threads = int(np.prod(size))
    x = np.random.default_rng().integers(0, 1000, threads).astype(np.int32)
    shape = np.array(size, np.uint32)
    results = []
    for way, count in (("regions", 1), ("fibers", threads)):
        out, shared = np.full(threads, -77, np.int32), np.full(1024, -99, np.int32)
        program.run(f"{name}_by_{way}", count, shared, x, out, shape)
        results.append(out)
    np.testing.assert_array_equal(results[0], results[1])
    if name == "tree":
        assert (results[0] == x.sum()).all()
    if name == "scan":
        np.testing.assert_array_equal(results[0], np.cumsum(x))


def test_a_uniform_loop_runs_once() -> None:
    text = split(KERNELS["tree"])
    assert re.search(r"for \(uint s = 512; s > 0; s >>= 1\) \{ __regions::mark", text)
    assert "__row_s_" not in text


def test_lines_stay_where_they_are() -> None:
    for body in KERNELS.values():
        assert split(body).count("\n") == body.strip().count("\n")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("if (tid > 3) return; threadgroup_barrier(mem_flags::mem_none); out[tid] = 1;", "`return` leaves"),
        ("if (tid > 3) { threadgroup_barrier(mem_flags::mem_none); }", "condition that may vary"),
        ("for (uint i = tid; i < n; i++) threadgroup_barrier(mem_flags::mem_none);", "begins with a value that varies"),
        ("for (uint i = 0; i < n; i++) { if (x[i]) break; threadgroup_barrier(mem_flags::mem_none); }", "begins with a value that varies"),
        ("for (uint i = 0; i < n; i++) { if (n == 3) { out[0] = 1; break; } threadgroup_barrier(mem_flags::mem_none); }", "`break` leaves"),
        ("while (x[0] > 0) threadgroup_barrier(mem_flags::mem_none);", "condition that may vary"),
        ("auto v = x[tid]; threadgroup_barrier(mem_flags::mem_none); out[tid] = v;", "no type of its own"),
        ("int& v = out[tid]; threadgroup_barrier(mem_flags::mem_none); v = 1;", "no type of its own"),
        ("out[tid] = lane > 2 && simd_any(x[tid] > 4);", "`simd_any` stands where"),
        ("int a = 1, b = simd_sum(a); out[tid] = b;", "`simd_sum` stands where"),
        ("int a; a = x[tid], a = simd_sum(a);", "`simd_sum` stands where"),
        ("int a = 0; out[tid] = simd_sum(a++);", "`simd_sum` stands where"),
        ("auto f = [&](int v) { return simd_sum(v); }; out[tid] = f(tid);", "`simd_sum` stands where"),
        ("out[tid] = ::metal::simd_sum(x[tid]);", "`simd_sum` stands where"),
        ("out[tid] = simd_sum<int>(x[tid]);", "`simd_sum` stands where"),
        ("struct s { int f() { return simd_sum(1); } }; out[tid] = s().f();", "in a local class"),
        ("out[tid] = simd_shuffle(x[tid]);", "has 1 arguments"),
        ("out[tid] = tid > 4 ? simd_sum(x[tid]) : 0;", "`simd_sum` stands where"),
        ("out[tid] = helper(x, tid);", "`helper` stands where"),
        ("if (n > 2) helper(x, tid);", "`helper` stands where"),
        ("switch (n) { case 1: threadgroup_barrier(mem_flags::mem_none); }", "not understood"),
        ("uint i = 0; if (tid > 4) i = 3; for (; i < n; i++) threadgroup_barrier(mem_flags::mem_none);", "may vary"),
    ],
)  # fmt: skip
def test_what_is_left_to_fibers(body: str, reason: str) -> None:
    with pytest.raises(Unsplittable, match=re.escape(reason)):
        split(body, frozenset(["helper"]))


def test_the_reason_names_its_token() -> None:
    body = "int a = 1; if (tid > 3) return; threadgroup_barrier(mem_flags::mem_none);"
    with pytest.raises(Unsplittable) as raised:
        split(body)
    assert tokenize(f"void f() {{{body}\n}}")[raised.value.index].text == "return"
