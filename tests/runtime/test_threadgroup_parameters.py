"""Threadgroup memory whose length the launch of a Python kernel gives: right results, and a Library's errors."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import metal_runtime
from metal_runtime import kernel, metal
from metal_runtime.errors import KernelFault, LaunchError
from metal_runtime.ir.interpret import interpret


@kernel
def total(
    x: "device const float*", part: "threadgroup float*", out: "device float*", n: "uint"
) -> None:
    i, t = metal.thread_id(), metal.thread_index_in_threadgroup
    part[t] = x[i] if i < n else 0.0
    metal.threadgroup_barrier()
    stride = metal.threads_per_threadgroup.x // 2
    while stride > 0:
        if t < stride:
            part[t] += part[t + stride]
        metal.threadgroup_barrier()
        stride //= 2
    if t == 0:
        out[metal.threadgroup_id()] = part[0]


def counted(bins: "threadgroup atomic_uint*", key: "uint") -> "uint":
    return metal.atomic_fetch_add(bins[key], 1)


@kernel
def histogram(keys, bins: "threadgroup atomic_uint*", sums: "threadgroup float2*", out, weights):
    i, t = metal.thread_id(), metal.thread_index_in_threadgroup
    if t < 8:
        bins[t] = 0
    sums[t] = metal.float2(weights[i], 1.0)
    metal.threadgroup_barrier()
    counted(bins, keys[i])
    metal.threadgroup_barrier()
    if t < 8:
        metal.atomic_fetch_add(out, t, bins[t])
    if t == 0:
        all = metal.float2(0.0)
        for k in range(metal.threads_per_threadgroup.x):
            all += sums[k]
        metal.atomic_fetch_add(weights, i, all.x + all.y)


@pytest.mark.parametrize("group", [1, 2, 32, 64, 256])
def test_reduction(group: int) -> None:
    n = 1000
    x = np.random.default_rng().normal(size=n).astype(np.float32)
    count = -(-n // group)
    padded = np.pad(x, (0, count * group - n)).reshape(count, group)
    for memory in (max(16, 4 * group), (max(16, 4 * group),), {"part": max(16, 4 * group)}):
        out = np.full(count, np.nan, np.float32)
        total(x, out, n, threads=count * group, threadgroup=group, threadgroup_memory=memory)
        np.testing.assert_allclose(out, padded.sum(axis=1), rtol=1e-4, atol=1e-4)
    want = np.zeros(count, np.float32)
    interpret(
        total.ir,
        (count * group, 1, 1),
        {"x": x, "part": 4 * group, "out": want, "n": n},
        (group, 1, 1),
    )
    np.testing.assert_array_equal(out, want)


def test_types_from_the_arguments_and_two_memories() -> None:
    rng = np.random.default_rng()
    keys, weights = rng.integers(0, 8, 192).astype(np.uint32), np.ones(192, np.float32)
    out = np.zeros(8, np.uint32)
    histogram(keys, out, weights, threads=192, threadgroup=64,
              threadgroup_memory={"sums": 512, "bins": 32})  # fmt: skip
    assert (out == np.bincount(keys, minlength=8)).all()
    assert weights[::64].tolist() == [129.0] * 3
    assert "threadgroup atomic_uint* bins [[threadgroup(0)]]" in histogram.msl_source
    assert "device float* weights [[buffer(2)]]" in histogram.msl_source


def test_named_arguments_and_signature() -> None:
    x, out = np.ones(32, np.float32), np.zeros(1, np.float32)
    total(n=32, out=out, x=x, threads=32, threadgroup=32, threadgroup_memory=128)
    assert out[0] == 32
    (memory,) = total.signature.threadgroup_arguments
    assert (memory.name, memory.index, memory.type_text, memory.itemsize) == (
        "part",
        0,
        "threadgroup float*",
        4,
    )
    assert [a.name for a in total.signature.arguments] == ["x", "out", "n"]


WRONG: dict[str, dict[str, Any]] = {
    "missing": {},
    "too many": {"threadgroup_memory": (16, 16)},
    "no multiple of 16": {"threadgroup_memory": 250},
    "negative": {"threadgroup_memory": -16},
    "no number": {"threadgroup_memory": 16.0},
    "unknown name": {"threadgroup_memory": {"s": 16}},
    "too much": {"threadgroup_memory": 32_784},
    "no threadgroup": {"threadgroup_memory": 128, "threadgroup": None},
}


def refused(launch: Callable[[], Any]) -> str:
    with pytest.raises(LaunchError) as caught:
        launch()
    return str(caught.value)


@pytest.mark.parametrize("settings", WRONG.values(), ids=WRONG.keys())
def test_errors_are_those_of_a_library(settings: dict[str, Any]) -> None:
    same = metal_runtime.compile(total.msl_source)
    x, out = np.ones(32, np.float32), np.zeros(1, np.float32)
    given = {"threads": 32, "threadgroup": 32, **settings}
    message = refused(lambda: total(x, out, 32, **given))
    assert message == refused(lambda: same.total(x, out, 32, **given))
    assert "total" in message


def test_memory_for_a_kernel_without_such_parameters() -> None:
    @kernel
    def plain(x: "device float*") -> None:
        x[metal.thread_id()] = 1.0

    x = np.zeros(4, np.float32)
    assert "no [[threadgroup" in refused(lambda: plain(x, threads=4, threadgroup_memory=16))
    plain(x, threads=4)
    assert (x == 1).all()


def test_the_memory_is_no_argument() -> None:
    x, out = np.ones(32, np.float32), np.zeros(1, np.float32)
    settings = {"threads": 32, "threadgroup": 32, "threadgroup_memory": 128}
    assert "not 4" in refused(lambda: total(x, x, out, 32, **settings))
    assert "no parameter `part`" in refused(lambda: total(x, out=out, n=32, part=x, **settings))
    assert "gives 0 lengths" in refused(lambda: total.launch([x, out, 32], 32, 32))


def test_too_little_memory_is_a_fault_in_the_interpreter() -> None:
    x, out = np.ones(32, np.float32), np.zeros(1, np.float32)
    arguments = {"x": x, "part": 64, "out": out, "n": 32}
    with pytest.raises(KernelFault, match="index 16 is out of range for 16 elements"):
        interpret(total.ir, (32, 1, 1), arguments, (32, 1, 1))
