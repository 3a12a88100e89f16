"""Threadgroups on the CPU: a tree reduction, barriers in helpers, tiled products, `iris check` of a long file."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import metal_runtime
from benchmarks.goals import Figure
from benchmarks.long_file import long_file
from benchmarks.measure import Contender, check, interleaved
from metal_runtime import api

ELEMENTS, GROUP, TILE, SIDE, ROW = 16 << 20, 256, 16, 1024, 1024
LINES = 12_000
ROUNDS_OF_BARRIERS = 64

SOURCE = f"""
#include <metal_stdlib>
using namespace metal;

kernel void tree_sum(device const float* x [[buffer(0)]],
                     device float* out [[buffer(1)]],
                     uint gid [[thread_position_in_grid]],
                     uint tid [[thread_position_in_threadgroup]],
                     uint group [[threadgroup_position_in_grid]]) {{
  threadgroup float shared[{GROUP}];
  shared[tid] = x[gid];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  for (uint s = {GROUP // 2}; s > 0; s /= 2) {{
    if (tid < s) shared[tid] += shared[tid + s];
    threadgroup_barrier(mem_flags::mem_threadgroup);
  }}
  if (tid == 0) out[group] = shared[0];
}}

// Reads what tree_sum reads, without meeting: the sum of the same {GROUP} elements by one thread.
kernel void plain_sum(device const float* x [[buffer(0)]],
                      device float* out [[buffer(1)]],
                      uint gid [[thread_position_in_grid]]) {{
  float4 sums[4] = {{0, 0, 0, 0}};
  device const float4* mine = (device const float4*)(x + gid * {GROUP});
  for (int i = 0; i < {GROUP // 4}; i += 4)
    for (int j = 0; j < 4; j++) sums[j] += mine[i + j];
  const float4 sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  out[gid] = (sum.x + sum.y) + (sum.z + sum.w);
}}

__attribute__((noinline)) static int inner(threadgroup int* shared, uint tid, int value) {{
  shared[tid] = value;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  return shared[tid ^ 1];
}}
__attribute__((noinline)) static int outer(threadgroup int* shared, uint tid, int value) {{
  return inner(shared, tid, value) + 1;
}}

kernel void helpers(device int* out [[buffer(0)]],
                    uint gid [[thread_position_in_grid]],
                    uint tid [[thread_position_in_threadgroup]]) {{
  threadgroup int even[{GROUP}], odd[{GROUP}];
  int value = int(gid);
  for (int i = 0; i < {ROUNDS_OF_BARRIERS}; i++) value = outer(i % 2 ? odd : even, tid, value);
  out[gid] = value;
}}

kernel void tiled(device const float* a [[buffer(0)]],
                  device const float* b [[buffer(1)]],
                  device float* c [[buffer(2)]],
                  constant uint& n [[buffer(3)]],
                  uint2 gid [[thread_position_in_grid]],
                  uint2 tid [[thread_position_in_threadgroup]]) {{
  threadgroup float a_tile[{TILE}][{TILE}], b_tile[{TILE}][{TILE}];
  float sum = 0;
  for (uint start = 0; start < n; start += {TILE}) {{
    a_tile[tid.y][tid.x] = a[gid.y * n + start + tid.x];
    b_tile[tid.y][tid.x] = b[(start + tid.y) * n + gid.x];
    threadgroup_barrier(mem_flags::mem_threadgroup);
    for (uint k = 0; k < {TILE}; k++) sum += a_tile[tid.y][k] * b_tile[k][tid.x];
    threadgroup_barrier(mem_flags::mem_threadgroup);
  }}
  c[gid.y * n + gid.x] = sum;
}}

// One row of {ROW} floats a threadgroup, four a thread; every simdgroup combines what all simdgroups left.
kernel void softmax(device const float* x [[buffer(0)]],
                    device float* out [[buffer(1)]],
                    uint gid [[thread_position_in_grid]],
                    uint lane [[thread_index_in_simdgroup]],
                    uint simdgroup [[simdgroup_index_in_threadgroup]]) {{
  threadgroup float most[32], sums[32];
  x += gid * 4;
  out += gid * 4;
  float values[4] = {{x[0], x[1], x[2], x[3]}};
  float high = simd_max(max(max(values[0], values[1]), max(values[2], values[3])));
  most[simdgroup] = high;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  high = simd_max(most[lane % {ROW // 128}]);
  for (int i = 0; i < 4; i++) values[i] = exp(values[i] - high);
  float sum = (values[0] + values[1]) + (values[2] + values[3]);
  for (ushort step = 16; step > 0; step /= 2) sum += simd_shuffle_xor(sum, step);
  sums[simdgroup] = sum;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  sum = simd_sum(lane < {ROW // 128} ? sums[lane] : 0.0f);
  for (int i = 0; i < 4; i++) out[i] = values[i] / sum;
}}
"""


def figures(rounds: int, tell: Callable[[str], None]) -> list[Figure]:
    """All of them; every kernel is checked against NumPy first."""
    best = metal_runtime.compile(SOURCE)
    fibers = metal_runtime.compile(SOURCE, strategy="fibers")
    tell("tree reduction")
    found = _reduction(best, rounds)
    tell("barriers in helpers")
    found += _helpers(best, rounds)
    tell("tiled product")
    found += _product(best, fibers)
    tell("softmax of rows")
    found += _softmax(best, fibers)
    tell("iris check")
    return found + _check()


def _reduction(library: Any, rounds: int) -> list[Figure]:
    x = np.random.default_rng().random(ELEMENTS, np.float32)
    groups = ELEMENTS // GROUP
    x_buf, sums, plain = api.asarray(x), api.empty(groups), api.empty(groups)

    def tree() -> None:
        library.tree_sum(x_buf, sums, threads=(ELEMENTS,), threadgroup=(GROUP,))
        api.synchronize()

    def loop() -> None:
        library.plain_sum(x_buf, plain, threads=(groups,), threadgroup=(GROUP,))
        api.synchronize()

    expected = x.reshape(groups, GROUP).astype(np.float64).sum(axis=1)
    contenders = [
        Contender("sum", "tree", tree, lambda: [api.to_numpy(sums)]),
        Contender("sum", "loop", loop, lambda: [api.to_numpy(plain)]),
    ]
    for contender in contenders:
        check(contender, [expected], rtol=1e-5, atol=0)
    with_barriers, without = (statistics.median(t.rounds) for t in interleaved(contenders, rounds))
    strategy = library.tree_sum.strategy
    return [
        Figure(f"tree reduction, {ELEMENTS:,} floats", with_barriers * 1e3, "ms", note=strategy),
        Figure("plain loop over the same floats", without * 1e3, "ms"),
        Figure("tree reduction / plain loop", with_barriers / without, "x", 3),
    ]


def _helpers(library: Any, rounds: int) -> list[Figure]:
    threads = 1024 * GROUP
    out = api.empty(threads, np.int32)

    def run() -> None:
        library.helpers(out, threads=(threads,), threadgroup=(GROUP,))
        api.synchronize()

    contender = Contender("barriers", "iris", run, lambda: [api.to_numpy(out)])
    ids = np.arange(threads)
    turned = ids  # exchanged with the neighbour an even number of times
    check(contender, [turned.astype(np.float64) + ROUNDS_OF_BARRIERS], rtol=0, atol=0)
    times = []
    for _ in range(rounds):
        begin = time.process_time()  # of all workers; waiting for a processor does not count
        run()
        times.append(time.process_time() - begin)
    each = statistics.median(times) / (threads * ROUNDS_OF_BARRIERS)
    return [
        Figure(
            "barrier in a nested helper",
            each * 1e9,
            "ns a thread and barrier",
            10,
            note=f"{library.helpers.strategy}, {GROUP} threads; processor time",
        )
    ]


def _product(best: Any, fibers: Any) -> list[Figure]:
    rng = np.random.default_rng()
    a, b = (rng.standard_normal((SIDE, SIDE), np.float32) for _ in range(2))
    expected = a.astype(np.float64) @ b
    a_buf, b_buf = api.asarray(a), api.asarray(b)
    medians = {}
    for name, library, rounds in (("best", best, 5), ("fibers", fibers, 2)):
        c_buf = api.empty((SIDE, SIDE))
        contender = Contender(
            "product",
            name,
            _product_run(library, a_buf, b_buf, c_buf),
            lambda c_buf=c_buf: [api.to_numpy(c_buf)],
        )
        check(contender, [expected], rtol=1e-3, atol=1e-2)
        medians[name] = statistics.median(interleaved([contender], rounds)[0].rounds)
    return [
        Figure(f"tiled product, {SIDE}^3", medians["best"] * 1e3, "ms", note=best.tiled.strategy),
        Figure("the same through fibers", medians["fibers"] * 1e3, "ms"),
        Figure("fibers / best", medians["fibers"] / medians["best"], "x", 5, at_least=True),
    ]


def _product_run(library: Any, a: Any, b: Any, c: Any) -> Callable[[], None]:
    def run() -> None:
        library.tiled(a, b, c, SIDE, threads=(SIDE, SIDE), threadgroup=(TILE, TILE))
        api.synchronize()

    return run


def _softmax(best: Any, fibers: Any) -> list[Figure]:
    x = np.random.default_rng().standard_normal((1024, ROW), np.float32)
    exponentials = np.exp(x.astype(np.float64) - x.max(axis=1, keepdims=True))
    expected = exponentials / exponentials.sum(axis=1, keepdims=True)
    x_buf, medians = api.asarray(x), {}
    for name, library, rounds in (("best", best, 9), ("fibers", fibers, 3)):
        out = api.empty(x.shape)

        def run(library: Any = library, out: Any = out) -> None:
            library.softmax(x_buf, out, threads=(x.size // 4,), threadgroup=(ROW // 4,))
            api.synchronize()

        contender = Contender("softmax", name, run, lambda out=out: [api.to_numpy(out)])
        check(contender, [expected], rtol=1e-5, atol=1e-9)
        medians[name] = statistics.median(interleaved([contender], rounds)[0].rounds)
    note = best.softmax.strategy
    return [
        Figure(f"softmax of 1024 rows of {ROW}", medians["best"] * 1e3, "ms", note=note),
        Figure("the same through fibers", medians["fibers"] * 1e3, "ms"),
        Figure("fibers / best", medians["fibers"] / medians["best"], "x", 2, at_least=True),
    ]


def _check() -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.metal"
        path.write_text(long_file(LINES))
        environment = {**os.environ, "IRIS_CACHE_DIR": str(Path(folder) / "cache")}
        iris = "from metal_runtime.cli.main import main; main()"
        command = [sys.executable, "-c", iris, "check", str(path)]
        seconds = []
        for _ in range(2):
            begin = time.perf_counter()
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, check=False
            )
            seconds.append(time.perf_counter() - begin)
            if done.returncode != 0 or "product0_float_1" not in done.stdout:
                raise RuntimeError(f"iris check refuses the file: {done.stdout}{done.stderr}")
    return [
        Figure(f"iris check, {LINES:,} lines, cold", seconds[0], "s", 30),
        Figure("iris check, from the cache", seconds[1], "s", 1),
    ]
