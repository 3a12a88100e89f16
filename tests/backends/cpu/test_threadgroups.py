"""Kernels whose threads meet: right against NumPy, the same by regions and by fibers, faults named, nothing left behind."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from metal_runtime.backends.cpu.native_runtime import native_runtime
from metal_runtime.backends.cpu.pipeline import CpuPipeline
from metal_runtime.device.launch_config import LaunchConfig
from metal_runtime.errors import IrisError, KernelFault, LaunchError, MslError
from metal_runtime.msl.signature import read_program
from metal_runtime.program import CompileOptions
from tests.backends.cpu.device_runs import HEADER, device, memory_of, three
from tests.backends.cpu.threadgroup_programs import RandomKernel

TREE = """
kernel void tree(device const float* x, device float* out, uint gid [[thread_position_in_grid]],
    uint tid [[thread_position_in_threadgroup]], uint group [[threadgroup_position_in_grid]],
    uint n [[threads_per_threadgroup]], uint nominal [[dispatch_threads_per_threadgroup]]) {
  threadgroup float shared[1024];
  shared[tid] = x[gid];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  for (uint s = 512; s > 0; s >>= 1) {
    if (tid < s && tid + s < n) shared[tid] += shared[tid + s];
    threadgroup_barrier(mem_flags::mem_threadgroup);
  }
  if (tid == 0) out[group] = shared[0];
}"""
HELPER = """
float total(threadgroup float* shared, uint tid, uint n) {
  for (uint s = 512; s > 0; s >>= 1) {
    if (tid < s && tid + s < n) shared[tid] += shared[tid + s];
    threadgroup_barrier(mem_flags::mem_threadgroup);
  }
  return shared[0];
}
kernel void tree(device const float* x, device float* out, threadgroup float* shared [[threadgroup(0)]],
    uint gid [[thread_position_in_grid]], uint tid [[thread_position_in_threadgroup]],
    uint group [[threadgroup_position_in_grid]], uint n [[threads_per_threadgroup]]) {
  shared[tid] = x[gid];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  float sum = total(shared, tid, n);
  if (tid == 0) out[group] = sum;
}"""
DIVERGENT = """kernel void divergent(device int* a, uint tid [[thread_position_in_threadgroup]]) {
  if (tid < 100) {
    threadgroup_barrier(mem_flags::mem_threadgroup);
  }
  a[tid] = 1;
}"""
WAYS = ["regions", "fibers"]


def compiled(source: str, name: str = "f", **options: Any) -> CpuPipeline:
    program = read_program(HEADER + source, "meet.metal", CompileOptions(**options))
    return device().load(program).pipeline(name)


def launch(
    pipeline: CpuPipeline,
    grid: tuple[int, ...],
    group: tuple[int, ...],
    *arguments: Any,
    memory: tuple[int, ...] = (),
) -> None:
    allocations, bindings = [], []
    for argument in arguments:
        if isinstance(argument, np.ndarray):
            allocation = device().allocator.allocate(max(argument.nbytes, 1))
            memory_of(allocation, argument.shape, argument.dtype)[...] = argument
            allocations.append((argument, allocation))
            bindings.append((allocation, 0))
        else:
            bindings.append(argument.tobytes())
    try:
        device().stream.launch(pipeline, LaunchConfig(three(grid), three(group), memory), bindings)
        device().stream.synchronize()
        for array, allocation in allocations:
            array[...] = memory_of(allocation, array.shape, array.dtype)
    finally:
        for _, allocation in allocations:
            device().allocator.free(allocation)


@pytest.fixture(autouse=True)
def device_works_afterwards() -> Iterator[None]:
    yield
    sums(compiled(HELPER, "tree"), 5000, 256, (1024,))


def sums(pipeline: CpuPipeline, n: int, group: int, memory: tuple[int, ...] = ()) -> None:
    x = np.random.default_rng(n).random(n).astype(np.float32)
    out = np.full(-(-n // group), np.nan, np.float32)
    launch(pipeline, (n,), (group,), x, out, memory=memory)
    expected = np.add.reduceat(x.astype(np.float64), np.arange(0, n, group))
    np.testing.assert_allclose(out, expected, rtol=1e-5)


@pytest.mark.parametrize("n", [1, 31, 1000, 100_003])
@pytest.mark.parametrize("group", [1, 7, 32, 100, 256, 1000, 1024])
@pytest.mark.parametrize("way", WAYS)
def test_tree_reduction(way: str, group: int, n: int) -> None:
    sums(compiled(TREE, "tree", strategy=way), n, group)


@pytest.mark.parametrize("group", [1, 33, 256, 1024])
def test_barrier_in_a_helper(group: int) -> None:
    pipeline = compiled(HELPER, "tree")
    assert pipeline.strategy == "fibers"
    sums(pipeline, 10_001, group, (4 * group,))


SHAPES = [
    ((1000,), (256,)),
    ((7,), (64,)),
    ((33, 9), (16, 4)),
    ((5, 6, 7), (4, 3, 2)),
    ((40, 3, 2), (32, 2, 2)),
]


@pytest.mark.parametrize("seed", range(40))
def test_random_kernels_agree(seed: int) -> None:
    text = RandomKernel(seed).text()
    grid, group = SHAPES[seed % len(SHAPES)]
    rng = np.random.default_rng(seed)
    x = rng.integers(-(2**31), 2**31, int(np.prod(grid))).astype(np.int32)
    results = []
    for way in (None, "fibers"):
        out = np.full_like(x, 0x5A5A5A5A)
        pipeline = compiled(text, strategy=way)
        assert way is None or pipeline.strategy == way
        launch(pipeline, grid, group, x, out, np.int32(seed))
        results.append(out)
    np.testing.assert_array_equal(results[0], results[1], err_msg=text)


def test_most_random_kernels_split() -> None:
    ways = [compiled(RandomKernel(seed).text()).strategy for seed in range(20)]
    assert ways.count("regions") >= 10, ways


def test_code_for_a_size_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("metal_runtime.backends.cpu.pipeline.WORTH_A_SIZE", 1)
    pipeline = compiled(TREE, "tree", strategy="regions")
    for group in (64, 100):
        sums(pipeline, 10_007, group)  # whole threadgroups, and one that is not


def test_what_loops_share() -> None:
    source = "kernel void f(device int* a, uint i [[thread_position_in_grid]]) { a[i] = 1; }"
    assert compiled(source).strategy == "loops"
    assert compiled(source, strategy="fibers").strategy == "fibers"
    a = np.zeros(1000, np.int32)
    launch(compiled(source, strategy="fibers"), (1000,), (64,), a)
    assert (a == 1).all()


def test_threads_that_meet_outside_functions() -> None:
    source = """constant auto total = [](float x) { return simd_sum(x); };
