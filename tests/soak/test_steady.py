"""A week's traffic in small: mixed operators, whose end finds memory, handles and the pool as their beginning did."""

from __future__ import annotations

import gc
import os
import random
import sys
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from metal_runtime import api, kernel, ops
from metal_runtime import compile as compile_msl
from metal_runtime.errors import IrisError
from metal_runtime.language import thread_id

SAMPLE = 20_000
FULL = 1_000_000
SHAPES = [(), (1,), (7,), (64,), (3, 5), (1000,), (4, 1, 8), (0,), (37, 41)]
LINUX = sys.platform == "linux"


@kernel(param_types={"x": "device const float*", "y": "device float*", "n": "uint"})
def plus_one(x, y, n):
    i = thread_id()
    if i < n:
        y[i] = x[i] + 1.0


LIBRARY = compile_msl(
    "kernel void twice(device float* x, uint i [[thread_position_in_grid]]) { x[i] *= 2; }"
)


class Traffic:
    """Operations of every kind on arrays of a few shapes; each returns how many operators it was."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.host = [
            np.asarray(np.random.default_rng(seed).random(s, np.float32) + 0.5) for s in SHAPES
        ]
        self.kept = [api.asarray(a) for a in self.host]
        self.kinds: list[Callable[[], int]] = [
            self.chain, self.broadcast, self.in_place, self.cast, self.launch, self.library, self.views,
            self.adopt, self.dlpack, self.reduce, self.upload, self.refused, self.cycle,
        ]  # fmt: skip

    def run(self, operators: int) -> None:
        done = 0
        while done < operators:
            done += self.random.choice(self.kinds)()
        api.synchronize()

    def pick(self) -> tuple[np.ndarray, api.MetalBuffer]:
        at = self.random.randrange(len(SHAPES))
        return self.host[at], self.kept[at]

    def chain(self) -> int:
        array, buffer = self.pick()
        result = ((buffer + 1.0) * buffer - 0.5).exp().tanh()
        if self.random.random() < 0.01:
            want = np.tanh(np.exp((array.astype(np.float64) + 1) * array - 0.5))
            np.testing.assert_allclose(result.numpy(), want, rtol=1e-5)
        return 5

    def broadcast(self) -> int:
        _, buffer = self.pick()
        (buffer * self.kept[1]) + self.kept[0]
        return 2

    def in_place(self) -> int:
        _, buffer = self.pick()
        copy = buffer + 0.0
        copy += 1.0
        copy *= buffer
        return 3

    def cast(self) -> int:
        _, buffer = self.pick()
        buffer.astype("int32").astype("half")
        return 2

    def launch(self) -> int:
        _, buffer = self.pick()
        if buffer.size:
            plus_one(buffer, api.empty_like(buffer), buffer.size, threads=buffer.size)
        return 1

    def library(self) -> int:
        copy = self.pick()[1] + 0.0
        if copy.size:
            LIBRARY.twice(copy, threads=copy.size)
        return 2

    def views(self) -> int:
        _, buffer = self.pick()
        view = (buffer + 2.0).numpy()
        assert view.size == 0 or view.flat[0] > 2
        return 1

    def adopt(self) -> int:
        array, _ = self.pick()
        api.asarray(array, copy=False) + 1.0
        return 1

    def dlpack(self) -> int:
        array, buffer = self.pick()
        assert np.from_dlpack(buffer).shape == array.shape
        buffer.__dlpack__()
        api.from_dlpack(array) * 2.0
        return 1

    def reduce(self) -> int:
        ops.reduction.reduce_sum(self.kept[5])
        ops.gather(self.kept[5], api.asarray(np.array([1, 5, 7], np.int32)))
        return 2

    def upload(self) -> int:
        array, _ = self.pick()
        if array.size:
            plus_one(array, np.empty_like(array), array.size, threads=array.size)
        return 1

    def refused(self) -> int:
        with pytest.raises(IrisError):
            _ = self.kept[2] + self.kept[5]
        return 1

    def cycle(self) -> int:
        ring: list[object] = [self.pick()[1] + 1.0]
        ring.append(ring)
        return 1


def handles() -> int:
    return len(os.listdir("/proc/self/fd")) if LINUX else 0


def resident() -> int:
    """Bytes; 0 where the system does not tell."""
    if not LINUX:
        return 0
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def measured() -> dict[str, int]:
    gc.collect()
    pool = api.memory()
    return {
        "handles": handles(), "threads": len(os.listdir("/proc/self/task")) if LINUX else 0,
        "used_blocks": pool.used_blocks, "used_bytes": pool.used_bytes,
        "cached_blocks": pool.cached_blocks, "cached_bytes": pool.cached_bytes, "misses": pool.misses,
    }  # fmt: skip


@pytest.fixture
def traffic() -> Iterator[Traffic]:
    with api.device("cpu") as device:
        device.close()  # what other tests left in its pool, and their streams
        gc.collect()
        gc.freeze()
        gc.collect()  # counts anew: with all objects counted, cycles of this test would be collected seldom
        yield Traffic(random.randrange(2**32))
        gc.unfreeze()


def check(traffic: Traffic, operators: int, slack: int) -> list[float]:
    """``slack``: resident bytes that the allocators of Python and the system may keep. Seconds of each quarter."""
    traffic.run(max(operators // 10, 4000))  # compiles, and fills the caches
    before, memory = measured(), resident()
    seconds = []
    for _ in range(4):
        start = time.process_time()
        traffic.run(operators // 4)
        seconds.append(time.process_time() - start)
    after, grown = measured(), resident() - memory
    for name, value in after.items():
        assert abs(value - before[name]) <= _MAY_SETTLE.get(name, 0), (name, before[name], value)
    assert grown <= slack, f"{grown:,} bytes more are resident"
    return seconds


_MAY_SETTLE = {"cached_blocks": 64, "cached_bytes": 2 << 20, "misses": 64}
"""How far the pool's store may still change once warm: blocks of a few pages, for garbage that comes late."""


