"""Kernels of a program's own between operators: what a launch starts, what it leaves pending, and how it is shown."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Sequence

import numpy as np
import pytest

import metal_runtime
from metal_runtime import MetalBuffer, api, kernel, metal, ops
from metal_runtime.dtype import DType
from metal_runtime.graph.dependence import started_before
from metal_runtime.graph.observing import LaunchRun, PlanRun, Ran
from metal_runtime.graph.recorder import MOST_PENDING, Recorder, recorder_here
from metal_runtime.graph.running import Runner
from metal_runtime.runtime.sessions import get_session
from metal_runtime.runtime.told_memory import tells_its_memory
from metal_runtime.value import pending_value
from tests.graph.test_random_graphs import eager_session

MSL = """
#include <metal_stdlib>
using namespace metal;
struct Scale { float by; uint n; };
struct Place { device float* y; };
kernel void scaled(device const float* x [[buffer(0)]], device float* y [[buffer(1)]],
                   constant Scale& scale [[buffer(2)]], uint i [[thread_position_in_grid]]) {
    device float* out = y + i;
    if (i < scale.n) *out = x[i] * scale.by;
}
kernel void through(constant Place& place [[buffer(0)]], uint i [[thread_position_in_grid]]) { place.y[i] = 7; }
"""
SCALE = np.dtype([("by", np.float32), ("n", np.uint32)])


@kernel(param_types={"x": "device const float*", "y": "device float*"})
def plus_one(x, y):
    i = metal.thread_id()
    y[i] = x[i] + 1.0


@kernel(param_types={"x": "device float*"})
def doubled(x):
    i = metal.thread_id()
    x[i] = x[i] * 2.0


def random(*shape: int) -> np.ndarray:
    return np.random.default_rng().integers(-100, 100, shape).astype(np.float32)


def is_pending(*buffers: MetalBuffer) -> list[bool]:
    return [buffer._open().value.operation is not None for buffer in buffers]


def shape_of(ran: list[Ran]) -> list[object]:
    """The operators of each kernel of the plans, and the names of launches."""
    found: list[object] = []
    for one in ran:
        if isinstance(one, LaunchRun):
            found.append(one.launch.name)
        else:
            nodes = [node.operation.name for node in one.plan.graph.nodes]
            found.append((len(one.plan.steps), nodes))
    return found


# --- what stays pending --------------------------------------------------------------------------


def test_an_independent_chain_stays_one_kernel_across_launches() -> None:
    a, b = random(1000), random(1000)
    x, y, out = api.asarray(a), api.asarray(b), api.empty(1000)
    with recorder_here().observed() as ran:
        z = x + 1
        plus_one(y, out, threads=1000)
        z = z * 2
        doubled(out, threads=1000)
        z = z - x
    assert shape_of(ran) == ["plus_one", "doubled", (1, ["add", "mul", "sub"])]
    np.testing.assert_array_equal(z.numpy(), (a + 1) * 2 - a)
    np.testing.assert_array_equal(out.numpy(), (b + 1) * 2)


def test_a_launch_starts_what_it_reads_and_nothing_else() -> None:
    a = random(500)
    x, out = api.asarray(a), api.empty(500)
    held = x * 3
    read, other = held + 1, x - 5
    plus_one(read, out, threads=500)
    assert is_pending(held, read, other) == [False, False, True]
    np.testing.assert_array_equal(out.numpy(), a * 3 + 2)
    np.testing.assert_array_equal(other.numpy(), a - 5)


def test_all_that_a_launch_reads_is_one_plan() -> None:
    x, y = api.asarray(random(100)), api.asarray(random(100))
    with recorder_here().observed() as ran:
        plus_one(x + y, x * y, threads=100)
    assert shape_of(ran) == [(1, ["add", "mul"]), "plus_one"]


def test_what_nobody_holds_is_computed_once() -> None:
    a = random(64, 100)
    x, out = api.asarray(a), api.empty(64)
    total = x.sum(1)
    one, two = total + 1, total * 2
    del total
    plus_one(one, out, threads=64)
    assert is_pending(one, two) == [False, False]
    np.testing.assert_array_equal(two.numpy(), a.sum(1) * 2)


def test_operators_with_kernels_of_their_own_start_what_they_read() -> None:
    a = random(200)
    x = api.asarray(a)
    other, source = x + 7, x * 2
    indices = np.arange(5, dtype=np.int32)
    for result, expected in (
        (ops.take(source, indices), (a * 2)[:5]),
        (ops.gather(source, api.asarray(indices) + 1), (a * 2)[1:6]),
        (ops.sort(source + 1), np.sort(a * 2 + 1)),
        (ops.cumsum(source - 1), np.cumsum(a * 2 - 1)),
        (ops.scatter_add(source, indices, np.ones(5, np.float32)), a * 2 + (np.arange(200) < 5)),
        (ops.nonzero(source)[0], np.nonzero(a)[0]),
        (api.random.uniform((5,)) * 0, np.zeros(5)),
        (source[api.asarray(a) > 0], (a * 2)[a > 0]),
    ):
        assert is_pending(other) == [True]
        assert is_pending(source) == [False]
        recorder_here().start(result._open().value)
        np.testing.assert_array_equal(result._elements(), expected)
        assert is_pending(other) == [True]
    np.testing.assert_array_equal(other.numpy(), a + 7)


def test_arrays_of_numpy_leave_the_rest_pending() -> None:
    a = random(50)
    x, array = api.asarray(a), random(50)
    y, before = x + 1, array.copy()
    doubled(array, threads=50)
    assert is_pending(y) == [True]
    np.testing.assert_array_equal(array, before * 2)
    np.testing.assert_array_equal(y.numpy(), a + 1)


def test_a_long_chain_beside_launches_is_cut() -> None:
    x, out = api.asarray(random(10)), api.empty(10)
    chain, most = x, 0
    for _ in range(3 * MOST_PENDING):
        chain = chain * 0.5 + 1
        plus_one(x + 0.5, out, threads=10)
        value, depth = chain._open().value, 0
        while value.operation is not None:
            value, depth = value.inputs[0], depth + 1
        most = max(most, depth)
    assert 2 < most <= MOST_PENDING + 1


# --- what must not stay pending ------------------------------------------------------------------


def test_what_reads_the_memory_that_is_written_runs_first() -> None:
    a = random(6, 50)
    x = api.asarray(a)
    direct, through, view, other = x + 1, (x * 2).sum(0), x[1:, ::2].T - 3, api.asarray(a) * 5
    doubled(x, threads=300)
    assert is_pending(direct, through, view, other) == [False, False, False, True]
    np.testing.assert_array_equal(direct.numpy(), a + 1)
    np.testing.assert_array_equal(through.numpy(), (a * 2).sum(0))
    np.testing.assert_array_equal(view.numpy(), a[1:, ::2].T - 3)
    np.testing.assert_array_equal(x.numpy(), a * 2)


@pytest.mark.parametrize("part", ["whole", "rows", "columns"])
def test_a_pending_result_is_written_to(part: str) -> None:
    a = random(8, 6)
    index = {"whole": ..., "rows": slice(2, 5), "columns": (..., slice(1, 4))}[part]
    x = api.asarray(a) + 1
    reader, other = x[3] * 2, api.asarray(a) - 1
    target = x[index]
    doubled(target, threads=target.size)
    assert is_pending(x, reader, other) == [False, False, True]
    expected = a + 1
    expected[index] *= 2
    np.testing.assert_array_equal(x.numpy(), expected)
    np.testing.assert_array_equal(reader.numpy(), (a[3] + 1) * 2)


def test_a_reader_whose_input_got_memory_in_between() -> None:
    a = random(30)
    x, out = api.asarray(a), api.empty(30)
    middle = x + 1
    reader = middle * 3
    doubled(out, threads=30)  # looks at what the two read: x
    plus_one(middle, out, threads=30)  # now the second reads the memory of the first
    assert is_pending(middle, reader) == [False, True]
    doubled(middle, threads=30)
    np.testing.assert_array_equal(reader.numpy(), (a + 1) * 3)
    np.testing.assert_array_equal(middle.numpy(), (a + 1) * 2)


def test_updates_in_place_and_copies_start_readers_alone() -> None:
    a, b = random(40), random(40)
    x = api.asarray(a)
    reader, other = x + 1, api.asarray(b) * 2
    x *= 3
    assert is_pending(reader, other) == [False, True]
    reader = x + 2
    ops.add(other, 1, out=x)  # `other` has a buffer of its own: it is computed once
    assert is_pending(reader, other) == [False, False]
    np.testing.assert_array_equal(reader.numpy(), a * 3 + 2)
    reader, other = x + 4, api.asarray(b) - 2
    x.copy_from(b)
    assert is_pending(reader, other) == [False, True]
    np.testing.assert_array_equal(reader.numpy(), b * 2 + 5)
    reader, other = x + 6, api.asarray(b) - 2
    x[np.array([0, 1])] = 9
    assert is_pending(reader, other) == [False, True]
    np.testing.assert_array_equal(reader.numpy(), b + 6)


def test_blocks_that_overlap() -> None:
    """Memory that was adopted twice: what reads it through one block runs before a write through the other."""
    array = np.zeros(4096, np.float32)
    session = get_session()
    one, two, far = session.adopt(array), session.adopt(array[1024:]), api.empty(9)
    operation = (api.empty(4096) + 1)._open().value.operation
    values = [b._open().value for b in (one, two, far)]
    reader = pending_value((4096,), one.dtype, operation, (values[0],))
    assert started_before([reader], [], [values[1]]) == [reader]
    assert started_before([reader], [], [values[2]]) == []


def test_kernels_that_may_hide_their_memory_run_after_all() -> None:
    library = metal_runtime.compile(MSL)
    a = random(20)
    x, y = api.asarray(a), api.empty(20)
    address = y.numpy().ctypes.data
    scale = np.array((3, 20), SCALE)[()]
    with api.fused() as region:
        kept = x - 1
        library.scaled(x, y, scale, threads=20)
        assert is_pending(kept) == [
            False
        ]  # a struct beside a struct with a pointer: nobody can tell
        reader = y + 1
        library.through(np.uint64(address).tobytes(), threads=20)
        assert is_pending(reader) == [False]
    assert [launch.name for launch in region.report.launches] == ["scaled", "through"]
    np.testing.assert_array_equal(reader.numpy(), a * 3 + 1)
    np.testing.assert_array_equal(y.numpy(), np.full(20, 7, np.float32))


@pytest.mark.parametrize(
    ("parameters", "body", "told"),
    [
        ("device const float* x, device float* y", "y[i] = ((device const float2*)x)[i].x;", True),
        ("constant S& s, device float* y", "device float* z = y + i; *z = s.by;", True),
        ("constant S& s, device float* y", "y[i] = s.by + *(device float*)s.at;", False),
        (
            "constant ulong& at, device float* y",
            "y[i] = *reinterpret_cast<device float*>(at);",
            False,
        ),
        ("constant ulong& n, device float* y", "y[i] = n;", True),
        (
            "device const uint2* at, device float* y",
            "y[i] = *(device float*)as_type<ulong>(at[0]);",
            False,
        ),
    ],
)
def test_which_texts_tell_their_memory(parameters: str, body: str, told: bool) -> None:
    text = (
        "#include <metal_stdlib>\nusing namespace metal;\nstruct S { float by; ulong at; };\n"
        f"kernel void k({parameters}, uint i [[thread_position_in_grid]]) {{ {body} }}"
    )
    library = metal_runtime.compile(text)
    signature = library.kernels["k"]
    assert tells_its_memory(library._program(signature), signature) is told
    pointers = text.replace("ulong at;", "device float* at;")
    if "S&" in parameters and told:
        library = metal_runtime.compile(pointers)
        signature = library.kernels["k"]
        assert not tells_its_memory(library._program(signature), signature)


# --- streams, threads, eager ---------------------------------------------------------------------


def test_each_stream_has_its_own() -> None:
    a = random(100)
    x, out = api.asarray(a), api.empty(100)
    before = x + 1
    stream = api.Stream()
    with stream:
        assert is_pending(before) == [False]
        mine, other = x * 2, x * 4
        plus_one(mine, out, threads=100)
        assert is_pending(mine, other) == [False, True]
        doubled(x, threads=100)
        assert is_pending(other) == [False]
    stream.synchronize()
    np.testing.assert_array_equal(out.numpy(), a * 2 + 1)
    np.testing.assert_array_equal(other.numpy(), a * 4)
    np.testing.assert_array_equal(x.numpy(), a * 2)


def test_an_input_that_another_stream_computed() -> None:
    a = random(30)
    x, out, unused = api.asarray(a), api.empty(30), api.empty(30)
    stream, there = api.Stream(), contextvars.copy_context()
    there.run(stream.__enter__)
    middle = x + 1
    reader = there.run(lambda: middle * 3)
    there.run(lambda: doubled(unused, threads=30))  # looks at what the reader reads: x
    assert there.run(lambda: is_pending(reader)) == [True]
    plus_one(middle, out, threads=30)
    get_session().wait()
    assert is_pending(middle, reader) == [False, True]
    there.run(lambda: doubled(middle, threads=30))
    there.run(lambda: stream.__exit__(None, None, None))
    np.testing.assert_array_equal(reader.numpy(), (a + 1) * 3)


def test_many_threads_launch_and_record_at_once() -> None:
    a = random(300)
    shared = api.asarray(a)
    failures: list[BaseException] = []

    def work(k: int) -> None:
        try:
            mine = api.asarray(a + np.float32(k))
            for _ in range(40):
                kept = mine + shared
                doubled(mine, threads=300)
                np.testing.assert_array_equal(kept.numpy(), a + np.float32(k) + a)
                mine = kept - shared
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def test_what_another_thread_is_starting_counts_as_pending(monkeypatch: pytest.MonkeyPatch) -> None:
    a = random(300)
    x = api.asarray(a)
    kept = x + 1
    begun, run = threading.Event(), Runner.run

    def slowly(runner: Runner, roots: Sequence[Value]) -> None:
        begun.set()
        time.sleep(0.05)
        run(runner, roots)

    monkeypatch.setattr(Runner, "run", slowly)
    thread = threading.Thread(target=recorder_here().flush)
    thread.start()
    assert begun.wait(10)
    doubled(x, threads=300)  # not before the other thread has launched what reads `x`
    thread.join()
    np.testing.assert_array_equal(kept.numpy(), a + 1)


def test_eager_sessions_have_nothing_to_start() -> None:
    session = eager_session()
    graph = session.graph
    assert isinstance(graph, Recorder)
    x = session.empty((10,), DType.FLOAT32)
    x.copy_from(np.ones(10, np.float32))
    with graph.observed() as ran:
        y = x + 1
        doubled(x, threads=10)
        z = x + y
    assert [type(one) for one in ran] == [PlanRun, LaunchRun, PlanRun]
    assert z.tolist() == [4.0] * 10


# --- what is shown -------------------------------------------------------------------------------


def test_the_signature_says_what_is_read_and_written() -> None:
    arguments = {a.name: (a.read, a.written) for a in plus_one.signature.arguments}
    assert arguments["x"] == (True, False)
    assert arguments["y"] == (False, True)
    (x,) = (a for a in doubled.signature.arguments if a.name == "x")
    assert (x.read, x.written) == (True, True)


def test_a_region_reports_launches_between_its_kernels() -> None:
    x, out = api.asarray(random(100)), api.empty(100)
    with api.fused() as region:
        y = (x + 1) * 2
        plus_one(y, out, threads=100)
        z = out - x
        ops.cumsum(z)
    report = region.report
    assert report is not None
    assert (report.operators, len(report.kernels), len(report.launches)) == (3, 2, 2)
    launch = report.launches[0]
    assert (launch.reads, launch.writes) == (("x float32 (100,)",), ("y float32 (100,)",))
    assert "kernel void plus_one" in launch.msl
    lines = str(report).splitlines()
    assert lines[0].endswith("; 2 launches beside them")
    assert "2. plus_one  on 100 threads, launched by the program" in lines
    assert "   by itself, for it runs as it is written; `x` is what 1 wrote" in lines
    assert "   by itself, for it reads what `plus_one` (2) wrote" in lines
    assert lines[-2].startswith("4. ")
    picture = report.svg()
    assert picture.count("launch  plus_one") == 1
    assert picture.count("input") == 2  # `x`, in each plan; what the launch wrote has its box
    assert z.shape == (100,)
