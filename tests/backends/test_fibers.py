"""The scheduler of fibers, driven through ctypes with threads written in C++."""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from metal_runtime.msl import clang
from metal_runtime.program import CompileOptions

NATIVE = Path(clang.__file__).parent.parent / "backends/cpu/native"
FINISHED, DIVERGED, STOPPED = 0, 1, 2
SLOT = 1 << 18  # bytes from one stack to the next

THREADS = """
#include "fibers.cpp"
using namespace metal;
#define BARRIER __fiber::wait(__fiber::barrier_kind | __fiber::place(__LINE__, 1))
#define MEET __fiber::wait(__fiber::lanes_kind | __fiber::place(__LINE__, 1))
#define THREAD(name) extern "C" __attribute__((visibility("default"))) void name(int* out, uint t)
static int shared[1024];

__attribute__((noinline)) static int tree_sum(int value, uint t, uint n) {
  double kept = value * 0.5;  // lives across the barriers, in a floating-point register where one is free
  shared[t] = value;
  BARRIER;
  for (uint s = 1; s < n; s *= 2) {
    int other = t % (2 * s) == 0 && t + s < n ? shared[t + s] : 0;
    BARRIER;
    shared[t] += other;
    BARRIER;
  }
  return shared[0] + int(kept * 2) - value;
}
THREAD(sums) { out[t] = tree_sum(out[t], t, __fiber::current_group()->threads); }
THREAD(some_end) {
  if (t % 3 == 0) return;
#line 501
  BARRIER;
}
THREAD(two_barriers) {
  if (t == 0) {
#line 601
    BARRIER;
  } else {
#line 602
    BARRIER;
  }
}
THREAD(barriers_forever) { for (;;) BARRIER; }
THREAD(meetings_forever) { for (;;) MEET; }
// Each lane notes which lanes it met: first those of the branch, then all.
THREAD(branches) {
  __fiber::simdgroup* lanes = &__fiber::current_group()->simdgroups[t / 32];
  if (t % 2 == 0) {
    MEET;
    out[t * 2] = int(lanes->active);
  }
  MEET;
  out[t * 2 + 1] = int(lanes->active);
  if (t % 4 == 3) MEET;  // the last meeting is not of all
}
__attribute__((noinline)) static size_t vector_alignment() {
  alignas(64) volatile char local[64];
  return size_t(local) % 64 + size_t(__builtin_frame_address(0)) % 16;
}
THREAD(alignment) {
  alignas(64) volatile char local[64];
  BARRIER;
  out[t] = int(size_t(local) % 64 + vector_alignment());
}
__attribute__((noinline)) static int deep_call(int n) {
  volatile int keep[256];
  keep[n % 256] = n;
  return n == 0 ? 0 : deep_call(n - 1) + keep[n % 256] - n + 1;
}
THREAD(deep) {
  out[t] = deep_call(150);
  BARRIER;
}
"""


class Report(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_uint)
        for name in ("place", "arrived", "ended", "other_place", "other_arrived", "threads")
    ]


