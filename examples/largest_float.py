"""The largest float, twice: MSL has no atomic maximum of floats, but the bits order as integers do, and compare-exchange makes one."""

import sys

import numpy as np

from metal_runtime import kernel, metal

THREADS = 256


def order(x: "float") -> "uint":
    """Unsigned integers in the order of the floats."""
    bits = metal.as_type(metal.uint, x)
    return metal.select(bits | 0x80000000, ~bits, (bits >> 31) != 0)


@kernel
def largest(
    x: "device const float*", best: "threadgroup atomic_uint*", keys: "device atomic_uint*",
    value: "device float*", n: "uint",
):  # fmt: skip
    i = metal.thread_id()
    t = metal.thread_index_in_threadgroup
    if t == 0:
        best[0] = 0
    metal.threadgroup_barrier()
    if i < n:
        metal.atomic_fetch_max(best, 0, order(x[i]))
    metal.threadgroup_barrier()
    if i < n and order(x[i]) == best[0]:
        metal.atomic_fetch_max(keys, 0, best[0])
        seen = metal.atomic_load(value[0])
        while x[i] > seen:
            seen, swapped = metal.atomic_compare_exchange(value, 0, seen, x[i])
            if swapped:
                break


def main(n: int = 100_003) -> None:
    x = np.random.default_rng().normal(size=n).astype(np.float32)
    keys, value = np.zeros(1, np.uint32), np.full(1, -np.inf, np.float32)

    threads = -(-n // THREADS) * THREADS
    largest(x, keys, value, n, threads=threads, threadgroup=THREADS, threadgroup_memory=16)

    assert value[0] == x.max()
    assert (keys ^ np.uint32(0x80000000 if x.max() > 0 else 0xFFFFFFFF)).view(np.float32) == x.max()
    print(f"largest_float: {value[0]:.4f} of {n:,}, by two ways; it is NumPy's")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
