"""Multiplies matrices of any size through tiles in threadgroup memory: each element is loaded once a tile, not once a product."""

import sys

import numpy as np

from metal_runtime import kernel, metal

TILE = 16


@kernel
def tiled_matmul(
    A: "device const float*",
    B: "device const float*",
    C: "device float*",
    m: "uint",
    n: "uint",
    k: "uint",
):
    a = metal.threadgroup_array(metal.float, (TILE, TILE))
    b = metal.threadgroup_array(metal.float, (TILE, TILE))
    column, row = metal.thread_id_2d()
    x, y, _ = metal.thread_position_in_threadgroup()
    total = 0.0
    for start in range(0, k, TILE):
        a[y, x] = A[row * k + start + x] if row < m and start + x < k else 0.0
        b[y, x] = B[(start + y) * n + column] if start + y < k and column < n else 0.0
        metal.threadgroup_barrier()
        for t in range(TILE):
            total += a[y, t] * b[t, x]
        metal.threadgroup_barrier()
    if row < m and column < n:
        C[row * n + column] = total


def main(m: int = 193, n: int = 251, k: int = 127) -> None:
    rng = np.random.default_rng()
    a = rng.standard_normal((m, k)).astype(np.float32)
    b = rng.standard_normal((k, n)).astype(np.float32)
    c = np.full((m, n), np.nan, np.float32)

    width, height = (-(-size // TILE) * TILE for size in (n, m))
    tiled_matmul(a, b, c, m, n, k, threads=(width, height), threadgroup=(TILE, TILE))

    expected = a.astype(np.float64) @ b.astype(np.float64)
    np.testing.assert_allclose(c, expected, rtol=0, atol=1e-4 * k**0.5)
    worst = np.abs(c - expected).max()
    print(f"tiled_matmul: {m} x {k} x {n}, at most {worst:.1e} from NumPy's float64")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
