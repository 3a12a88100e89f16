"""The driver's streams over the double: order, batches, messages, events, memory in flight."""

from __future__ import annotations

import ctypes
import gc
import time

import numpy as np
import pytest

from metal_runtime.device.launch_config import LaunchConfig
from metal_runtime.errors import DeviceError, LaunchError
from tests.metal.double import APPLE_M1, MACOS26, PARAVIRTUAL, TOO_OLD
from tests.metal.driving import N, driving


def messages(world) -> int:
    return sum(world.messages.values())


def test_dependent_launches_run_in_order_and_in_few_command_buffers():
    with driving() as d:
        add, block = d.pipeline("add"), d.block()
        before = d.world.committed
        for _ in range(1000):
            d.add(add, block, 1)
        d.device.stream.synchronize()
        assert np.array_equal(d.view(block), np.full(N, 1000))
        assert d.world.committed - before <= 8


def test_nothing_runs_before_it_is_waited_for():
    with driving() as d:
        add, block = d.pipeline("add"), d.block()
        d.add(add, block, 5)
        assert np.array_equal(d.view(block), np.zeros(N))
        d.device.stream.flush()
        assert np.array_equal(d.view(block), np.zeros(N))
        d.device.stream.synchronize()
        assert np.array_equal(d.view(block), np.full(N, 5))


def test_a_repeated_launch_is_one_message_and_a_mixed_one_at_most_twelve():
    with driving() as d:
        add, combine = d.pipeline("add"), d.pipeline("combine")
        blocks = [d.block(i) for i in range(4)]
        stream = d.device.stream

        def cost(launches) -> float:
            stream.synchronize()
            d.world.messages.clear()
            for launch in launches:
                launch()
            stream.flush()
            return messages(d.world) / len(launches)

        steady = cost([lambda: d.add(add, blocks[0], 1)] * 60)
        assert steady <= 2  # one dispatch, and the batch's own messages

        def mix(i: int) -> None:
            if i % 2:
                d.add(add, blocks[i % 3], i)
            else:
                a, b, out = (blocks[(i + k) % 4].binding for k in range(3))
                values = [np.float32(i).tobytes(), np.uint32(N).tobytes()]
                stream.launch(combine, LaunchConfig((N, 1, 1), (32, 1, 1)), [a, b, out, *values])

        mixed = cost([lambda i=i: mix(i) for i in range(60)])
        assert mixed <= 12
        print(f"messages a launch: steady {steady:.2f}, mixed {mixed:.2f}")
        stream.synchronize()


def test_threadgroup_memory_is_set_and_taken_back():
    with driving() as d:
        add, reverse = d.pipeline("add"), d.pipeline("reverse")
        block = d.block(np.arange(N))
        stream = d.device.stream
        stream.launch(reverse, LaunchConfig((N, 1, 1), (N, 1, 1), (4 * N,)), [block.binding])
        d.add(add, block, 1)
        stream.synchronize()
        assert np.array_equal(d.view(block), np.arange(N)[::-1] + 1)
        assert d.world.messages["MTLComputeCommandEncoder.setThreadgroupMemoryLength:atIndex:"] == 2
        with pytest.raises(LaunchError, match="need 65536 bytes of memory, the device has 32768"):
            stream.launch(reverse, LaunchConfig((N, 1, 1), (N, 1, 1), (65_536,)), [block.binding])


def test_an_empty_grid_is_not_launched():
    with driving() as d:
        add, block = d.pipeline("add"), d.block(3)
        config = LaunchConfig((0, 1, 1), (64, 1, 1))
        d.device.stream.launch(add, config, [block.binding, np.float32(1).tobytes()])
        d.device.stream.synchronize()
        assert np.array_equal(d.view(block), np.full(N, 3))


def test_wrong_launches_are_refused_before_they_are_noted():
    with driving() as d:
        add, block = d.pipeline("add"), d.block()
        config = LaunchConfig((N, 1, 1), (64, 1, 1))
        with pytest.raises(LaunchError, match="1 arguments are bound, it has 2"):
            d.device.stream.launch(add, config, [block.binding])
        with pytest.raises(DeviceError, match="was not compiled for the Metal device"):
            d.device.stream.launch(object(), config, [])
        d.device.stream.synchronize()


# --- events and several streams --------------------------------------------------------------------


def test_a_stream_waits_for_an_event_of_another():
    with driving() as d:
        add, block = d.pipeline("add"), d.block(1)
        reverse = d.pipeline("reverse")
        first, second = d.device.stream, d.device.new_stream()
        event = d.device.new_event()
        d.view(block)[:] = np.arange(N)
        d.add(add, block, 10, first)
        first.record(event)
        second.wait(event)
        second.launch(reverse, LaunchConfig((N, 1, 1), (N, 1, 1), (4 * N,)), [block.binding])
        second.synchronize()
        assert np.array_equal(d.view(block), (np.arange(N) + 10)[::-1])
        assert event.is_done()


