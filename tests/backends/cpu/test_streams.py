"""Streams of the CPU device: launches in flight, their order, events, faults, what ends with them."""

from __future__ import annotations

import gc
import os
import signal
import struct
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from metal_runtime.backends.cpu.native_runtime import native_runtime
from metal_runtime.backends.cpu.stream import CpuEvent, CpuStream
from metal_runtime.device.launch_config import LaunchConfig
from metal_runtime.errors import DeviceError, KernelFault, LaunchError
from tests.backends.cpu.device_runs import device, memory_of, pipeline
from tests.backends.cpu.test_faults import ENDLESS

STEP = """kernel void step(device uint* x, constant uint& k, uint i [[thread_position_in_grid]]) {
    x[i] = x[i] * 3 + k; }"""
SLOW = """kernel void slow(device uint* x, constant uint& rounds, uint i [[thread_position_in_grid]]) {
    uint s = x[i]; for (uint r = 0; r < rounds; ++r) s = s * 1664525 + 1013904223; x[i] = s; }"""
QUOTIENT = """kernel void quotient(device int* x, constant int& by, uint i [[thread_position_in_grid]]) {
    x[i] = x[i] / by; }"""
COPY = """kernel void copy(device const uint* x, device uint* y, uint i [[thread_position_in_grid]]) {
    y[i] = x[i]; }"""
LONG = 1 << 20  # work items that no launch runs on the calling thread


class Memory:
    """An array in device memory."""

    def __init__(self, array: np.ndarray) -> None:
        self.allocation = device().allocator.allocate(max(array.nbytes, 1))
        self.view = memory_of(self.allocation, array.shape, array.dtype)
        self.view[...] = array
        self.binding = (self.allocation, 0)

    def free(self) -> None:
        del self.view
        device().allocator.free(self.allocation)


@pytest.fixture
def put() -> Iterator[object]:
    made: list[Memory] = []

    def make(array: np.ndarray) -> Memory:
        made.append(Memory(array))
        return made[-1]

    yield make
    device().synchronize()
    for memory in made:
        memory.free()


def launch(stream: CpuStream, compiled: object, n: int, *bindings: object) -> None:
    bound = [b if isinstance(b, bytes) else b.binding for b in bindings]  # type: ignore[attr-defined]
    stream.launch(compiled, LaunchConfig((n, 1, 1), (64, 1, 1)), bound)


def u32(value: int) -> bytes:
    return struct.pack("<I", value)


def occupy(stream: CpuStream, x: Memory, milliseconds: float = 300) -> None:
    """A launch that takes about that long, and whose length the device knows."""
    compiled = pipeline(SLOW, "slow")
    n = x.view.size
    begin = time.perf_counter()
    launch(stream, compiled, n, x, u32(2000))
    stream.synchronize()
    rounds = int(2000 * milliseconds * 1e-3 / (time.perf_counter() - begin))
    launch(stream, compiled, n, x, u32(max(rounds, 2000)))


def test_python_goes_on_while_a_long_launch_runs(put) -> None:
    stream, event, x = device().new_stream(), device().new_event(), put(np.zeros(4096, np.uint32))
    occupy(stream, x)
    stream.record(event)
    assert not event.is_done()
    event.synchronize()
    assert event.is_done()
    stream.synchronize()


def test_a_short_launch_on_an_idle_stream_has_ended_when_it_returns(put) -> None:
    stream, x, compiled = device().new_stream(), put(np.zeros(4, np.uint32)), pipeline(STEP, "step")
    for k in range(1, 50):
        x.view[:] = 1
        launch(stream, compiled, 4, x, u32(k))
        assert x.view.tolist() == [3 + k] * 4


def test_launches_of_every_length_run_in_order(put, rng: np.random.Generator) -> None:
    stream, compiled = device().new_stream(), pipeline(STEP, "step")
    x, expected = put(np.zeros(LONG, np.uint32)), np.zeros(LONG, np.uint32)
    for _ in range(300):
        n, k = int(rng.choice([1, 100, 5000, LONG])), int(rng.integers(1 << 32))
        launch(stream, compiled, n, x, u32(k))
        expected[:n] = expected[:n] * np.uint32(3) + np.uint32(k)
    stream.synchronize()
    np.testing.assert_array_equal(x.view, expected)


def test_values_are_copied_when_they_are_queued(put) -> None:
    stream, compiled, x = (
        device().new_stream(),
        pipeline(STEP, "step"),
        put(np.zeros(64, np.uint32)),
    )
    occupy(stream, put(np.zeros(4096, np.uint32)), 50)
    for k in range(2000):
        launch(stream, compiled, 64, x, u32(k))
        gc.collect(0)
    stream.synchronize()
    expected = 0
    for k in range(2000):
        expected = (expected * 3 + k) % 2**32
    assert (x.view == expected).all()


