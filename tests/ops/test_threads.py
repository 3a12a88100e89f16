"""Operators called from many threads at once, each kind of call for the first time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from metal_runtime import ops


def test_threads_do_not_disturb_each_other() -> None:
    def work(seed: int) -> bool:
        rng = np.random.default_rng(seed)
        ok = True
        for size in rng.integers(1, 3000, 40):
            a, b = (rng.integers(0, 1000, size).astype(np.uint16) for _ in range(2))
            ok &= np.array_equal((ops.sub(a, b)).to_numpy(), a - b)
            ok &= ops.reduction.reduce_sum(a).item() == a.sum()
        return bool(ok)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(16)))
