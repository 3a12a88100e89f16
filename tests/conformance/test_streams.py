"""What every device's streams and events must do alike: order, waiting, times, what has ended."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from metal_runtime.device.launch_config import LaunchConfig
from metal_runtime.errors import DeviceError

STEP = """kernel void step(device uint* x [[buffer(0)]], constant uint& k [[buffer(1)]],
    uint i [[thread_position_in_grid]]) { x[i] = x[i] * 3 + k; }"""
COPY = """kernel void copy(device const uint* x [[buffer(0)]], device uint* y [[buffer(1)]],
    uint i [[thread_position_in_grid]]) { y[i] = x[i]; }"""
LENGTHS = [1, 500, 20_000]


def launch(stream, pipeline, n, *bindings):
    stream.launch(pipeline, LaunchConfig((n, 1, 1), (32, 1, 1)), list(bindings))


def u32(value: int) -> bytes:
    return struct.pack("<I", value)


@pytest.mark.parametrize("n", LENGTHS)
def test_each_stream_is_in_order(bench, n):
    step = bench.pipeline(STEP, "step")
    streams = [bench.device.stream, bench.device.new_stream(), bench.device.new_stream()]
    blocks = [bench.put(np.zeros(n, np.uint32)) for _ in streams]
    expected = [0, 0, 0]
    for turn in range(60):
        for which, stream in enumerate(streams):
            launch(stream, step, n, blocks[which].binding, u32(turn + which))
            expected[which] = (expected[which] * 3 + turn + which) % 2**32
    bench.device.synchronize()
    for block, want in zip(blocks, expected, strict=True):
        assert (bench.view(block, np.uint32, (n,)) == want).all()


@pytest.mark.parametrize("n", LENGTHS)
def test_events_order_streams(bench, n):
    step, copy = bench.pipeline(STEP, "step"), bench.pipeline(COPY, "copy")
    streams = [bench.device.new_stream() for _ in range(3)]
    block = bench.put(np.zeros(n, np.uint32))
    copies, expected, value = [], [], 0
    for turn in range(30):
        stream, event = streams[turn % 3], bench.device.new_event()
        launch(stream, step, n, block.binding, u32(turn))
        copies.append(bench.put(np.zeros(n, np.uint32)))
        launch(stream, copy, n, block.binding, copies[-1].binding)
        value = (value * 3 + turn) % 2**32
        expected.append(value)
        stream.record(event)
        streams[(turn + 1) % 3].wait(event)
    streams[29 % 3].synchronize()  # behind all others
    for target, want in zip(copies, expected, strict=True):
        assert (bench.view(target, np.uint32, (n,)) == want).all()
    bench.device.synchronize()


def test_events_are_waited_for_and_measure_time(bench):
    step, block = bench.pipeline(STEP, "step"), bench.put(np.zeros(5000, np.uint32))
    stream = bench.device.new_stream()
    first, second, never = (bench.device.new_event() for _ in range(3))
    assert never.is_done()
    never.synchronize()
    stream.wait(never)
    stream.record(first)
    for k in range(20):
        launch(stream, step, 5000, block.binding, u32(k))
    stream.record(second)
    second.synchronize()
    assert first.is_done()
    assert second.is_done()
    spent = bench.device.seconds_between(first, second)
    assert 0 <= spent < 60
    assert bench.device.seconds_between(second, first) == -spent
    with pytest.raises(DeviceError, match="not recorded"):
        bench.device.seconds_between(first, never)
    stream.synchronize()


def test_moments_of_launches(bench):
    step, block = bench.pipeline(STEP, "step"), bench.put(np.zeros(50_000, np.uint32))
    streams = [bench.device.new_stream() for _ in range(2)]
    last = 0
    for turn in range(40):
        launch(streams[turn % 2], step, 50_000 if turn % 3 else 10, block.binding, u32(turn))
        moment = bench.device.launched()
        assert moment >= last
        last = moment
        if turn % 10 == 9:
            streams[0].synchronize()
            streams[1].synchronize()
            assert bench.device.ended() >= moment


def test_a_dropped_stream_does_its_work(bench):
    step, block = bench.pipeline(STEP, "step"), bench.put(np.zeros(20_000, np.uint32))
    stream, event = bench.device.new_stream(), bench.device.new_event()
    for k in range(10):
        launch(stream, step, 20_000, block.binding, u32(k))
    stream.record(event)
    del stream
    event.synchronize()
    expected = 0
    for k in range(10):
        expected = expected * 3 + k
    assert (bench.view(block, np.uint32, (20_000,)) == expected).all()
