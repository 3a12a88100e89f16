"""The ring: numbers, readers that are slow, launches that have not ended, threads, forks."""

import ctypes
import os
import threading
from pathlib import Path

import numpy as np
import pytest

from metal_runtime import MslError, api, kernel, metal, ops
from metal_runtime.recording.events import (
    Cache,
    CompileEvent,
    Direction,
    ErrorEvent,
    FlushEvent,
    FusionEvent,
    LaunchEvent,
    Place,
    PoolAction,
    PoolEvent,
    SyncEvent,
    TransferEvent,
)
from metal_runtime.recording.recorder import RECORDER, Recorder, now

PLACE = (compile("\n" * 6 + "f()", "a.py", "exec"), 2)


def sync(recorder, device="cpu"):
    recorder.note(SyncEvent, 1, 2, 3, device, PLACE)


def test_events_come_back_in_order_and_typed():
    recorder = Recorder(8)
    assert not recorder.on
    first = recorder.start()
    sync(recorder)
    sync(recorder, "metal")
    reading = recorder.read(first)
    assert reading.events == (
        SyncEvent(0, 1, 2, 3, "cpu", Place("a.py", 7)),
        SyncEvent(1, 1, 2, 3, "metal", Place("a.py", 7)),
    )
    assert (reading.next, reading.dropped) == (2, 0)
    assert recorder.read(reading.next).events == ()
    assert [e.number for e in recorder.read(first, most=1).events] == [0]
    assert recorder.read(first, most=1).next == 1


def test_who_reads_too_late_is_told_how_much_is_missing():
    recorder = Recorder(8)
    recorder.start()
    for _ in range(21):
        sync(recorder)
    reading = recorder.read(2)
    assert [event.number for event in reading.events] == list(range(13, 21))
    assert (reading.next, reading.dropped) == (21, 11)


def test_a_launch_is_read_again_until_it_has_ended():
    recorder = Recorder(8)
    recorder.start()
    number = next(recorder.numbers)
    words = (ctypes.c_uint64 * 2).from_address(recorder.times_at)
    words[0] = words[1] = 0
    assert recorder.read(0).events == ()  # not noted yet
    recorder.ring[0] = (
        number, LaunchEvent, True, 1, 2, 3, 99, "cpu", 0, (1, 1, 1), (1, 1, 1), (8, 4, None), None
    )  # fmt: skip
    sync(recorder)
    reading = recorder.read(0)
    assert [event.number for event in reading.events] == [0, 1]
    assert reading.events[0].device_end == 0
    assert reading.next == 0
    words[0], words[1] = 5, 9
    reading = recorder.read(0)
    assert (reading.events[0].device_begin, reading.events[0].device_end) == (5, 9)
    assert reading.next == 2


def test_it_is_on_while_anybody_listens():
    recorder = Recorder(8)
    recorder.start()
    recorder.start()
    recorder.stop()
    assert recorder.on
    recorder.stop()
    assert not recorder.on


