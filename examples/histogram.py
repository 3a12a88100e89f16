"""Counts the values of an image: atomically in threadgroup memory first, then into the device's."""

import sys

import numpy as np

from metal_runtime import kernel, metal

THREADS = 256
GROUPS = 32


@kernel
def histogram(image: "device const uchar*", bins: "device atomic_uint*", n: "uint"):
    local = metal.threadgroup_array(metal.atomic_uint, 256)
    t = metal.thread_index_in_threadgroup
    local[t] = 0
    metal.threadgroup_barrier()
    for i in range(metal.thread_id(), n, metal.threads_per_grid.x):
        metal.atomic_fetch_add(local, image[i], 1)
    metal.threadgroup_barrier()
    metal.atomic_fetch_add(bins, t, local[t])


def main(width: int = 641, height: int = 479) -> None:
    rng = np.random.default_rng()
    image = rng.normal(128, 40, (height, width)).clip(0, 255).astype(np.uint8)
    bins = np.zeros(256, np.uint32)

    histogram(image, bins, image.size, threads=THREADS * GROUPS, threadgroup=THREADS)

    np.testing.assert_array_equal(bins, np.bincount(image.ravel(), minlength=256))
    print(f"histogram: {width} x {height}, most often {bins.argmax()}; the counts are NumPy's")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