@pytest.fixture(scope="module")
def native(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    folder = tmp_path_factory.mktemp("fibers")
    target = clang.host_target()
    flags = (*clang.compile_flags(target, CompileOptions()), f"-I{NATIVE}")
    done = clang.compile_object(THREADS, flags, str(folder / "fibers.o"))
    assert done.succeeded, done.diagnostics
    clang.link_shared([str(folder / "fibers.o")], str(folder / "fibers.so"), target)
    library = ctypes.CDLL(str(folder / "fibers.so"))
    library.iris_fibers_create.restype = ctypes.c_void_p
    library.iris_fibers_destroy.argtypes = [ctypes.c_void_p]
    library.iris_fibers_overflowed_thread.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
    pointer = ctypes.c_void_p
    library.iris_fibers_run.argtypes = [pointer, ctypes.c_uint, pointer, pointer, pointer, pointer]
    return library


class Arena:
    def __init__(self, native: ctypes.CDLL) -> None:
        self.native = native
        self.address = native.iris_fibers_create()
        assert self.address
        self.report = Report()
        self.stop = ctypes.c_int(0)

    def run(self, name: str, threads: int, out: np.ndarray | None = None) -> int:
        entry = ctypes.cast(getattr(self.native, name), ctypes.c_void_p)
        argument = None if out is None else out.ctypes.data
        stop, report = ctypes.addressof(self.stop), ctypes.addressof(self.report)
        return self.native.iris_fibers_run(self.address, threads, entry, argument, stop, report)


@pytest.fixture
def arena(native: ctypes.CDLL) -> Iterator[Arena]:
    made = Arena(native)
    yield made
    native.iris_fibers_destroy(made.address)


@pytest.mark.parametrize("threads", [1, 2, 31, 32, 33, 77, 256, 1024])
def test_barriers_order_memory(arena: Arena, threads: int) -> None:
    values = np.random.default_rng().integers(-1000, 1000, threads, dtype=np.int32)
    out = values.copy()
    assert arena.run("sums", threads, out) == FINISHED
    np.testing.assert_array_equal(out, np.full(threads, values.sum()))


def test_threadgroups_of_changing_sizes_follow_each_other(arena: Arena) -> None:
    rng = np.random.default_rng()
    for threads in rng.integers(1, 1025, 40):
        out = np.ones(threads, np.int32)
        assert arena.run("sums", int(threads), out) == FINISHED
        assert (out == threads).all()


def test_a_barrier_that_some_never_reach(arena: Arena) -> None:
    assert arena.run("some_end", 100) == DIVERGED
    report = arena.report
    assert (report.place >> 12, report.arrived, report.ended, report.threads) == (501, 66, 34, 100)
    assert report.other_place == 0


def test_two_different_barriers(arena: Arena) -> None:
    assert arena.run("two_barriers", 64) == DIVERGED
    report = arena.report
    assert (report.place >> 12, report.arrived) == (601, 1)
    assert (report.other_place >> 12, report.other_arrived) == (602, 63)


def test_an_abandoned_threadgroup_leaves_the_arena_usable(arena: Arena) -> None:
    for _ in range(3):
        assert arena.run("some_end", 96) == DIVERGED
        out = np.ones(96, np.int32)
        assert arena.run("sums", 96, out) == FINISHED
        assert (out == 96).all()


@pytest.mark.parametrize("name", ["barriers_forever", "meetings_forever"])
def test_an_endless_loop_with_meetings_can_be_stopped(arena: Arena, name: str) -> None:
    def stop() -> None:
        time.sleep(0.05)
        arena.stop.value = 1

    thread = threading.Thread(target=stop)
    thread.start()
    assert arena.run(name, 64) == STOPPED
    thread.join()


@pytest.mark.parametrize("threads", [3, 32, 50, 128])
def test_lanes_of_a_branch_meet_before_all_do(arena: Arena, threads: int) -> None:
    for _ in range(3):  # what one threadgroup leaves behind must not reach the next
        out = np.zeros(threads * 2, np.uint32)
        assert arena.run("branches", threads, out) == FINISHED
        for thread in range(threads):
            everyone = (1 << min(32, threads - thread // 32 * 32)) - 1
            assert out[2 * thread + 1] == everyone
            assert out[2 * thread] == (0 if thread % 2 else 0x55555555 & everyone)


def test_stacks_are_aligned_and_deep_enough(arena: Arena) -> None:
    out = np.full(1024, -1, np.int32)
    assert arena.run("alignment", 1024, out) == FINISHED
    assert (out == 0).all()
    assert arena.run("deep", 1024, out) == FINISHED
    assert (out == 150).all()


def test_which_thread_overflowed(arena: Arena) -> None:
    assert arena.run("sums", 8, np.zeros(8, np.int32)) == FINISHED
    overflowed = arena.native.iris_fibers_overflowed_thread
    assert overflowed(arena.address, arena.address + SLOT * 4) == 3
    assert overflowed(arena.address, arena.address + SLOT * 4 + SLOT // 2) == -1
    assert overflowed(arena.address, arena.address + SLOT * 9) == -1  # was never made
    assert overflowed(arena.address, arena.address) == -1


def test_the_scheduler_compiles_for_aarch64(tmp_path: Path) -> None:
    target = clang.Target("aarch64-linux", "aarch64-linux-gnu", ("-fsigned-char",), "")
    flags = (*clang.compile_flags(target, CompileOptions()), f"-I{NATIVE}")
    done = clang.compile_object(THREADS, flags, str(tmp_path / "fibers.o"))
    assert done.succeeded, done.diagnostics
