"""api.Stream and api.Event on every device: what is current where, order, times, memory in flight, sessions that end."""

from __future__ import annotations

import contextvars
import gc
import threading
import time

import numpy as np
import pytest

from metal_runtime import api, ops
from metal_runtime.errors import DeviceError, KernelFault
from metal_runtime.kernel import kernel
from metal_runtime.ops.reduction import reduce_sum
from metal_runtime.runtime.sessions import get_session, set_session
from tests.places import PLACES, current


@kernel(param_types={"x": "device float*", "rounds": "uint"})
def slow(x, rounds):
    i = metal.thread_id()
    value = x[i]
    for _ in range(rounds):
        value = value * 0.5 + 1.0
    x[i] = value


@kernel(param_types={"x": "device int*", "by": "int"})
def quotient(x, by):
    i = metal.thread_id()
    x[i] = x[i] / by


@pytest.fixture(params=PLACES)
def place(request):
    with current(request.param):
        yield request.param


@pytest.fixture
def rng():
    return np.random.default_rng()


@pytest.fixture
def cpu():
    before = set_session(None)
    with api.device("cpu"):
        yield get_session()
        get_session().close()
    set_session(before)


def occupy(x, milliseconds: float) -> None:
    """A launch of about that length on the current stream."""
    slow(x, 10_000, threads=x.size)
    get_session().stream.synchronize()
    begin = time.perf_counter()
    slow(x, 10_000, threads=x.size)
    get_session().stream.synchronize()
    rounds = int(10_000 * milliseconds * 1e-3 / (time.perf_counter() - begin))
    slow(x, max(rounds, 10_000), threads=x.size)


# --- what is current -----------------------------------------------------------------------------


def test_a_stream_is_current_within_its_block_in_its_thread(place):
    session = get_session()
    default = session.stream
    a, b = api.Stream(), api.Stream()
    assert a.device == session.device_name
    with a:
        assert session.stream is a._stream
        with b:
            assert session.stream is b._stream
            with a:
                assert session.stream is a._stream
            assert session.stream is b._stream
        seen = []
        thread = threading.Thread(target=lambda: seen.append(session.stream))
        thread.start()
        thread.join()
        assert seen == [default]
        contextvars.copy_context().run(lambda: seen.append(session.stream))
        assert seen == [default, a._stream]
    assert session.stream is default
    with pytest.raises(ZeroDivisionError), a:
        _ = 1 / 0
    assert session.stream is default


def test_kernels_operators_and_reductions_run_on_it(place, rng):
    x = rng.standard_normal(50_000).astype(np.float32)
    a, stream = api.asarray(x), api.Stream()
    with stream:
        b = ops.tanh(a) * 2.0 + 1.0
        slow(b, 3, threads=b.size)
        total = reduce_sum(b)
    stream.synchronize()
    expected = (np.tanh(x.astype(np.float64)) * 2 + 1) / 8 + 1.75
    np.testing.assert_allclose(b.to_numpy(), expected, rtol=1e-5)
    assert total.item() == pytest.approx(expected.sum(), rel=1e-4)


def test_two_devices_have_each_their_current_stream():
    with current(PLACES[-1]), api.device("cpu"):
        metal, cpu = api.Stream("metal"), api.Stream("cpu")
        x, y = api.device("cpu").ones(9), api.device("metal").ones(9)
        with cpu, metal:
            assert get_session().stream is cpu._stream
            assert (ops.neg(x) + 3.0).tolist() == (ops.neg(y) + 3.0).tolist() == [2.0] * 9
        with pytest.raises(DeviceError, match="an event of `cpu` is used on a stream of `metal`"):
            metal.wait(cpu.record())


# --- order and time ------------------------------------------------------------------------------


def test_events_order_contents(place):
    first, second = api.Stream(), api.Stream()
    x = api.zeros(20_000)
    for turn in range(30):
        one, other = (first, second) if turn % 2 else (second, first)
        with one:
            ops.add(x, 1.0, out=x)
        other.wait(one.record())
    api.synchronize()
    assert (x.to_numpy() == 30).all()


def test_events_tell_how_long_it_took(place):
    stream, x, nobody = api.Stream(), api.ones(4096), api.Event()
    assert nobody.is_done()
    nobody.synchronize()
    stream.wait(nobody)
    begin = time.perf_counter()
    with stream:
        start = api.Event().record()
        slow(x, 1000, threads=x.size)
        end = api.Event()
        end.record(stream)
    took = start.elapsed_ms(end)
    assert 0 <= took <= (time.perf_counter() - begin) * 1e3
    assert end.is_done()
    assert end.elapsed_ms(start) == -took
    with pytest.raises(DeviceError, match="was not recorded"):
        start.elapsed_ms(nobody)


def test_python_goes_on(cpu):
    stream, x, ones = api.Stream(), api.zeros(4096), api.ones(9)
    ops.add(ones, 1.0)  # compiled now
    with stream:
        occupy(x, 400)
        done = stream.record()
    with api.Stream() as other:  # behind the default stream only
        y = ones + 1.0
    other.synchronize()
    assert not done.is_done()  # all this came about meanwhile
    assert y.size == 9
    stream.synchronize()
    assert done.is_done()
    assert x[7] == pytest.approx(2)


def test_a_new_stream_begins_behind_the_default_one(cpu):
    x = api.zeros(4096)
    occupy(x, 100)
    with api.Stream() as stream:
        y = x + 1.0
    stream.synchronize()
    assert (y.to_numpy() == 3).all()


# --- faults --------------------------------------------------------------------------------------