kernel void f(device float* a, uint i [[thread_position_in_grid]]) { a[i] = total(a[i]); }"""
    a = np.arange(64, dtype=np.float32)
    launch(compiled(source), (64,), (64,), a)
    assert (a[:32] == 496).all()
    assert (a[32:] == 1520).all()


def test_a_wish_that_cannot_be_met() -> None:
    with pytest.raises(LaunchError, match=r"cannot run by regions: .*meet\.metal:4"):
        compiled(DIVERGENT, "divergent", strategy="regions")
    with pytest.raises(LaunchError, match="cannot run by loops"):
        compiled(TREE, "tree", strategy="loops")


def test_wish_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IRIS_STRATEGY", "fibers")
    assert compiled(TREE + "// one", "tree").strategy == "fibers"
    monkeypatch.setenv("IRIS_STRATEGY", "threads")
    with pytest.raises(IrisError, match="IRIS_STRATEGY is 'threads'"):
        compiled(TREE + "// two", "tree")


@pytest.mark.parametrize("groups", [1, 50])
def test_divergent_barrier(groups: int) -> None:
    with pytest.raises(KernelFault) as caught:
        launch(compiled(DIVERGENT, "divergent"), (256 * groups,), (256,), np.zeros(256, np.int32))
    text = str(caught.value)
    assert "kernel `divergent`: a barrier was reached by 100 of 256 threads; 156 ended" in text
    assert "meet.metal:5: threadgroup_barrier(mem_flags::mem_threadgroup);" in text


def test_two_barriers_in_two_branches() -> None:
    source = """kernel void f(device int* a, uint tid [[thread_position_in_threadgroup]]) {
  if (tid < 60)
    threadgroup_barrier(mem_flags::mem_none);
  else
    threadgroup_barrier(mem_flags::mem_none);
}"""
    with pytest.raises(
        KernelFault, match=r"60 of 64 threads; 4 wait at another barrier at meet\.metal:7"
    ):
        launch(compiled(source), (64,), (64,), np.zeros(64, np.int32))


@pytest.mark.parametrize("way", WAYS)
def test_faults_between_barriers(way: str) -> None:
    source = """kernel void f(device int* a, device int* b, constant ulong& far, uint tid [[thread_position_in_threadgroup]]) {
  threadgroup int s[256];
  s[tid] = a[tid];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  b[tid + far] = 9 / s[255 - tid];
}"""
    pipeline = compiled(source, strategy=way)
    a, b = np.ones(256, np.int32), np.zeros(256, np.int32)
    launch(pipeline, (256,), (256,), a, b, np.uint64(0))
    assert (b == 9).all()
    with pytest.raises(KernelFault, match="it touched"):
        launch(pipeline, (256,), (256,), a, b, np.uint64(1 << 45))
    a[17] = 0
    with pytest.raises(KernelFault, match="divided by zero"):
        launch(pipeline, (25_600,), (256,), a, b, np.uint64(0))


def test_stack_of_a_fiber_overflows() -> None:
    source = """kernel void f(device int* a, uint tid [[thread_position_in_threadgroup]]) {
  volatile int big[100000];
  for (int i = 0; i < 100000; ++i) big[i] = i + a[0];
  threadgroup_barrier(mem_flags::mem_none);
  a[tid] = big[tid];
}"""
    with pytest.raises(KernelFault, match="more than its stack"):
        launch(compiled(source, strategy="fibers"), (64,), (64,), np.zeros(64, np.int32))


ENDLESS = """kernel void endless(device volatile int* a, uint tid [[thread_position_in_threadgroup]]) {
  while (a[0] == 0) threadgroup_barrier(mem_flags::mem_device);
}"""


def test_time_limit_inside_fibers() -> None:
    device()
    before = native_runtime().time_limit
    native_runtime().limit_time(0.2)
    try:
        with pytest.raises(KernelFault, match=r"it still ran after 0\.2 seconds"):
            launch(compiled(ENDLESS, "endless"), (6400,), (64,), np.zeros(64, np.int32))
    finally:
        native_runtime().limit_time(before)


def test_interrupt_inside_fibers() -> None:
    pipeline = compiled(ENDLESS, "endless")
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        launch(pipeline, (6400,), (64,), np.zeros(64, np.int32))
    timer.join()


@pytest.mark.parametrize(
    ("memory", "message"),
    [
        ((), "0 lengths of threadgroup memory are given, it has 1"),
        ((4, 4), "2 lengths of threadgroup memory are given, it has 1"),
        ((0,), "threadgroup memory of 0 bytes"),
        ((40_000,), "40,000 bytes of threadgroup memory, the device has 32,768"),
    ],
)
def test_lengths_of_threadgroup_memory(memory: tuple[int, ...], message: str) -> None:
    arrays = np.zeros(64, np.float32), np.zeros(1, np.float32)
    with pytest.raises(LaunchError, match=message):
        launch(compiled(HELPER, "tree"), (64,), (64,), *arrays, memory=memory)


def test_too_many_threads() -> None:
    with pytest.raises(LaunchError, match="cannot be launched"):
        launch(
            compiled(TREE, "tree"),
            (2048,),
            (2048,),
            np.zeros(2048, np.float32),
            np.zeros(1, np.float32),
        )


def test_function_constants_make_objects_of_their_own() -> None:
    source = """constant int factor [[function_constant(3)]];
