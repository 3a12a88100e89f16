"""Transposes a matrix through a padded tile, so that both loads and stores go along rows of device memory."""

import sys

import numpy as np

from metal_runtime import kernel, metal

TILE = 16


@kernel
def transpose(x: "device const float*", out: "device float*", width: "uint", height: "uint"):
    # A row is one element longer than it need be: then a column lies in different banks of the memory.
    tile = metal.threadgroup_array(metal.float, (TILE, TILE + 1))
    t, s, _ = metal.thread_position_in_threadgroup()
    left, top = metal.threadgroup_id(0) * TILE, metal.threadgroup_id(1) * TILE
    if left + t < width and top + s < height:
        tile[s, t] = x[(top + s) * width + left + t]
    metal.threadgroup_barrier()
    if top + t < height and left + s < width:
        out[(left + s) * height + top + t] = tile[t, s]


def main(width: int = 501, height: int = 303) -> None:
    rng = np.random.default_rng()
    x = rng.standard_normal((height, width)).astype(np.float32)
    out = np.full((width, height), np.nan, np.float32)

    threads = tuple(-(-size // TILE) * TILE for size in (width, height))
    transpose(x, out, width, height, threads=threads, threadgroup=(TILE, TILE))

    np.testing.assert_array_equal(out, x.T)
    print(f"transpose: {width} x {height}, the same as NumPy's")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
