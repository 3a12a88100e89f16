"""Transposes a matrix in blocks, whose size is measured on this device at the first call and kept on disk."""

import sys

import numpy as np

from metal_runtime import kernel, metal

BLOCK = 1  # rows and columns of a thread's block, with IRIS_TUNE=0; `iris tune ls` shows what was measured


@kernel(tile={"BLOCK": [1, 2, 4, 8, 16, 32]})
def transpose(x: "device const float*", out: "device float*", width: "uint", height: "uint"):
    left, top = metal.thread_id_x() * metal.uint(BLOCK), metal.thread_id_y() * metal.uint(BLOCK)
    for i in range(BLOCK):
        for j in range(BLOCK):
            column, row = left + metal.uint(i), top + metal.uint(j)
            if column < width and row < height:
                out[column * height + row] = x[row * width + column]


def main(width: int = 501, height: int = 303) -> None:
    rng = np.random.default_rng()
    x = rng.standard_normal((height, width)).astype(np.float32)
    out = np.full((width, height), np.nan, np.float32)

    def threads(configuration: dict[str, int]) -> tuple[int, int]:
        block = configuration["BLOCK"]
        return -(-width // block), -(-height // block)

    transpose(x, out, width, height, threads=threads)

    np.testing.assert_array_equal(out, x.T)
    print(f"tuned_transpose: {width} x {height}, the same as NumPy's")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
