"""Profiles of kernels that really run: times, bytes, nesting, failures, whole processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import metal_runtime
from metal_runtime import api
from metal_runtime.errors import IrisError
from metal_runtime.profile import load, roofline
from metal_runtime.profile.capture import Capture
from metal_runtime.profile.memory import leak_suspects
from metal_runtime.profile.timeline import timeline
from metal_runtime.recording.events import CompileEvent, LaunchEvent, PoolEvent, SyncEvent
from metal_runtime.recording.recorder import RECORDER
from metal_runtime.runtime.sessions import get_session

SOURCE = """
#include <metal_stdlib>
using namespace metal;
kernel void turn(device const float* x [[buffer(0)]], device float* y [[buffer(1)]],
                 constant int& steps [[buffer(2)]], uint i [[thread_position_in_grid]]) {
    float value = x[i];
    for (int step = 0; step < steps; ++step) value = fma(value, 0.5f, 1.0f);
    y[i] = value;
}
"""
COUNT = 4096


@pytest.fixture
def turn():
    kernel = metal_runtime.compile(SOURCE).turn
    x, y = api.asarray(np.ones(COUNT, np.float32)), api.empty(COUNT)

    def launch(steps=1):
        kernel(x, y, steps, threads=COUNT)

    launch()
    api.synchronize()
    return launch


def test_lanes_of_two_streams_add_up_to_the_wall_time(turn):
    """2,000 launches, each tenth waiting for the other stream. Best of three: other processes run beside."""
    off = []
    for _ in range(3):
        streams = [api.Stream(), api.Stream()]
        with api.profile(roofline=False) as p:
            begin = time.monotonic_ns()
            for n in range(2000):
                stream, other = streams[n % 2], streams[1 - n % 2]
                if n % 10 == 0:
                    stream.wait(other.record())
                with stream:
                    turn(200)
            api.synchronize()
            wall = time.monotonic_ns() - begin
        lanes = [lane for lane in timeline(p.recording).streams if lane.stream]
        assert [len(lane.spans) for lane in lanes] == [1000, 1000]
        assert all(lane.is_device_time for lane in lanes)
        for lane in lanes:
            assert lane.busy_ns + lane.gap_ns == lane.end - lane.begin
        assert all(begin <= lane.begin and lane.end <= begin + wall for lane in lanes)
        off.append(max(1 - (lane.busy_ns + lane.gap_ns) / wall for lane in lanes))
        if off[-1] < 0.05:
            break
    assert min(off) < 0.05, off


def test_bytes_and_rates_agree_with_a_hand_count(turn):
    with api.profile(roofline=False) as p:
        for _ in range(7):
            turn()
    (row,) = p.kernels
    launches = [event for event in p.recording.events if isinstance(event, LaunchEvent)]
    assert (row.facts.name, row.calls, row.timed_calls) == ("turn", 7, 7)
    assert row.work.written_bytes == 7 * 4 * COUNT
    assert row.work.read_bytes in (7 * 4 * COUNT, 2 * 7 * 4 * COUNT)  # y may be read, too
    seconds = sum(e.device_end - e.device_begin for e in launches) * 1e-9
    moved = row.work.read_bytes + row.work.written_bytes
    assert row.bandwidth == pytest.approx(moved / seconds)
    assert launches[0].place.file == __file__


def test_operators_count_their_arithmetic():
    x = api.asarray(np.ones((100, 50), np.float32))
    with api.profile(roofline=False) as p:
        y = (x * 3 + 1).sum(axis=1)
        y.numpy()
    (row,) = p.kernels
    assert row.work == (4 * 5000, 4 * 100, row.work.operations)
    assert 3 * 5000 - 100 <= row.work.operations <= 3 * 5000
    assert any(isinstance(event, SyncEvent) for event in p.recording.events)


def test_profiles_within_each_other_and_in_threads(turn):
    with api.profile(roofline=False) as outer:
        turn()
        with api.profile(roofline=False) as inner:
            turn()
            turn()
        turn()
    assert (outer.kernels[0].calls, inner.kernels[0].calls) == (4, 2)
    found, barrier = {}, threading.Barrier(3)

    def work(name):
        with api.profile(roofline=False) as p:
            barrier.wait()
            turn()
            barrier.wait()
        found[name] = p

    threads = [threading.Thread(target=work, args=(name,)) for name in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [p.kernels[0].calls for p in found.values()] == [3, 3, 3]
    assert not RECORDER.on


def test_an_exception_goes_through_and_what_ran_before_is_there(turn):
    with pytest.raises(ZeroDivisionError), api.profile(roofline=False) as p:
        turn()
        raise ZeroDivisionError
    assert p.kernels[0].calls == 1
    assert not RECORDER.on
    with pytest.raises(IrisError, match="begun already"), p:
        pass


def test_a_block_in_which_nothing_happens():
    with api.profile() as p:
        pass
    assert p.kernels == []
    assert "0 launches" in str(p)
    assert Capture is not None


def test_a_capture_that_was_not_begun():
    with pytest.raises(IrisError, match="has not begun"):
        Capture().stop()


def test_a_leaking_line_is_on_top():
    kept, x = [], api.asarray(np.ones(1000, np.float32))
    x.numpy()
    with api.profile(roofline=False) as p:
        weights = [api.empty(1 << 20) for _ in range(4)]
        for n in range(64):
            kept.append((x + n).numpy())  # the leak
            _ = (x * n).numpy()
    suspects = leak_suspects(p.recording)
    with open(__file__) as source:
        text = source.read().split("\n")[suspects[0].place.line - 1]
    assert text.endswith("# the leak")
    assert len(suspects) == 1
    pools = [event for event in p.recording.events if isinstance(event, PoolEvent)]
    held = get_session().pool.statistics()
    assert pools[-1].used_bytes >= held.used_bytes - (1 << 20)
    assert len(weights) == 4


def test_the_roofline_is_measured_once_and_kept(tmp_path, monkeypatch, turn):
    monkeypatch.setenv("IRIS_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(roofline, "_COPY_BYTES", roofline._LEAST_BYTES)
    with api.profile() as p:
        turn(1000)
    (facts,) = [device for device in p.recording.devices if device.copy_bandwidth]
    assert 1e8 < facts.copy_bandwidth < 1e13
    assert 1e8 < facts.multiply_add_rate < 1e15
    assert p.kernels[0].roofline_share > 0
    monkeypatch.setattr(roofline, "measure", lambda session: pytest.fail("measured again"))
    with api.profile() as again:
        turn()
    assert again.recording.devices == p.recording.devices
    (file,) = (tmp_path / "roofline").iterdir()
    file.write_text("[1")
    monkeypatch.setattr(roofline, "measure", lambda session: (2.0, 3.0))
    with api.profile() as damaged:
        turn()
    assert damaged.recording.devices[0].copy_bandwidth == 2.0


PROGRAM = """
import numpy as np
from metal_runtime import api
x = api.asarray(np.ones(10, np.float32))
(x + 1).numpy()
"""


def run(wish):
    environment = {**os.environ, "IRIS_PROFILE": str(wish)}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_a_whole_process(tmp_path):
    found = run(tmp_path / "x.json")
    assert found.returncode == 0
    assert "add_float32" in found.stderr
    assert found.stdout == ""
    recording = load(tmp_path / "x.json").recording
    assert any(isinstance(event, CompileEvent) for event in recording.events)
    assert json.loads((tmp_path / "x.json").read_text())["traceEvents"]
    wrong = run("x.txt")
    assert wrong.returncode == 1
    assert "IRIS_PROFILE is 'x.txt'" in wrong.stderr