def test_a_fault_is_told_by_its_own_stream(cpu):
    bad, good = api.Stream(), api.Stream()
    x, y = api.full(1_000_000, 8, np.int32), api.zeros(1_000_000)
    quotient(x, 2, threads=x.size)
    api.synchronize()
    with bad, pytest.raises(KernelFault, match="kernel `quotient`"):
        quotient(x, 0, threads=x.size)
        bad.synchronize()
    with good:
        y += 1.0
    good.synchronize()
    api.synchronize()
    with bad:
        quotient(x, 2, threads=x.size)
    bad.synchronize()
    assert y[5] == 1


# --- memory in flight ----------------------------------------------------------------------------


@kernel(param_types={"x": "device float*", "value": "float"})
def fill(x, value):
    x[metal.thread_id()] = value


def test_memory_is_not_reused_while_another_stream_uses_it(place, rng):
    """Buffers come and go on two streams without events: none may see what another one writes."""
    streams, kept = [api.Stream(), api.Stream()], []
    lengths = [300, 40_000, 400_000] if place == "cpu" else [300, 5000]
    for turn in range(300 if place == "cpu" else 100):
        n, value = int(rng.choice(lengths)), float(turn + 1)
        with streams[rng.integers(2)]:
            a = api.empty(n)
            fill(a, value, threads=n)
            b = (a + 1.0) * 2.0 - value
            fill(a, float("nan"), threads=n)
            kept.append((value + 2.0, b))
            del a
        if rng.integers(4) == 0:
            del kept[rng.integers(len(kept))]
        if len(kept) > 40:
            expected, b = kept.pop(0)
            assert (b.to_numpy() == expected).all()
    assert len(kept) >= 20
    for expected, b in kept:
        assert (b.to_numpy() == expected).all()


def test_memory_that_waits_is_bounded(cpu, monkeypatch):
    monkeypatch.setattr("metal_runtime.device.pool.MOST_PENDING", 16 << 20)
    streams, n = [api.Stream(), api.Stream()], 1 << 20
    for turn in range(200):
        with streams[turn % 2]:
            fill(api.empty(n), 1.0, threads=n)
    assert api.memory().allocated_bytes <= 32 << 20
    api.synchronize()


def test_one_stream_reuses_memory_at_once(cpu):
    x = api.zeros(4096)
    occupy(x, 50)
    for _ in range(100):
        fill(api.empty(1 << 20), 1.0, threads=1 << 20)
    assert api.memory().misses <= 3
    api.synchronize()


def test_trimming_waits_for_what_runs(cpu):
    stream = api.Stream()
    with stream:
        for _ in range(20):
            fill(api.empty(1 << 20), 1.0, threads=1 << 20)
    assert api.trim() > 0  # the memory is unmapped: a launch that still used it would fail
    stream.synchronize()


def test_streams_and_events_are_used_again(cpu):
    x = api.zeros(10)
    for _ in range(3000):
        stream = api.Stream()
        with stream:
            fill(x, 2.0, threads=10)
        stream.record()
    gc.collect()
    api.Stream()
    session = get_session()
    assert len(session._retired) <= 2
    assert len(session.device._dropped) <= 2


# --- the end of sessions, threads ----------------------------------------------------------------


def test_closing_a_session_with_work_in_flight(cpu):
    stream, x = api.Stream(), api.zeros(4096)
    with stream:
        occupy(x, 100)
        event = stream.record()
    get_session().close()
    assert event.is_done()
    assert x[5] == pytest.approx(2)
    stream.synchronize()
    event.synchronize()
    for use in (stream.record, lambda: stream.wait(event), stream.__enter__, event.record):
        with pytest.raises(DeviceError, match="session that has ended"):
            use()
    y = api.ones(10)
    with api.Stream():
        assert (y + 1.0).tolist() == [2.0] * 10


def test_closing_a_session_tells_of_a_fault_and_frees_all(cpu):
    x = api.full(1_000_000, 8, np.int32)
    quotient(x, 2, threads=x.size)
    with api.Stream():
        occupy(api.zeros(4096), 30)
        quotient(x, 0, threads=x.size)
    session = get_session()
    with pytest.raises(KernelFault, match="quotient"):
        session.close()
    assert session.closed
    assert x.numpy().size == 1_000_000
    with api.Stream() as stream:
        y = api.zeros(5) + 1.0
    stream.synchronize()
    assert y.tolist() == [1.0] * 5


def test_threads_with_streams_of_their_own(place):
    failures = []

    def work(seed):
        try:
            rng, stream = np.random.default_rng(seed), api.Stream()
            with stream:
                for _ in range(20):
                    n = int(rng.integers(1, 100_000 if place == "cpu" else 3000))
                    x = rng.standard_normal(n).astype(np.float32)
                    y = api.asarray(x)
                    z = ops.maximum(y * 3.0, 0.0) - y
                    np.testing.assert_allclose(
                        z.to_numpy(), np.maximum(x * np.float32(3), 0) - x, rtol=1e-6, atol=1e-6
                    )
        except BaseException as failure:
            failures.append(failure)

    threads = [contextvars.copy_context() for _ in range(4)]
    hosts = [threading.Thread(target=c.run, args=(work, seed)) for seed, c in enumerate(threads)]
    for host in hosts:
        host.start()
    for host in hosts:
        host.join(120)
        assert not host.is_alive()
    assert not failures


def test_an_unknown_device_has_no_stream():
    with pytest.raises(DeviceError, match="there is no device `toaster`"):
        api.Stream("toaster")
    with pytest.raises(DeviceError, match="there is no device `toaster`"):
        api.Event("toaster")
