"""Sums an array twice: by a tree in threadgroup memory, and by simd_sum with one atomic addition a threadgroup."""

import sys

import numpy as np

from metal_runtime import kernel, metal

THREADS = 256
GROUPS = 16


@kernel
def tree_reduction(x: "device const float*", partial: "device float*", n: "uint"):
    tile = metal.threadgroup_array(metal.float, THREADS)
    t = metal.thread_index_in_threadgroup
    total = 0.0
    for i in range(metal.thread_id(), n, metal.threads_per_grid.x):
        total += x[i]
    tile[t] = total
    metal.threadgroup_barrier()
    half = THREADS // 2
    while half > 0:
        if t < half:
            tile[t] += tile[t + half]
        metal.threadgroup_barrier()
        half //= 2
    if t == 0:
        partial[metal.threadgroup_id()] = tile[0]


@kernel
def simd_reduction(x: "device const float*", total: "device atomic_float*", n: "uint"):
    sums = metal.threadgroup_array(metal.float, THREADS // 32)
    own = 0.0
    for i in range(metal.thread_id(), n, metal.threads_per_grid.x):
        own += x[i]
    own = metal.simd_sum(own)
    lane = metal.thread_index_in_simdgroup
    if lane == 0:
        sums[metal.simdgroup_index_in_threadgroup] = own
    metal.threadgroup_barrier()
    if metal.simdgroup_index_in_threadgroup == 0:
        whole = metal.simd_sum(sums[lane] if lane < THREADS // 32 else 0.0)
        if lane == 0:
            metal.atomic_fetch_add(total, 0, whole)


def main(n: int = 1_000_003) -> None:
    rng = np.random.default_rng()
    x = rng.random(n, dtype=np.float32)
    partial = np.full(GROUPS, np.nan, np.float32)
    total = np.zeros(1, np.float32)

    tree_reduction(x, partial, n, threads=THREADS * GROUPS, threadgroup=THREADS)
    simd_reduction(x, total, n, threads=THREADS * GROUPS, threadgroup=THREADS)

    expected = x.sum(dtype=np.float64)
    np.testing.assert_allclose([partial.sum(), total[0]], expected, rtol=1e-5)
    print(f"reduction: {n:,} elements, {total[0]:.2f}; NumPy's float64 says {expected:.2f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
