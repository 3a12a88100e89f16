"""Many threads and processes: launches at once, one cache for all, forked children, devices closed meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from metal_runtime.backends.cpu.native_runtime import native_runtime
from metal_runtime.backends.cpu.pipeline import CpuPipeline
from metal_runtime.errors import KernelFault
from tests.backends.cpu.device_runs import device, pipeline, run

SCALE = """kernel void f(device const int* a, device int* out, constant int& s, uint i [[thread_position_in_grid]]) {
    out[i] = a[i] / s + int(i); }"""


@pytest.fixture(params=[2, 7])
def worker_threads(request: pytest.FixtureRequest) -> object:
    device().close()
    native_runtime().set_threads(request.param)
    yield request.param
    device().close()


def check(compiled: CpuPipeline, rng: np.random.Generator, largest: int = 200_000) -> None:
    n, s = int(rng.integers(1, largest)), int(rng.integers(1, 50))
    a = rng.integers(0, 10_000, n, np.int32)
    out = np.full_like(a, -1)
    run(compiled, (n,), a, out, np.int32(s))
    np.testing.assert_array_equal(out, a // s + np.arange(n))


def in_threads(count: int, body: object, *seeds: int) -> None:
    failures: list[BaseException] = []

    def guarded(seed: int) -> None:
        try:
            body(np.random.default_rng(seed))  # type: ignore[operator]
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=guarded, args=(seed,)) for seed in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    if failures:
        raise failures[0]


def test_many_threads_launch(worker_threads: int) -> None:
    compiled = pipeline(SCALE)
    in_threads(6, lambda rng: [check(compiled, rng) for _ in range(20)])


def test_faults_of_one_thread_do_not_touch_others(worker_threads: int) -> None:
    compiled = pipeline(SCALE)

    def body(rng: np.random.Generator) -> None:
        for turn in range(12):
            if turn % 3 == 0:
                zeros = np.zeros(int(rng.integers(1, 100_000)), np.int32)
                with pytest.raises(KernelFault):
                    run(compiled, zeros.shape, zeros, zeros.copy(), np.int32(0))
            check(compiled, rng)

    in_threads(5, body)


def test_close_while_others_launch(worker_threads: int) -> None:
    compiled = pipeline(SCALE)

    def body(rng: np.random.Generator) -> None:
        for _ in range(15):
            check(compiled, rng)
            device().close()

    in_threads(4, body)


def test_threads_that_come_and_go() -> None:
    compiled = pipeline(SCALE)
    for seed in range(30):
        in_threads(2, lambda rng: check(compiled, rng, 5000), seed)


def test_many_threads_compile_one_kernel(rng: np.random.Generator) -> None:
    text = SCALE.replace("int(i)", f"int(i) + {rng.integers(1 << 30)} * 0")
    in_threads(4, lambda generator: check(pipeline(text), generator))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_forked_child_launches(rng: np.random.Generator) -> None:
    compiled = pipeline(SCALE)
    check(compiled, rng)
    for _ in range(3):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                for _ in range(5):
                    check(compiled, np.random.default_rng(os.getpid()))
                zeros = np.zeros(70_000, np.int32)
                with pytest.raises(KernelFault):
                    run(compiled, zeros.shape, zeros, zeros.copy(), np.int32(0))
                code = 0
            finally:
                os._exit(code)
        check(compiled, rng)
        assert os.waitpid(child, 0)[1] == 0


PROCESS = """
import sys, numpy as np
from tests.backends.cpu.device_runs import pipeline, run
compiled = pipeline(sys.argv[1])
a = np.arange(1000, dtype=np.int32); out = np.zeros_like(a)
run(compiled, a.shape, a, out, np.int32(3))
assert (out == a // 3 + np.arange(1000)).all()
"""


def test_many_processes_compile_one_kernel_into_one_cache(tmp_path: Path) -> None:
    environment = os.environ | {"IRIS_CACHE_DIR": str(tmp_path)}
    processes = [
        subprocess.Popen([sys.executable, "-c", PROCESS, SCALE], env=environment) for _ in range(5)
    ]
    assert [process.wait(120) for process in processes] == [0] * 5
    names = sorted(path.name.split("-")[0] for path in (tmp_path / "cpu").iterdir())
    assert names == ["f", "iris", "metal_stdlib"]  # one of each, and no remains
