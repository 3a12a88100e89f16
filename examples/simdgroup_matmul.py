"""Multiplies half-precision matrices with simdgroup_matrix: each simdgroup makes one block of 8 x 8 in float."""

import sys

import numpy as np

from metal_runtime import kernel, metal

SIMDS = 4


@kernel
def simdgroup_matmul(
    A: "device const half*", B: "device const half*", C: "device float*", n: "uint"
):
    simd = metal.threadgroup_id() * SIMDS + metal.simdgroup_index_in_threadgroup
    blocks = n // 8
    row, column = simd // blocks * 8, simd % blocks * 8
    if row >= n:
        return
    total = metal.simdgroup_float8x8(0.0)
    for k in range(0, n, 8):
        a = metal.simdgroup_load(A[row * n + k], n)
        b = metal.simdgroup_load(B[k * n + column], n)
        total = metal.simdgroup_multiply_accumulate(a, b, total)
    metal.simdgroup_store(total, C[row * n + column], n)


def main(n: int = 120) -> None:
    if n % 8:
        raise SystemExit("the size must be a multiple of 8")
    rng = np.random.default_rng()
    a = rng.standard_normal((n, n)).astype(np.float16)
    b = rng.standard_normal((n, n)).astype(np.float16)
    c = np.full((n, n), np.nan, np.float32)

    groups = -(-((n // 8) ** 2) // SIMDS)
    simdgroup_matmul(a, b, c, n, threads=groups * SIMDS * 32, threadgroup=SIMDS * 32)

    expected = a.astype(np.float64) @ b.astype(np.float64)
    np.testing.assert_allclose(c, expected, rtol=0, atol=1e-4 * n**0.5)
    worst = np.abs(c - expected).max()
    print(f"simdgroup_matmul: {n} x {n}, at most {worst:.1e} from NumPy's float64")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
