"""The pool: best fit, exact ownership, limits, statistics, threads."""

from __future__ import annotations

import gc
import random
import threading
import weakref

import numpy as np
import pytest

from metal_runtime.device.pool import PAGE, Pool
from metal_runtime.errors import DeviceMemoryError
from tests.runtime.fake_device import FakeAllocator


@pytest.fixture
def allocator() -> FakeAllocator:
    return FakeAllocator()


def test_sizes_are_whole_pages_and_page_aligned(allocator):
    pool = Pool(allocator)
    for nbytes in (0, 1, PAGE - 1, PAGE, PAGE + 1, 10 * PAGE + 7):
        block = pool.take(nbytes)
        assert block.nbytes % PAGE == 0
        assert block.nbytes >= max(nbytes, 1)
        assert block.nbytes - nbytes <= PAGE
        assert block.address % PAGE == 0


def test_memory_comes_back_when_its_owner_is_collected(allocator):
    pool = Pool(allocator)
    block = pool.take(100)
    allocation = block.binding[0]
    del block
    assert pool.take(100).binding[0] is allocation
    assert pool.statistics().hits == 1
    assert pool.statistics().misses == 1


def test_close_twice_gives_memory_back_once(allocator):
    pool = Pool(allocator)
    block = pool.take(100)
    block.close()
    block.close()
    statistics = pool.statistics()
    assert (statistics.used_blocks, statistics.cached_blocks) == (0, 1)
    a, b = pool.take(100), pool.take(100)
    assert a.binding[0] is not b.binding[0]


def test_the_best_fit_is_taken(allocator):
    pool = Pool(allocator)
    blocks = [pool.take(n * PAGE) for n in (16, 10, 12, 11, 40)]
    wanted = blocks[3].binding[0]
    for block in blocks:
        block.close()
    assert pool.take(11 * PAGE - 5).binding[0] is wanted


def test_a_large_block_is_not_wasted_on_a_small_request(allocator):
    pool = Pool(allocator)
    pool.take(1000 * PAGE).close()
    assert pool.take(PAGE).nbytes == PAGE


def test_an_array_keeps_its_block_alive(allocator):
    pool = Pool(allocator)
    block = pool.take(64)
    view = np.asarray(block)[:64].view(np.float32)
    allocation = weakref.ref(block.binding[0])
    view[:] = 3
    del block
    gc.collect()
    assert pool.statistics().used_blocks == 1
    assert pool.trim() == 0
    assert (view == 3).all()
    del view
    assert pool.statistics().used_blocks == 0
    assert pool.trim() == PAGE
    assert allocator.live == 0
    gc.collect()
    assert allocation() is None


def test_statistics_add_up(allocator):
    pool = Pool(allocator)
    held = []
    rng = random.Random(1)
    for _ in range(500):
        if held and rng.random() < 0.5:
            held.pop(rng.randrange(len(held))).close()
        else:
            held.append(pool.take(rng.randrange(1, 50 * PAGE)))
        s = pool.statistics()
        assert s.allocated_bytes == s.used_bytes + s.cached_bytes == allocator.live
        assert s.used_bytes == sum(b.nbytes for b in held)
        assert s.used_blocks == len(held)
        assert s.peak_bytes >= s.used_bytes
        assert s.misses == allocator.made
    held.clear()
    pool.trim()
    assert allocator.live == 0


def test_the_limit_trims_first_and_then_refuses(allocator):
    pool = Pool(allocator, limit=10 * PAGE)
    pool.take(6 * PAGE).close()
    held = pool.take(9 * PAGE)  # needs the cached 6 pages gone
    assert allocator.live == 9 * PAGE
    with pytest.raises(DeviceMemoryError) as error:
        pool.take(2 * PAGE)
    text = str(error.value)
    assert f"{10 * PAGE:,}" in text
    assert f"{9 * PAGE:,}" in text
    assert "hint:" in text
    held.close()
    pool.take(2 * PAGE)


def test_a_limit_below_what_is_used_is_refused(allocator):
    pool = Pool(allocator)
    held = pool.take(5 * PAGE)
    with pytest.raises(DeviceMemoryError):
        pool.set_limit(4 * PAGE)
    pool.take(3 * PAGE).close()
    pool.set_limit(5 * PAGE)
    assert allocator.live == 5 * PAGE
    pool.set_limit(None)
    pool.take(100 * PAGE)
    assert held.nbytes == 5 * PAGE


