"""Counts keys in a hash table that all threads fill at once: a slot is taken by compare-exchange, without locks."""

import sys

import numpy as np

from metal_runtime import kernel, metal

EMPTY = 0xFFFFFFFF


@kernel
def count(
    keys: "device const uint*", table: "device atomic_uint*", counts: "device atomic_uint*",
    slots: "uint", n: "uint",
):  # fmt: skip
    i = metal.thread_id()
    if i < n:
        key = keys[i]
        slot = (key * 2654435761) % slots
        taken = False
        while not taken:
            found, swapped = metal.atomic_compare_exchange(table, slot, EMPTY, key)
            taken = swapped or found == key
            if not taken:  # another key sits here
                slot = (slot + 1) % slots
        metal.atomic_fetch_add(counts, slot, 1)


def main(n: int = 100_003, kinds: int = 1_000) -> None:
    keys = np.random.default_rng().zipf(1.3, n).clip(0, kinds).astype(np.uint32)
    slots = 2 * kinds + 1
    table, counts = np.full(slots, EMPTY, np.uint32), np.zeros(slots, np.uint32)

    count(keys, table, counts, slots, n, threads=n)

    used = np.flatnonzero(table != EMPTY)
    used = used[np.argsort(table[used])]
    expected_keys, expected_counts = np.unique(keys, return_counts=True)
    np.testing.assert_array_equal(table[used], expected_keys)
    np.testing.assert_array_equal(counts[used], expected_counts)
    print(f"word_count: {n:,} keys of {len(used)} kinds; the counts are NumPy's")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
