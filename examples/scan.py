"""Running sums of an array of any length: within simdgroups, within threadgroups, and over the threadgroups' sums."""

import sys

import numpy as np

from metal_runtime import kernel, metal

THREADS = 256
SIMDS = THREADS // 32


@kernel
def scan_blocks(x: "device const float*", out: "device float*", sums: "device float*", n: "uint"):
    ends = metal.threadgroup_array(metal.float, SIMDS)
    i = metal.thread_id()
    simd = metal.simdgroup_index_in_threadgroup
    value = metal.simd_prefix_inclusive_sum(x[i] if i < n else 0.0)
    if metal.thread_index_in_simdgroup == 31:
        ends[simd] = value
    metal.threadgroup_barrier()
    for k in range(simd):
        value += ends[k]
    if i < n:
        out[i] = value
    if metal.thread_index_in_threadgroup == THREADS - 1:
        sums[metal.threadgroup_id()] = value


@kernel
def add_sums_before(out: "device float*", sums: "device const float*", n: "uint"):
    i = metal.thread_id()
    if i >= THREADS and i < n:
        out[i] += sums[i // THREADS - 1]


def scan(x):
    """The running sums of ``x``; the sums of the blocks are scanned in the same way."""
    n = x.size
    groups = -(-n // THREADS)
    out, sums = np.empty_like(x), np.empty(groups, x.dtype)
    scan_blocks(x, out, sums, n, threads=groups * THREADS, threadgroup=THREADS)
    if groups > 1:
        add_sums_before(out, scan(sums), n, threads=n)
    return out


def main(n: int = 300_007) -> None:
    rng = np.random.default_rng()
    x = rng.random(n, dtype=np.float32)

    out = scan(x)

    np.testing.assert_allclose(out, np.cumsum(x, dtype=np.float64), rtol=1e-4)
    print(f"scan: the running sums of {n:,} elements are NumPy's")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
