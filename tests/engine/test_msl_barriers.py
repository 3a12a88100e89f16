"""Barriers in branches, loops and helpers; what happens where they cannot meet; kernels that never end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from metal_runtime.backends.cpu.native_runtime import native_runtime
from metal_runtime.errors import KernelFault
from tests.engine.launching import MSL, library, poisoned, strategies

GROUPS = [1, 32, 45, 256]


def by_groups(
    rng: np.random.Generator, kernel: str, parameter: int, group: int, expected: Any
) -> None:
    """Every strategy gives what ``expected`` makes of each threadgroup's part."""
    x = rng.integers(-1000, 1000, 3 * group).astype(np.int32)
    for strategy in strategies("barriers.metal", kernel):
        out = poisoned(x.size, np.int32)
        library("barriers.metal", strategy)[kernel](
            x, out, parameter,
            threads=(x.size,), threadgroup=(group,), threadgroup_memory=(-(-4 * group // 16) * 16,),
        )  # fmt: skip
        with np.errstate(over="ignore"):
            wanted = np.concatenate([expected(part) for part in x.reshape(3, group)])
        np.testing.assert_array_equal(out, wanted, strategy)


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("mode", [-1, 1, 2])
def test_barrier_in_a_branch(rng: np.random.Generator, mode: int, group: int) -> None:
    def expected(x: Any) -> Any:
        if mode < 1:
            return -x
        value = x[::-1]
        return value + 2 * np.roll(value, -1) if mode > 1 else value

    by_groups(rng, "in_branch", mode, group, expected)


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("rounds", [0, 5, 12])
def test_barriers_in_loops(rng: np.random.Generator, rounds: int, group: int) -> None:
    def expected(x: Any) -> Any:
        value = x.copy()
        for i in range(min(rounds, 7)):
            if i == 3:
                continue
            for j in range(i, 0, -2):
                value = value * np.int32(3) + np.roll(value, -j)
            for _ in range(2):
                value = value ^ np.roll(value, 1)
        return value

    by_groups(rng, "in_loops", rounds, group, expected)


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("steps", [0, 1, 4])
def test_barriers_in_nested_helpers(rng: np.random.Generator, steps: int, group: int) -> None:
    def nested(depth: int, value: Any) -> Any:
        if depth == 0:
            return np.roll(value, -1)
        return nested(depth - 1, value)[::-1] * np.int32(2) + value

    def expected(x: Any) -> Any:
        value = x
        for _ in range(steps):
            value = np.roll(value, -1) + np.int32(1)
        return nested(3, value) + np.int32(1)

    by_groups(rng, "in_helpers", steps, group, expected)


def line_of(text: str, occurrence: int = 0) -> int:
    lines = (MSL / "barriers.metal").read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if "kernel void divergent" in line)
    return next(i + 1 for i, line in enumerate(lines) if i > start and text in line)


def test_divergent_barrier_is_an_error() -> None:
    """It names the kernel, the barrier's line and how many threads arrived."""
    out = poisoned(64, np.int32)
    with pytest.raises(KernelFault) as caught:
        library("barriers.metal").divergent(out, threads=(64,), threadgroup=(64,))
    text = str(caught.value)
    assert "divergent" in text
    assert str(line_of("threadgroup_barrier")) in text
    assert "32" in text
    assert "64" in text


def test_convergent_twin_of_the_divergent_barrier() -> None:
    for strategy in strategies("barriers.metal", "convergent"):
        out = poisoned(64, np.int32)
        library("barriers.metal", strategy).convergent(out, threads=(64,), threadgroup=(64,))
        np.testing.assert_array_equal(out, np.repeat([1, 2], 32))


@pytest.fixture
def short_limit() -> Iterator[None]:
    """Kernels of this test may run for 0.3 seconds."""
    before = native_runtime().time_limit
    native_runtime().limit_time(0.3)
    yield
    native_runtime().limit_time(before)


@pytest.mark.parametrize("kernel", ["endless", "endless_waiting"])
def test_endless_kernel_meets_its_time_limit(kernel: str, short_limit: None) -> None:
    for strategy in strategies("barriers.metal", kernel):
        out = np.zeros(64, np.int32)
        with pytest.raises(KernelFault, match=kernel):
            library("barriers.metal", strategy)[kernel](out, threads=(64,), threadgroup=(64,))
    # The device is as good as before.
    test_convergent_twin_of_the_divergent_barrier()


@pytest.mark.parametrize("group", [32, 96, 80])
def test_simdgroups_go_their_own_ways(rng: np.random.Generator, group: int) -> None:
    x = rng.integers(-1000, 1000, 2 * group).astype(np.int32)
    rows = [
        (i, row)
        for part in x.reshape(2, group)
        for i, row in enumerate(np.split(part, range(32, group, 32)))
    ]
    for strategy in strategies("barriers.metal", "early_simdgroups"):
        out = poisoned(x.size, np.int32)
        library("barriers.metal", strategy).early_simdgroups(
            x, out, threads=(x.size,), threadgroup=(group,)
        )
        expected = [np.full(row.size, -1 if i % 2 else row.sum()) for i, row in rows]
        np.testing.assert_array_equal(out, np.concatenate(expected))
    for strategy in strategies("barriers.metal", "lanes_of_branch"):
        out = poisoned(x.size, np.int32)
        library("barriers.metal", strategy).lanes_of_branch(
            x, out, threads=(x.size,), threadgroup=(group,)
        )
        expected = [
            np.where(row % 2 == 0, row[row % 2 == 0].sum(), row[row % 2 != 0].max(initial=-9999))
            for _, row in rows
        ]
        np.testing.assert_array_equal(out, np.concatenate(expected))
    if group % 32 == 0:
        for strategy in strategies("barriers.metal", "uneven_simdgroups"):
            out = poisoned(x.size, np.int32)
            library("barriers.metal", strategy).uneven_simdgroups(
                x, out, threads=(x.size,), threadgroup=(group,)
            )
            expected = []
            for i, row in rows:
                for step in range(i + 1):
                    row = row[np.arange(32) ^ (1 << step % 5)] + step
                expected.append(row)
            np.testing.assert_array_equal(out, np.concatenate(expected))
