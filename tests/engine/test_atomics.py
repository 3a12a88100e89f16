"""Lock-free kernels in Python: compare-exchange, atomics of ulong and fences; interpreted and on the CPU device, against NumPy."""
# mypy: ignore-errors

from __future__ import annotations

import numpy as np
import pytest

from metal_runtime import metal
from metal_runtime.emit.ir_to_msl import ir_to_msl
from metal_runtime.frontend.translate import translate
from metal_runtime.ir.printer import print_kernel
from metal_runtime.msl_types import parse_type
from metal_runtime.passes.pipeline import optimize
from tests.engine.test_library_functions import run, way

__all__ = ["way"]


def largest(x: "device const float*", best: "device float*"):
    value = x[metal.thread_id()]
    seen = metal.atomic_load(best[0])
    while value > seen:
        seen, swapped = metal.atomic_compare_exchange(best, 0, seen, value)
        if swapped:
            break


@pytest.mark.parametrize("n", [1, 33, 5000])
def test_largest_float(way, n):
    x = np.random.default_rng().normal(size=n).astype(np.float32)
    got = run(way, largest, "device const float*, device float*", n, x=x, best=np.full(1, -np.inf, np.float32))  # fmt: skip
    assert got["best"][0] == x.max()


def multiplied(x: "device const int*", product: "device atomic_int*", tries: "device uint*"):
    tile = metal.threadgroup_array(metal.atomic_int, 1)
    if metal.thread_index_in_threadgroup == 0:
        tile[0] = 1
    metal.threadgroup_barrier()
    i = metal.thread_id()
    before, done = tile[0], False
    while not done:
        before, done = metal.atomic_compare_exchange(tile[0], before, before * x[i])
        tries[i] += 1
    metal.threadgroup_barrier()
    if metal.thread_index_in_threadgroup == 0:
        seen, done = metal.atomic_load(product, 0), False
        while not done:
            seen, done = metal.atomic_compare_exchange(product, 0, seen, seen * tile[0])


def test_product_in_threadgroup_memory(way):
    x = np.random.default_rng().choice([-1, 1, 3, 5], 200).astype(np.int32)
    got = run(way, multiplied, "device const int*, device atomic_int*, device uint*", 200,
              x=x, product=np.ones(1, np.int32), tries=np.zeros(200, np.uint32))  # fmt: skip
    with np.errstate(over="ignore"):
        assert got["product"][0] == np.multiply.reduce(x, dtype=np.int32)
    assert got["tries"].min() >= 1


EMPTY = 0xFFFFFFFF


def inserted(
    keys: "device const uint*",
    table: "device atomic_uint*",
    counts: "device atomic_uint*",
    mask: uint,
):
    key = keys[metal.thread_id()]
    slot = (key * 2654435761) & mask
    while True:
        found, swapped = metal.atomic_compare_exchange(table[slot], EMPTY, key)
        if swapped or found == key:
            break
        slot = (slot + 1) & mask
    metal.atomic_fetch_add(counts[slot], 1)


def test_hash_histogram(way):
    keys = np.random.default_rng().integers(0, 40, 700).astype(np.uint32) * 977
    types = "device const uint*, device atomic_uint*, device atomic_uint*, uint"
    got = run(way, inserted, types, 700, keys=keys, table=np.full(64, EMPTY, np.uint32),
              counts=np.zeros(64, np.uint32), mask=63)  # fmt: skip
    values, counts = np.unique(keys, return_counts=True)
    used = got["table"] != EMPTY
    order = np.argsort(got["table"][used])
    assert (got["table"][used][order] == values).all()
    assert (got["counts"][used][order] == counts).all()


def first_wins(x: "device uint*", nan: "device float*", out: "device int*"):
    metal.atomic_compare_exchange(x, 0, 7, metal.thread_id() + 100)
    found, swapped = metal.atomic_compare_exchange(nan[0], nan[1], 2.0)
    zero, exchanged = metal.atomic_compare_exchange(nan[2], 0.0, 5.0)
    if metal.thread_id() == 0:
        out[0] = int(swapped)
        out[1] = int(exchanged)


def test_bits_are_compared(way):
    """NaN is equal to itself, and 0.0 is not -0.0; only one thread finds the 7."""
    nan = np.array([np.nan, np.nan, -0.0], np.float32)
    got = run(way, first_wins, "device uint*, device float*, device int*", 1,
              x=np.array([7], np.uint32), nan=nan, out=np.full(2, 9, np.int32))  # fmt: skip
    assert got["nan"][0] == 2
    assert np.signbit(got["nan"][2])
    assert got["nan"][2] == 0
    assert got["out"].tolist() == [1, 0]
    assert got["x"][0] == 100


def extremes(x: "device const ulong*", out: "device ulong*"):
    i = metal.thread_id()
    metal.atomic_min(out, 0, x[i])
    metal.atomic_max(out[1], x[i])


def test_ulong(way):
    x = np.random.default_rng().integers(0, 2**64, 999, np.uint64)
    got = run(way, extremes, "device const ulong*, device ulong*", 999,
              x=x, out=np.array([2**64 - 1, 0], np.uint64))  # fmt: skip
    assert got["out"].tolist() == [x.min(), x.max()]


def published(x: "device uint*", ready: "device atomic_uint*", out: "device uint*"):
    i = metal.thread_id()
    x[i] = i + 5
    metal.atomic_thread_fence()
    ready[i] = 1
    metal.atomic_thread_fence(metal.mem_flags.mem_device | metal.mem_flags.mem_threadgroup)
    out[i] = x[i] * ready[i]


def test_fence(way):
    empty = [np.zeros(50, np.uint32) for _ in range(3)]
    got = run(way, published, "device uint*, device atomic_uint*, device uint*", 50,
              **dict(zip(("x", "ready", "out"), empty, strict=True)))  # fmt: skip
    assert (got["out"] == np.arange(50) + 5).all()


@pytest.mark.parametrize(
    "function", [largest, inserted, extremes, published], ids=lambda f: f.__name__
)
def test_golden(function, golden):
    code = function.__code__
    types = {
        n: parse_type(function.__annotations__[n].strip("'\""))
        for n in code.co_varnames[: code.co_argcount]
    }
    kernel = optimize(translate(function, types))
    golden(f"ir/atomics_{function.__name__}.ir", print_kernel(kernel))
    golden(f"msl/atomics_{function.__name__}.metal", ir_to_msl(kernel).source)