constant bool twice [[function_constant(4)]];
constant int offset = is_function_constant_defined(twice) ? 10 : 20;
kernel void f(device int* a, uint i [[thread_position_in_grid]]) { a[i] = factor * int(i) + offset; }"""
    for constants, expected in (((("factor", 3),), 23), (((3, 5), ("twice", True)), 15)):
        a = np.zeros(2, np.int32)
        launch(compiled(source, constants=constants), (2,), (2,), a)
        assert a[1] == expected
    with pytest.raises(MslError, match="needs values for its function constants: `factor`"):
        compiled(source)


def test_launches_from_many_threads() -> None:
    pipelines = [compiled(HELPER, "tree"), compiled(TREE, "tree", strategy="regions")]
    failures: list[BaseException] = []

    def work(seed: int) -> None:
        try:
            for turn in range(20):
                way = (seed + turn) % 2
                sums(pipelines[way], 3000 + seed + turn, 128, (512,) if way == 0 else ())
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="reads Linux's list of mappings")
def test_threads_leave_nothing_behind() -> None:
    pipeline = compiled(HELPER, "tree")

    def mappings() -> int:
        return len(Path("/proc/self/maps").read_text().splitlines())

    def work() -> None:
        sums(pipeline, 2000, 256, (1024,))

    counts = []
    for _ in range(12):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join(60)
        counts.append(mappings())
    assert counts[-1] - counts[3] < 20, counts