def test_a_full_device_is_retried_after_trimming():
    allocator = FakeAllocator(capacity=8 * PAGE)
    pool = Pool(allocator)
    pool.take(6 * PAGE).close()
    block = pool.take(8 * PAGE)
    with pytest.raises(DeviceMemoryError, match="no room"):
        pool.take(PAGE)
    block.close()
    pool.take(PAGE)


def test_memory_in_reference_cycles_is_found_before_giving_up():
    allocator = FakeAllocator(capacity=8 * PAGE)
    pool = Pool(allocator)
    gc.disable()
    try:
        cycle: list[object] = [pool.take(8 * PAGE)]
        cycle.append(cycle)
        del cycle
        pool.take(8 * PAGE)
    finally:
        gc.enable()


def test_what_waits_is_bounded_but_for_persistent_memory(allocator):
    pool = Pool(allocator, max_cached_bytes=10 * PAGE)
    pool.take(8 * PAGE, persistent=True).close()
    for size in (20, 30, 40):
        pool.take(size * PAGE).close()
    assert pool.statistics().cached_bytes == 8 * PAGE
    assert pool.trim() == 8 * PAGE


def test_close_frees_what_waits_at_once_and_the_rest_as_it_comes(allocator):
    pool = Pool(allocator)
    held = pool.take(PAGE)
    pool.take(7 * PAGE).close()
    pool.close()
    pool.close()
    assert allocator.live == PAGE
    held.close()
    assert allocator.live == 0


def test_nothing_is_freed_before_launches_have_ended(allocator):
    synchronised = []
    pool = Pool(allocator, synchronize=lambda: synchronised.append(allocator.live))
    pool.take(PAGE).close()
    pool.trim()
    assert synchronised == [PAGE]


def test_many_threads_share_a_pool(allocator):
    pool = Pool(allocator, max_cached_bytes=64 * PAGE)
    errors: list[BaseException] = []

    def work(seed: int) -> None:
        rng = random.Random(seed)
        held = []
        try:
            for _ in range(400):
                if held and rng.random() < 0.5:
                    block, mark = held.pop()
                    view = np.asarray(block)
                    assert (view == mark).all()
                else:
                    block, mark = pool.take(rng.randrange(1, 6 * PAGE)), rng.randrange(256)
                    np.asarray(block)[:] = mark
                    held.append((block, mark))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert pool.statistics().used_blocks == 0
    pool.trim()
    assert allocator.live == 0


# --- several streams -----------------------------------------------------------------------------


class Clock:
    """What a device counts: launches so far, and up to which all have ended."""

    def __init__(self) -> None:
        self.now = self.done = 10

    def shared(self, allocator: FakeAllocator, **options: object) -> Pool:
        pool = Pool(allocator, synchronize=self.catch_up, **options)
        pool.share(lambda: self.now, lambda: self.done)
        return pool

    def catch_up(self) -> None:
        self.done = self.now


def test_memory_in_flight_is_reused_when_its_launches_have_ended(allocator):
    clock = Clock()
    pool = clock.shared(allocator)
    block = pool.take(100)
    first = block.binding[0]
    clock.now = 12
    block.close()
    clock.done = 11
    other = pool.take(100)
    assert other.binding[0] is not first
    clock.done = 12
    assert pool.take(100).binding[0] is first
    assert pool.statistics().used_blocks == 1


def test_a_larger_fit_is_taken_whose_launches_have_ended(allocator):
    clock = Clock()
    pool = clock.shared(allocator)
    small, large = pool.take(9 * PAGE), pool.take(10 * PAGE)
    wanted = large.binding[0]
    large.close()
    clock.now = 13
    small.close()
    assert pool.take(9 * PAGE).binding[0] is wanted


def test_a_request_waits_where_much_memory_is_in_flight(allocator, monkeypatch):
    monkeypatch.setattr("metal_runtime.device.pool.MOST_PENDING", 4 * PAGE)
    clock = Clock()
    pool = clock.shared(allocator)
    for turn in range(50):
        clock.now = 20 + turn
        pool.take(PAGE).close()
    assert pool.statistics().allocated_bytes <= 5 * PAGE
    assert clock.done > 20


def test_a_limit_is_kept_with_memory_in_flight(allocator):
    clock = Clock()
    pool = clock.shared(allocator, limit=3 * PAGE)
    for turn in range(50):
        clock.now = 20 + turn
        pool.take(PAGE * (1 + turn % 2)).close()
        assert pool.statistics().allocated_bytes <= 3 * PAGE
