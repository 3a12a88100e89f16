"""Kernels that fail: each becomes a KernelFault that names the kernel, and the device works again afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from metal_runtime.backends.cpu.native_runtime import native_runtime
from metal_runtime.errors import KernelFault
from tests.backends.cpu.device_runs import device, pipeline, run

DIVIDE = """kernel void divide(device const {t}* a, device const {t}* b, device {t}* c,
    uint i [[thread_position_in_grid]]) {{ c[i] = a[i] / b[i]; }}"""
FAR_AWAY = """kernel void far_away(device int* c, constant ulong& offset, uint i [[thread_position_in_grid]]) {
    c[i + offset] = 1; }"""
ENDLESS = """kernel void endless(device volatile int* c, uint i [[thread_position_in_grid]]) {
    while (c[0] == 0) {} c[1] = 1; }"""
GRIDS = [1, 100, 1_000_000]


@pytest.fixture(autouse=True)
def device_works_afterwards(rng: np.random.Generator) -> Iterator[None]:
    yield
    a, b = rng.integers(-9999, 9999, 50_001, np.int32), rng.integers(1, 99, 50_001, np.int32)
    c = np.full_like(a, -1)
    run(pipeline(DIVIDE.format(t="int"), "divide"), a.shape, a, b, c)
    np.testing.assert_array_equal(c, np.trunc(a / b))


@pytest.fixture
def short_limit() -> Iterator[None]:
    device()
    before = native_runtime().time_limit
    native_runtime().limit_time(0.2)
    yield
    native_runtime().limit_time(before)


@pytest.mark.parametrize("n", GRIDS)
@pytest.mark.parametrize("t", ["int", "uint", "long", "short"])
def test_division_by_zero(t: str, n: int, rng: np.random.Generator) -> None:
    dtype = {"int": np.int32, "uint": np.uint32, "long": np.int64, "short": np.int16}[t]
    a, b = rng.integers(0, 99, n).astype(dtype), rng.integers(1, 99, n).astype(dtype)
    b[rng.integers(n)] = 0
    with pytest.raises(KernelFault, match="kernel `divide`: an integer was divided by zero"):
        run(pipeline(DIVIDE.format(t=t), "divide"), (n,), a, b, np.zeros_like(a))


def test_smallest_integer_by_minus_one() -> None:
    a, b = np.array([-(2**31)], np.int32), np.array([-1], np.int32)
    if os.uname().machine != "x86_64":
        pytest.skip("only x86 traps here; elsewhere the quotient wraps")
    with pytest.raises(KernelFault, match="the smallest integer by -1"):
        run(pipeline(DIVIDE.format(t="int"), "divide"), (1,), a, b, np.zeros_like(a))


@pytest.mark.parametrize("n", [1, 100, 5000])
def test_memory_just_beyond_the_pages_of_a_buffer(n: int) -> None:
    first_beyond = -(-n // 4096) * 4096  # in elements: a whole number of pages of up to 16 KB
    with pytest.raises(
        KernelFault, match=r"kernel `far_away`: it touched address 0x.* outside its buffers"
    ):
        run(pipeline(FAR_AWAY, "far_away"), (n,), np.zeros(n, np.int32), np.uint64(first_beyond))


@pytest.mark.parametrize("n", GRIDS)
@pytest.mark.parametrize("offset", [1 << 45, 1 << 61])  # no process has memory there
def test_memory_far_away(n: int, offset: int) -> None:
    with pytest.raises(KernelFault, match=r"kernel `far_away`: it touched .* outside its buffers"):
        run(pipeline(FAR_AWAY, "far_away"), (n,), np.zeros(n, np.int32), np.uint64(offset))


def test_stack_overflow() -> None:
    compiled = pipeline(
        """kernel void deep(device volatile int* c, uint i [[thread_position_in_grid]]) {
        volatile int big[16777216]; for (int k = 0; k < 16777216; k += 256) big[k] = k; c[0] = big[c[1]]; }""",
        "deep",
    )
    with pytest.raises(KernelFault, match="kernel `deep`: it touched"):
        run(compiled, (1,), np.zeros(2, np.int32))


@pytest.mark.parametrize("n", GRIDS)
def test_endless_loop_ends_at_the_time_limit(n: int, short_limit: None) -> None:
    with pytest.raises(KernelFault, match=r"kernel `endless`: it still ran after 0\.2 seconds"):
        run(pipeline(ENDLESS, "endless"), (n,), np.zeros(2, np.int32))


def test_endless_loops_of_several_threads(short_limit: None) -> None:
    compiled = pipeline(ENDLESS, "endless")
    faults: list[KernelFault] = []

    def launch() -> None:
        try:
            run(compiled, (100_000,), np.zeros(2, np.int32))
        except KernelFault as fault:
            faults.append(fault)

    threads = [threading.Thread(target=launch) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(faults) == 4


@pytest.mark.parametrize("n", GRIDS)
def test_interrupt_from_the_keyboard(n: int) -> None:
    compiled = pipeline(ENDLESS, "endless")
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    before = signal.getsignal(signal.SIGINT)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        run(compiled, (n,), np.zeros(2, np.int32))
    timer.join()
    assert signal.getsignal(signal.SIGINT) is before


CRASH = """
import ctypes, faulthandler, sys
import numpy as np
if sys.argv[1] == "before": faulthandler.enable()
from metal_runtime.errors import KernelFault
from tests.backends.cpu.device_runs import pipeline, run
from tests.backends.cpu.test_faults import DIVIDE, FAR_AWAY
compiled = pipeline(DIVIDE.format(t="int"), "divide")
if sys.argv[1] == "after": faulthandler.enable()
far = pipeline(FAR_AWAY, "far_away")
zeros = np.zeros(4, np.int32)
for _ in range(2):
    try: run(compiled, (4,), zeros, zeros, zeros)
    except KernelFault: print("fault", flush=True)
    try: run(far, (4,), zeros, np.uint64(1 << 45))
    except KernelFault: print("fault", flush=True)
ctypes.string_at(0)
"""


@pytest.mark.parametrize("when", ["never", "before", "after"])
def test_faults_outside_kernels_end_the_process_as_before(when: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CRASH, when], capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "fault\n" * 4
    assert done.returncode == -signal.SIGSEGV
    assert ("Segmentation fault" in done.stderr) == (when != "never")


def test_stop_signal_of_others_is_not_ours() -> None:
    pipeline(DIVIDE.format(t="int"), "divide")
    os.kill(os.getpid(), signal.SIGURG)  # its default is to do nothing


def test_exit_with_idle_workers_and_after_a_fault() -> None:
    text = """
import numpy as np
from tests.backends.cpu.device_runs import pipeline, run
compiled = pipeline("kernel void f(device int* a, uint i [[thread_position_in_grid]]) { a[i] = i; }")
a = np.zeros(1 << 20, np.int32)
run(compiled, a.shape, a)
print(int(a.sum(dtype=np.int64)))
"""
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=60)
    n = 1 << 20
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{n * (n - 1) // 2}\n", "")
