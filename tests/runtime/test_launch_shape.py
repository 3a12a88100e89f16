"""Grids and threadgroups: what is taken, what is refused, what is chosen."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from metal_runtime.device.launch_config import MAX_GRID, LaunchConfig
from metal_runtime.device.protocol import DeviceTraits
from metal_runtime.errors import LaunchError
from metal_runtime.runtime.launch_shape import default_threadgroup, launch_config

CPU = DeviceTraits("a cpu", "cpu")
GPU = DeviceTraits("a gpu", "metal")


def config(grid, threadgroup=None, traits=CPU, max_threads=1024) -> LaunchConfig:
    return launch_config("k", grid, threadgroup, traits=traits, max_threads=max_threads)


@pytest.mark.parametrize(
    ("grid", "extent"),
    [
        (5, (5, 1, 1)), ((5,), (5, 1, 1)), ((5, 6), (5, 6, 1)), ([5, 6, 7], (5, 6, 7)),
        (np.int64(5), (5, 1, 1)), ((np.uint8(5), 6), (5, 6, 1)), (np.array([5, 6]), (5, 6, 1)),
        (MAX_GRID, (MAX_GRID, 1, 1)), (np.array(4), (4, 1, 1)),
    ],
)  # fmt: skip
def test_grids(grid, extent):
    made = config(grid)
    assert made.grid == extent
    assert all(type(size) is int for size in made.grid + made.threadgroup)


@pytest.mark.parametrize(
    "bad",
    [0, -1, (4, 0), (4, -2, 1), 2.0, (4, 2.5), "4", None, (), (1, 2, 3, 4), True, (4, True), {3}, MAX_GRID + 1,
     (1, 2**40), np.float32(4), np.zeros((2, 2), np.int32), 1j],
)  # fmt: skip
def test_bad_grids_and_threadgroups(bad):
    with pytest.raises(LaunchError) as error:
        config(bad)
    assert "kernel `k`" in str(error.value)
    assert "grid" in str(error.value)
    assert error.value.hint
    if bad is not None:
        with pytest.raises(LaunchError, match="threadgroup"):
            config(4, bad)


def test_the_kernels_own_limit_holds():
    assert config(4096, 256, max_threads=256).threadgroup == (256, 1, 1)
    with pytest.raises(LaunchError, match="more than the 256"):
        config(4096, 257, max_threads=256)
    with pytest.raises(LaunchError, match="1,025 threads, more than the 1,024"):
        config(4096, 1025)
    with pytest.raises(LaunchError, match="2,048"):
        config(4096, (16, 16, 8))
    assert config(4, 1024).threadgroup == (1024, 1, 1)  # as in Metal, it may exceed the grid


@pytest.mark.parametrize("traits", [CPU, GPU])
@pytest.mark.parametrize("limit", [1024, 64, 7])
def test_default_threadgroups_fit(traits, limit):
    sizes = (1, 2, 3, 31, 32, 33, 1000, 5000)
    for grid in itertools.product(sizes, repeat=3):
        x, y, z = default_threadgroup(grid, traits, limit)
        assert 1 <= x * y * z <= limit
        assert all(g <= e for g, e in zip((x, y, z), grid, strict=True))


def test_default_threadgroups_suit_the_device():
    assert default_threadgroup((10_000, 1, 1), CPU, 1024) == (1024, 1, 1)
    assert default_threadgroup((10_000, 10, 1), CPU, 1024) == (1024, 1, 1)
    assert default_threadgroup((100, 100, 1), CPU, 1024) == (100, 10, 1)
    assert default_threadgroup((10_000, 1, 1), GPU, 1024) == (256, 1, 1)
    assert default_threadgroup((1000, 1000, 1), GPU, 1024) == (32, 8, 1)