def test_two_streams_are_in_flight_at_once(put) -> None:
    device().close()
    native_runtime().set_threads(2)
    first, second = device().new_stream(), device().new_stream()
    done, also = device().new_event(), device().new_event()
    flag, compiled = put(np.zeros(2, np.int32)), pipeline(ENDLESS, "endless")
    # One thread that waits for a flag; what sets it is launched behind it, on another stream.
    seen = threading.Thread(target=lambda: launch(first, compiled, 1, flag))
    seen.start()
    store, value = pipeline(COPY, "copy"), put(np.ones(1, np.uint32))
    launch(second, store, 1, value, flag)
    second.record(also)
    also.synchronize()
    seen.join(20)
    first.record(done)
    first.synchronize()
    assert done.is_done()
    assert flag.view.tolist() == [1, 1]


def test_events_order_streams(put, rng: np.random.Generator) -> None:
    compiled, copy = pipeline(STEP, "step"), pipeline(COPY, "copy")
    streams = [device().new_stream() for _ in range(3)]
    n = LONG // 4
    x, copies = put(np.zeros(n, np.uint32)), [put(np.zeros(n, np.uint32)) for _ in range(40)]
    expected, value = [], 0
    for turn, target in enumerate(copies):
        stream, event = streams[turn % 3], device().new_event()
        launch(stream, compiled, n, x, u32(turn))
        launch(stream, copy, n, x, target)
        value = (value * 3 + turn) % 2**32
        expected.append(value)
        stream.record(event)
        streams[(turn + 1) % 3].wait(event)
    for stream in streams:
        stream.synchronize()
    for target, want in zip(copies, expected, strict=True):
        assert (target.view == want).all()


def test_waiting_does_not_block_the_host(put) -> None:
    first, second, event = device().new_stream(), device().new_stream(), device().new_event()
    x, y = put(np.zeros(4096, np.uint32)), put(np.zeros(4, np.uint32))
    step = pipeline(STEP, "step")
    occupy(first, x)
    first.record(event)
    second.wait(event)
    launch(second, step, 4, y, u32(7))
    assert y.view.tolist() == [0] * 4
    assert not event.is_done()
    second.synchronize()
    assert event.is_done()
    assert y.view.tolist() == [7] * 4


def test_an_event_is_a_point_in_time_and_may_be_recorded_again(put) -> None:
    stream, x = device().new_stream(), put(np.zeros(4096, np.uint32))
    a, b = device().new_event(), device().new_event()
    assert a.is_done()
    a.synchronize()
    stream.wait(a)  # never recorded: nothing to wait for
    with pytest.raises(DeviceError, match="not recorded"):
        device().seconds_between(a, b)
    begin = time.perf_counter()
    stream.record(a)
    occupy(stream, x, 100)
    stream.record(b)
    spent = device().seconds_between(a, b)
    assert 0.02 < spent <= time.perf_counter() - begin
    assert device().seconds_between(b, a) == -spent
    stream.record(a)
    assert device().seconds_between(b, a) >= 0
    with pytest.raises(DeviceError, match="not an event of the CPU device"):
        stream.record(object())  # type: ignore[arg-type]


@pytest.mark.parametrize("n", [1, 5000, LONG])
def test_a_fault_is_named_told_once_and_hurts_no_other_stream(put, n: int) -> None:
    bad, good = device().new_stream(), device().new_stream()
    x, y = put(np.ones(n, np.int32)), put(np.zeros(LONG, np.uint32))
    step, quotient = pipeline(STEP, "step"), pipeline(QUOTIENT, "quotient")
    with pytest.raises(KernelFault, match="kernel `quotient`: an integer was divided by zero"):
        for k in range(5):
            launch(bad, quotient, n, x, u32(k % 2))
            launch(good, step, LONG, y, u32(k))
        bad.synchronize()
    bad.synchronize()
    good.synchronize()
    x.view[:] = 12
    launch(bad, quotient, n, x, u32(4))
    bad.synchronize()
    assert (x.view == 3).all()