def test_the_host_waits_for_an_event_and_learns_the_time_between_two():
    with driving() as d:
        add, block = d.pipeline("add"), d.block()
        events = [d.device.new_event() for _ in range(3)]
        d.device.stream.record(events[0])
        d.add(add, block, 1)
        d.device.stream.record(events[1])
        assert not events[1].is_done()
        events[1].synchronize()
        assert np.array_equal(d.view(block), np.full(N, 1))
        assert d.device.seconds_between(events[0], events[1]) >= 0
        with pytest.raises(DeviceError, match="not recorded has no time"):
            d.device.seconds_between(events[0], events[2])
        d.device.stream.wait(events[2])  # never recorded: nothing to wait for
        d.device.synchronize()
        assert d.device.stream.gpu_seconds > 0


# --- memory ----------------------------------------------------------------------------------------


def test_private_memory_is_reached_by_copies_on_the_gpu():
    with driving() as d:
        add, block = d.pipeline("add"), d.block(np.arange(N))
        stream, private = d.device.stream, d.device.allocator.allocate_private(4 * N)
        with pytest.raises(DeviceError, match="cannot see private memory"):
            _ = private.address
        stream.copy(block.binding, (private, 0), 4 * N)
        config = LaunchConfig((N, 1, 1), (64, 1, 1))
        stream.launch(add, config, [(private, 0), np.float32(2).tobytes()])
        stream.copy((private, 0), block.binding, 4 * N)
        stream.synchronize()
        assert np.array_equal(d.view(block), np.arange(N) + 2)
        d.device.allocator.free(private)


def test_small_buffers_share_heaps_and_large_ones_do_not():
    with driving() as d:
        blocks = [d.pool.take(1000) for _ in range(300)]
        large = d.pool.take(3 << 20)
        assert len(d.world.living("MTLHeap")) == 1
        assert large.nbytes >= 3 << 20
        addresses = {b.address for b in blocks}
        assert len(addresses) == 300
        del blocks, large
        d.pool.trim()
        gc.collect()
        assert len(d.world.living("MTLBuffer")) == 0
        assert d.device.allocator.live_bytes == 0


@pytest.mark.parametrize("profile", [APPLE_M1, PARAVIRTUAL, MACOS26], ids=lambda p: p.gpus[0].name)
def test_every_mac_runs_it(profile):
    with driving(profile) as d:
        add, block = d.pipeline("add"), d.block()
        for _ in range(300):
            d.add(add, block, 1)
        d.device.synchronize()
        assert np.array_equal(d.view(block), np.full(N, 300))
        assert d.device.traits.name == profile.gpus[0].name


def test_a_gpu_that_is_too_old_is_refused():
    with pytest.raises(DeviceError, match="Apple A10 is too old"), driving(TOO_OLD):
        pass


def test_a_million_bytes_of_launches_leave_nothing_behind():
    with driving() as d:
        add, block = d.pipeline("add"), d.block()
        for _ in range(5):
            for _ in range(300):
                d.add(add, block, 1)
            d.device.synchronize()
        gc.collect()
        assert len(d.world.living("MTLCommandBuffer")) == 0
        assert len(d.world.living("MTLComputeCommandEncoder")) == 0


def test_a_launch_that_is_measured_has_a_command_buffer_of_its_own():
    with driving() as d:
        add, block = d.pipeline("add"), d.block(0)
        words = [(ctypes.c_uint64 * 2)(7, 7) for _ in range(3)]
        config = LaunchConfig((N, 1, 1), (32, 1, 1))
        bound = [block.binding, np.float32(1).tobytes()]
        committed = d.world.committed
        d.add(add, block, 1)  # not measured
        for pair in words:
            d.device.stream.launch(add, config, bound, ctypes.addressof(pair))
            assert tuple(pair) == (0, 0)
        d.device.stream.synchronize()
        assert d.world.committed - committed == 4
        ends = [time_ for pair in words for time_ in pair]
        assert ends == sorted(ends)
        assert 0 < ends[0] < ends[-1] <= time.monotonic_ns()
        assert np.array_equal(d.view(block), np.full(N, 4))
        empty = (ctypes.c_uint64 * 2)()
        d.device.stream.launch(
            add, LaunchConfig((0, 1, 1), (1, 1, 1)), bound, ctypes.addressof(empty)
        )
        assert empty[1] >= empty[0] > 0
