"""The softmax of every row of a matrix: a threadgroup for each row, of which simdgroups reduce parts."""

import math
import sys

import numpy as np

from metal_runtime import kernel, metal

THREADS = 128
SIMDS = THREADS // 32


def over_threadgroup(parts, own):
    """The sum of ``own`` over the threadgroup, in every thread."""
    own = metal.simd_sum(own)
    metal.threadgroup_barrier()
    if metal.simd_is_first():
        parts[metal.simdgroup_index_in_threadgroup] = own
    metal.threadgroup_barrier()
    total = 0.0
    for k in range(SIMDS):
        total += parts[k]
    return total


@kernel
def softmax(x: "device const float*", out: "device float*", columns: "uint"):
    parts = metal.threadgroup_array(metal.float, SIMDS)
    t = metal.thread_index_in_threadgroup
    first = metal.threadgroup_id() * columns
    largest = -math.inf
    for i in range(t, columns, THREADS):
        largest = max(largest, x[first + i])
    largest = metal.simd_max(largest)
    if metal.simd_is_first():
        parts[metal.simdgroup_index_in_threadgroup] = largest
    metal.threadgroup_barrier()
    for k in range(SIMDS):
        largest = max(largest, parts[k])
    total = 0.0
    for i in range(t, columns, THREADS):
        total += math.exp(x[first + i] - largest)
    total = over_threadgroup(parts, total)
    for i in range(t, columns, THREADS):
        out[first + i] = math.exp(x[first + i] - largest) / total


def main(rows: int = 33, columns: int = 1001) -> None:
    rng = np.random.default_rng()
    x = (10 * rng.standard_normal((rows, columns))).astype(np.float32)
    out = np.full_like(x, np.nan)

    softmax(x, out, columns, threads=rows * THREADS, threadgroup=THREADS)

    wide = x.astype(np.float64)
    powers = np.exp(wide - wide.max(axis=1, keepdims=True))
    expected = powers / powers.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(out, expected, rtol=1e-4, atol=1e-7)
    worst = np.abs(out - expected).max()
    print(f"softmax: {rows} rows of {columns}, at most {worst:.1e} from NumPy's float64")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