def test_what_is_queued_behind_a_fault_is_dropped_and_its_events_are_done(put) -> None:
    bad, other = device().new_stream(), device().new_stream()
    x, y, z = put(np.ones(LONG, np.int32)), put(np.zeros(8, np.uint32)), put(np.zeros(8, np.uint32))
    event, step, quotient = (
        device().new_event(),
        pipeline(STEP, "step"),
        pipeline(QUOTIENT, "quotient"),
    )
    occupy(bad, put(np.zeros(4096, np.uint32)), 50)
    launch(bad, quotient, LONG, x, u32(0))
    launch(bad, step, 8, y, u32(1))
    bad.record(event)
    other.wait(event)
    launch(other, step, 8, z, u32(1))
    with pytest.raises(KernelFault, match="quotient"):
        event.synchronize()
    assert event.is_done()
    with pytest.raises(KernelFault, match="quotient"):  # it would have run on what the other left
        other.synchronize()
    with pytest.raises(KernelFault, match="quotient"):
        launch(bad, step, 8, y, u32(1))
    assert y.view.tolist() == z.view.tolist() == [0] * 8
    launch(bad, step, 8, y, u32(1))
    launch(other, step, 8, z, u32(2))
    bad.synchronize()
    other.synchronize()
    assert (y.view.tolist(), z.view.tolist()) == ([1] * 8, [2] * 8)


def test_divergence_of_a_queued_launch_is_told_with_its_line(put) -> None:
    text = """kernel void halves(device uint* x, uint i [[thread_position_in_grid]],
        uint t [[thread_index_in_threadgroup]]) {
        if (t < 16) threadgroup_barrier(mem_flags::mem_device);
        x[i] = i; }"""
    stream, x = device().new_stream(), put(np.zeros(1 << 16, np.uint32))
    compiled = pipeline(text, "halves")
    occupy(stream, put(np.zeros(4096, np.uint32)), 50)
    launch(stream, compiled, 1 << 16, x)
    with pytest.raises(KernelFault, match=r"reached by 16 of 64 threads(.|\n)*t < 16"):
        stream.synchronize()


def test_a_launch_that_cannot_be_is_refused_at_once_and_poisons_nothing(put) -> None:
    stream, x = device().new_stream(), put(np.zeros(4, np.uint32))
    compiled = pipeline(STEP, "step")
    occupy(stream, put(np.zeros(4096, np.uint32)), 50)
    with pytest.raises(LaunchError, match="cannot be launched"):
        stream.launch(compiled, LaunchConfig((0, 1, 1), (1, 1, 1)), [x.binding, u32(1)])
    launch(stream, compiled, 4, x, u32(5))
    stream.synchronize()
    assert x.view.tolist() == [5] * 4


@pytest.fixture
def short_limit() -> Iterator[None]:
    before = native_runtime().time_limit
    native_runtime().limit_time(0.3)
    yield
    native_runtime().limit_time(before)


def test_the_time_limit_ends_a_queued_launch_and_frees_the_workers(put, short_limit: None) -> None:
    stuck, good = device().new_stream(), device().new_stream()
    x, y = put(np.zeros(2, np.int32)), put(np.zeros(LONG, np.uint32))
    endless = pipeline(ENDLESS, "endless")
    occupy(stuck, put(np.zeros(4096, np.uint32)), 50)
    launch(stuck, endless, 100_000, x)
    for k in range(3):
        launch(good, pipeline(STEP, "step"), LONG, y, u32(k))
    good.synchronize()
    assert (y.view == 5).all()
    with pytest.raises(KernelFault, match=r"kernel `endless`: it still ran after 0\.3 seconds"):
        stuck.synchronize()


@pytest.mark.parametrize("behind_an_event", [False, True])
@pytest.mark.parametrize("how", ["stream", "event"])
def test_ctrl_c_ends_the_wait_and_what_it_waits_for(put, how: str, behind_an_event: bool) -> None:
    stream, other, event = device().new_stream(), device().new_stream(), device().new_event()
    x, y = put(np.zeros(2, np.int32)), put(np.zeros(8, np.uint32))
    endless = pipeline(ENDLESS, "endless")
    occupy(stream, put(np.zeros(4096, np.uint32)), 100)
    launch(stream, endless, 100_000, x)
    stream.record(event)
    waited: CpuStream = stream
    if behind_an_event:
        other.wait(event)
        launch(other, pipeline(STEP, "step"), 8, y, u32(1))
        event, waited = device().new_event(), other
        other.record(event)
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        (waited if how == "stream" else event).synchronize()
    timer.join()
    waited.synchronize()
    launch(waited, pipeline(STEP, "step"), 8, y, u32(3))
    waited.synchronize()
    assert y.view.tolist() == [3] * 8
    x.view[0] = 1  # what still runs may end


def test_streams_dropped_in_flight_run_to_their_end_and_are_used_again(put) -> None:
    step = pipeline(STEP, "step")
    x = [put(np.zeros(LONG, np.uint32)) for _ in range(20)]
    for memory in x:
        stream = device().new_stream()
        for k in range(4):
            launch(stream, step, LONG, memory, u32(k))
        del stream
    device().synchronize()
    for memory in x:
        assert (memory.view == 18).all()
    handles = {device().new_stream().handle for _ in range(50)}
    assert len(handles) <= 25