def test_threads_lose_no_event():
    recorder = Recorder(1 << 14)
    recorder.start()
    threads = [
        threading.Thread(target=lambda: [sync(recorder) for _ in range(1000)]) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    seen, since = [], 0
    while any(thread.is_alive() for thread in threads):
        reading = recorder.read(since)
        seen += [event.number for event in reading.events]
        since = reading.next
    seen += [event.number for event in recorder.read(since).events]
    assert seen == list(range(8000))


def test_a_child_starts_with_nothing():
    RECORDER.start()
    try:
        child = os.fork()
        if not child:
            os._exit(int(RECORDER.on))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    finally:
        RECORDER.stop()


@kernel
def recorded_saxpy(x: "device const float*", y: "device float*", a: "float", n: "uint"):
    i = metal.thread_id()
    if i < n:
        y[i] = a * x[i] + y[i]


@pytest.fixture
def recorded():
    """What the test has done so far, by kind."""
    first = RECORDER.start()

    def read(kind):
        return [event for event in RECORDER.read(first).events if isinstance(event, kind)]

    yield read
    RECORDER.stop()


def line_of(text):
    lines = Path(__file__).read_text("utf-8").splitlines()
    (found,) = (k for k, line in enumerate(lines, 1) if line.endswith(f"# {text}"))
    return Place(__file__, found)


def test_a_launch_with_its_work_its_line_and_the_device_s_times(recorded):
    n = 1000
    x, y = api.asarray(np.ones(n, np.float32)), api.asarray(np.ones(n, np.float32))
    before = now()
    recorded_saxpy(x, y, 2.0, n, threads=n)  # launched here
    api.synchronize()
    after = now()
    (launch,) = recorded(LaunchEvent)
    assert launch.work == (8000, 4000, None)
    assert launch.place == line_of("launched here")
    assert before <= launch.begin <= launch.device_begin <= launch.device_end <= after
    assert (launch.grid, launch.stream, launch.device) == ((n, 1, 1), 0, "cpu")
    facts = RECORDER.kernels[launch.kernel]
    assert facts.name == "recorded_saxpy"
    assert facts.msl == recorded_saxpy.msl_source
    assert facts.place == Place(__file__, facts.place.line)
    assert facts.python.startswith("def recorded_saxpy(")
    assert "y[i] = a" in facts.python


def test_operators_their_plan_and_whose_memory_it_is(recorded):
    x = api.asarray(np.ones(1003, np.float32))
    y = (x + 1.0) * 2.0  # made here
    api.synchronize()
    z = (x + 1.0) * 2.0
    api.synchronize()
    first, second = recorded(FlushEvent)
    assert (first.operators, first.kernels, first.is_new) == (2, 1, True)
    assert not second.is_new
    (fusion,) = recorded(FusionEvent)
    assert fusion.report.startswith("2 operators in 1 kernel")
    assert "<svg" in fusion.svg
    (launch, _) = recorded(LaunchEvent)
    assert launch.work == (4 * 1003, 4 * 1003, 2 * 1003)
    owners = [block.place for block in RECORDER.live.values()]
    assert line_of("made here") in owners
    assert y.shape == z.shape
    del y
    assert line_of("made here") not in [block.place for block in RECORDER.live.values()]


def test_memory_transfers_and_waits(recorded):
    x = api.asarray(np.ones(5000, np.float32))
    x.to_numpy()
    x.close()
    up, down = recorded(TransferEvent)
    assert (up.direction, up.nbytes) == (Direction.TO_DEVICE, 20000)
    assert (down.direction, down.nbytes) == (Direction.TO_HOST, 20000)
    took, gave = recorded(PoolEvent)
    assert took.action in (PoolAction.ALLOCATE, PoolAction.REUSE)
    assert gave.action is PoolAction.RELEASE
    assert took.used_bytes - gave.used_bytes == took.nbytes == 20480
    assert took.blocks - gave.blocks == 1
    assert recorded(SyncEvent)


def test_the_figures_of_memory_are_those_of_the_pool(recorded):
    kept = [api.empty(1 + 777 * k) for k in range(9)]
    del kept[::2]
    event = recorded(PoolEvent)[-1]
    figures = api.device().memory()
    assert (event.used_bytes, event.allocated_bytes) == (
        figures.used_bytes,
        figures.allocated_bytes,
    )
    assert event.blocks == figures.used_blocks


def test_stages_of_compiling_and_what_the_caches_had(recorded, tmp_path, monkeypatch):
    monkeypatch.setenv("IRIS_CACHE_DIR", str(tmp_path))

    def compiled():
        @kernel
        def recorded_once(x: "device float*"):
            x[metal.thread_id()] = 3.0

        recorded_once(api.empty(4), threads=4)

    compiled()
    stages = {event.stage: event for event in recorded(CompileEvent)}
    assert list(stages) == [
        "find",
        "python",
        "passes",
        "emit",
        "check",
        "translate",
        "clang",
        "load",
    ]
    assert stages["find"].cache is stages["clang"].cache is Cache.MISS
    assert stages["clang"].kernel == "recorded_once"


def test_errors_are_noted_once(recorded):
    with pytest.raises(MslError):
        api.register_kernel(
            "wrong", "kernel void wrong(device float* x [[buffer(0)]]) { y = 1; }", "wrong"
        )
    (error,) = recorded(ErrorEvent)
    assert error.error == "MslError"
    assert "`y`" in error.message or "'y'" in error.message


def test_nothing_is_noted_while_nobody_listens():
    before = RECORDER.next_number
    x = api.asarray(np.ones(10, np.float32))
    (x + 1.0).to_numpy()
    ops.sum(x).to_numpy()
    assert RECORDER.next_number == before
