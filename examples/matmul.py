"""Multiplies two n x n matrices: one thread for every element of the product."""

import sys

import numpy as np

from metal_runtime import kernel, metal


@kernel
def matmul(
    A: "device const float*",
    B: "device const float*",
    C: "device float*",
    n: "uint",
):
    column = metal.thread_id_x()
    row = metal.thread_id_y()
    if row < n and column < n:
        total = 0.0
        for k in range(n):
            total += A[row * n + k] * B[k * n + column]
        C[row * n + column] = total


def main(n: int = 251) -> None:
    rng = np.random.default_rng()
    a = rng.standard_normal((n, n)).astype(np.float32)
    b = rng.standard_normal((n, n)).astype(np.float32)
    c = np.full((n, n), np.nan, np.float32)

    matmul(a, b, c, n, threads=(n, n))

    expected = a.astype(np.float64) @ b.astype(np.float64)
    np.testing.assert_allclose(c, expected, rtol=0, atol=1e-4 * n**0.5)
    print(f"matmul: {n} x {n}, at most {np.abs(c - expected).max():.1e} from NumPy's float64")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
