"""Adds two volumes on a 3-D grid: one thread for every cell, x the fastest axis."""

import numpy as np

from metal_runtime import kernel, metal


@kernel(
    param_types={
        "A": "device const float*",
        "B": "device const float*",
        "C": "device float*",
        "D": "uint",  # depth (z-dimension)
        "H": "uint",  # height (y)
        "W": "uint",  # width  (x)
    }
)
def add_3d(A, B, C, D, H, W):
    x = metal.thread_id_x()
    y = metal.thread_id_y()
    z = metal.thread_id_z()

    if x < W and y < H and z < D:
        idx = (z * H * W) + (y * W) + x
        C[idx] = A[idx] + B[idx]


def main() -> None:
    depth, height, width = 17, 129, 255
    rng = np.random.default_rng()
    a = rng.standard_normal((depth, height, width)).astype(np.float32)
    b = rng.standard_normal((depth, height, width)).astype(np.float32)
    c = np.full_like(a, np.nan)

    add_3d(a, b, c, depth, height, width, threads=(width, height, depth))

    np.testing.assert_array_equal(c, a + b)
    print(f"add_3d: {depth} x {height} x {width} cells equal NumPy's")


if __name__ == "__main__":
    main()