def test_faults_of_dropped_streams_are_told(put) -> None:
    stream, quotient = device().new_stream(), pipeline(QUOTIENT, "quotient")
    occupy(stream, put(np.zeros(4096, np.uint32)), 50)
    launch(stream, quotient, LONG, put(np.ones(LONG, np.int32)), u32(0))
    del stream
    with pytest.raises(KernelFault, match="quotient"):
        device().synchronize()
    device().synchronize()


def test_a_pipeline_may_be_dropped_while_its_launch_is_queued(put) -> None:
    stream, x = device().new_stream(), put(np.ones(LONG, np.int32))
    compiled = pipeline(QUOTIENT.replace("quotient", "dropped"), "dropped")
    occupy(stream, put(np.zeros(4096, np.uint32)), 100)
    launch(stream, compiled, LONG, x, u32(0))
    del compiled
    gc.collect()
    with pytest.raises(KernelFault, match="kernel `dropped`: an integer was divided by zero"):
        stream.synchronize()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_fork_with_work_in_flight(put) -> None:
    stream, event, x = device().new_stream(), device().new_event(), put(np.zeros(LONG, np.uint32))
    step = pipeline(STEP, "step")
    for k in range(20):
        launch(stream, step, LONG, x, u32(k))
    stream.record(event)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            before = x.view.copy()
            assert event.is_done()
            launch(stream, step, LONG, x, u32(20))
            stream.synchronize()
            assert (x.view == before * np.uint32(3) + np.uint32(20)).all()
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    stream.synchronize()
    expected = 0
    for k in range(20):
        expected = (expected * 3 + k) % 2**32
    assert (x.view == expected).all()


@pytest.mark.parametrize("threads", [1, 2, 7])
def test_random_graphs_over_streams_and_threads(put, threads: int) -> None:
    """Each host thread has streams of its own with its own numbers, ordered by events among them."""
    device().close()
    native_runtime().set_threads(threads)
    failures: list[BaseException] = []
    sizes = (1, 64, 3000, 200_000)
    memories = [[put(np.zeros(200_000, np.uint32)) for _ in range(3)] for _ in range(4)]

    def work(seed: int) -> None:
        try:
            _random_graph(np.random.default_rng(seed), memories[seed], sizes)
        except BaseException as failure:
            failures.append(failure)

    hosts = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for host in hosts:
        host.start()
    for host in hosts:
        host.join(120)
        assert not host.is_alive()
    device().close()
    native_runtime().set_threads(2)
    if failures:
        raise failures[0]


def _random_graph(rng: np.random.Generator, memories: list[Memory], sizes: tuple[int, ...]) -> None:
    step, copy = pipeline(STEP, "step"), pipeline(COPY, "copy")
    streams = [device().new_stream() for _ in range(3)]
    values = [np.zeros(m.view.size, np.uint32) for m in memories]
    last: list[CpuEvent | None] = [None] * 3  # of each memory: when its latest use has ended
    for _ in range(150):
        stream, n = streams[rng.integers(3)], int(rng.choice(sizes))
        a, b = (int(i) for i in rng.permutation(3)[:2])
        for event in (last[a], last[b]):
            if event is not None:
                stream.wait(event)
        if rng.integers(2):
            k = int(rng.integers(1 << 32))
            launch(stream, step, n, memories[a], u32(k))
            values[a][:n] = values[a][:n] * np.uint32(3) + np.uint32(k)
        else:
            launch(stream, copy, n, memories[a], memories[b])
            values[b][:n] = values[a][:n]
        last[a] = last[b] = device().new_event()
        stream.record(last[a])
        if rng.integers(20) == 0:
            streams[rng.integers(3)].synchronize()
    for stream in streams:
        stream.synchronize()
    for memory, value in zip(memories, values, strict=True):
        np.testing.assert_array_equal(memory.view, value)


def test_counts_of_launches_tell_what_has_ended(put) -> None:
    first, second = device().new_stream(), device().new_stream()
    step, y = pipeline(STEP, "step"), put(np.zeros(4, np.uint32))
    occupy(first, put(np.zeros(4096, np.uint32)))
    moment = device().launched()
    assert device().ended() < moment
    for k in range(5):
        launch(second, step, 4, y, u32(k))
    second.synchronize()
    assert device().ended() < moment  # the first still runs
    first.synchronize()
    assert device().ended() >= moment
    assert device().ended() <= device().launched()