def test_sample(traffic: Traffic) -> None:
    check(traffic, SAMPLE, slack=8 << 20)


@pytest.mark.soak
def test_a_million(traffic: Traffic) -> None:
    seconds = check(traffic, FULL, slack=8 << 20)
    assert max(seconds) <= 1.5 * min(seconds), f"quarters took {seconds}"


@pytest.mark.parametrize(
    "what",
    [
        "buffers",
        "handles",
        pytest.param("blocks in capsules", marks=pytest.mark.soak),
        pytest.param("memory", marks=pytest.mark.soak),
    ],
)
def test_a_leak_is_found(traffic: Traffic, what: str) -> None:
    if what in ("memory", "handles") and not LINUX:
        pytest.skip("the system does not tell")
    lost: list[object] = []
    leaks = {
        "buffers": lambda: api.zeros(3),
        "blocks in capsules": lambda: api.zeros(3).__dlpack__(),
        "memory": lambda: bytearray(b"1" * 200_000),
        "handles": lambda: open(os.devnull),
    }

    def leak() -> int:
        if len(lost) < 500:
            lost.append(leaks[what]())
        return 1

    traffic.kinds = [traffic.chain, leak]
    with pytest.raises(AssertionError, match=r"used_blocks|resident|handles"):
        check_quickly(traffic)
    for file in lost if what == "handles" else []:
        file.close()  # type: ignore[attr-defined]


def check_quickly(traffic: Traffic) -> None:
    """As ``check``, but the leak begins after warming up."""
    kinds, traffic.kinds = traffic.kinds, [traffic.chain]
    run = traffic.run

    def warm_up(operators: int) -> None:
        run(operators)
        traffic.kinds = kinds

    traffic.run = warm_up  # type: ignore[method-assign]
    check(traffic, 4000, slack=8 << 20)
