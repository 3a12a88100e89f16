"""The session: one device for many threads, elementwise operators by name, forks, the end."""

from __future__ import annotations

import multiprocessing
import threading

import numpy as np
import pytest

from metal_runtime import api
from metal_runtime.dtype import DType
from metal_runtime.errors import DeviceError, LaunchError
from metal_runtime.kernel import kernel
from metal_runtime.runtime import MetalBuffer, get_runtime
from metal_runtime.runtime.session import LoggedEvent, Session
from metal_runtime.runtime.sessions import get_session, set_session
from tests.runtime.fake_device import FakeDevice


def test_get_runtime_is_the_session(fake):
    assert get_runtime() is get_session() is fake
    assert isinstance(api.zeros(3), MetalBuffer)


def test_many_threads_open_one_device(monkeypatch):
    opened = []

    def open_device(name):
        opened.append(name)
        return FakeDevice()

    monkeypatch.setattr("metal_runtime.runtime.session.open_device", open_device)
    session = Session("fake")
    start = threading.Barrier(8)
    devices, pools = [], []

    def work():
        start.wait()
        devices.append(session.device)
        pools.append(session.pool)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert opened == ["fake"]
    assert len(set(map(id, devices))) == len(set(map(id, pools))) == 1


def test_many_threads_get_one_session():
    before = set_session(None)
    try:
        start = threading.Barrier(8)
        sessions = []

        def work():
            start.wait()
            sessions.append(get_session())

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(set(map(id, sessions))) == 1
    finally:
        set_session(before)


def test_an_unknown_device_is_an_error_on_first_use():
    session = Session("toaster")
    with pytest.raises(DeviceError, match="there is no device `toaster`"):
        _ = session.device


def test_close_gives_everything_back_once(fake):
    device = fake.device
    buffer = api.zeros(100)
    api.zeros(50).close()
    fake.close()
    fake.close()
    assert device.closed == 1
    assert device.allocator.live > 0  # the live buffer's memory
    assert buffer.numpy()[5] == 0
    buffer.close()
    assert device.allocator.live == 0


def test_a_closed_session_has_a_successor(fake):
    buffer = api.zeros(3)
    fake.kernels.register(double)
    api.enable_persistence_default()
    fake.close()
    fresh = get_session()
    assert fresh is not fake
    assert "double" in fresh.kernels
    assert fresh.shared.persistent_default
    fresh._device = FakeDevice()
    with pytest.raises(LaunchError, match="has ended, or of before a fork"):
        double(buffer, threads=3)
    with pytest.raises(DeviceError, match="closed"):
        _ = fake.device


def test_persistence_is_a_default_a_scope_and_an_argument(fake):
    assert not api.zeros(1).persistent
    with api.persistent_buffers():
        assert api.zeros(1).persistent
        assert not api.empty(1, persistent=False).persistent
        seen = []
        thread = threading.Thread(target=lambda: seen.append(api.zeros(1).persistent))
        thread.start()
        thread.join()
        assert seen == [False]
    assert not api.zeros(1).persistent
    api.enable_persistence_default()
    assert api.asarray([1.0]).persistent
    api.enable_persistence_default(False)
    assert not api.asarray([1.0]).persistent
    assert api.asarray([1.0], persistent=True).persistent


def test_events_are_kept(fake):
    api.log_event("upload", 1.5)
    api.log_event("compile", 2, phase="compile")
    assert list(fake.shared.events) == [
        LoggedEvent("upload", 1.5, "run"),
        LoggedEvent("compile", 2.0, "compile"),
    ]


def test_memory_figures(fake):
    a = api.empty((1024, 1024))
    figures = api.memory()
    assert figures.used_bytes == 4 * 1024 * 1024
    a.close()
    assert api.memory().cached_bytes == 4 * 1024 * 1024
    assert api.trim() == 4 * 1024 * 1024
    api.set_memory_limit(4096)
    with pytest.raises(MemoryError):
        api.empty(5000)
    api.set_memory_limit(None)
    api.empty(5000)


def test_operations_leave_no_memory_behind(fake):
    """A scaled-down soak: bytes in use and bytes held stay what they were."""

    def work():
        x = api.asarray(np.zeros(1000, np.float32))
        with api.empty_like(x) as y:
            y.copy_from(x)
            view = y.numpy()
        api.to_numpy(x)
        return view[0]

    work()
    before = api.memory()
    for _ in range(3000):
        work()
    after = api.memory()
    assert after.used_bytes == before.used_bytes
    assert after.allocated_bytes == before.allocated_bytes
    assert after.misses == before.misses


@kernel(param_types={"x": "device float*"})
def double(x):
    i = metal.thread_id()
    x[i] = x[i] + x[i]


def _in_the_child(buffer, results):
    try:
        array = np.ones(8, np.float32)
        double(array, threads=8)
        results.put(("array", array.tolist()))
        results.put(("readable", buffer.numpy().tolist()))
        try:
            double(buffer, threads=8)
        except LaunchError as error:
            results.put(("refused", "of before a fork" in str(error)))
        results.put(("named", "double" in get_session().kernels))
    except BaseException as error:
        results.put(("failed", repr(error)))


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_has_a_session_of_its_own():
    buffer = api.full(8, 3.0)
    double(buffer, threads=8)  # the parent's threads are running now
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    child = context.Process(target=_in_the_child, args=(buffer, results))
    child.start()
    found = dict(results.get(timeout=60) for _ in range(4))
    child.join(60)
    assert found == {"array": [2.0] * 8, "readable": [6.0] * 8, "refused": True, "named": True}
    double(buffer, threads=8)
    assert buffer.tolist() == [12.0] * 8
    assert buffer.dtype is DType.FLOAT32
