"""Sorts an array of any length up to 2048 in one threadgroup, by Batcher's bitonic network."""

import math
import sys

import numpy as np

from metal_runtime import kernel, metal

SIZE = 2048
THREADS = 1024


@kernel
def bitonic_sort(x: "device float*", n: "uint"):
    tile = metal.threadgroup_array(metal.float, SIZE)
    t = metal.thread_index_in_threadgroup
    for i in range(t, SIZE, THREADS):
        tile[i] = x[i] if i < n else math.inf
    width = 2
    while width <= SIZE:
        step = width // 2
        while step > 0:
            metal.threadgroup_barrier()
            low = t // step * step * 2 + t % step
            a, b = tile[low], tile[low + step]
            rises = low & width == 0
            if (a > b) == rises:
                tile[low], tile[low + step] = b, a
            step //= 2
        width *= 2
    metal.threadgroup_barrier()
    for i in range(t, SIZE, THREADS):
        if i < n:
            x[i] = tile[i]


def main(n: int = 1999) -> None:
    rng = np.random.default_rng()
    x = rng.standard_normal(min(n, SIZE)).astype(np.float32)
    expected = np.sort(x)

    bitonic_sort(x, x.size, threads=THREADS, threadgroup=THREADS)

    np.testing.assert_array_equal(x, expected)
    print(f"bitonic_sort: {x.size} elements, sorted as NumPy sorts them")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
