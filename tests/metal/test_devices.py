"""Several devices in one process: Metal over the double beside the CPU, each with its own buffers, sessions and errors."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np
import pytest

from metal_runtime import api, kernel, metal, ops
from metal_runtime.errors import DeviceError, IrisError, LaunchError
from tests.metal.double import World, installed


@kernel(param_types={"x": "device const float*", "y": "device float*", "a": "float", "n": "uint"})
def scaled_sum(x, y, a, n):
    i = metal.thread_id()
    if i < n:
        y[i] = a * x[i] + y[i]


@pytest.fixture
def two() -> Iterator[World]:
    with installed() as world:
        yield world
        api.device("metal").close()


def values(n: int = 1001) -> np.ndarray:
    return np.random.default_rng().standard_normal(n).astype(np.float32)


def test_a_device_has_traits_and_arrays_of_its_own(two):
    gpu, cpu = api.device("metal"), api.device("cpu")
    assert gpu.traits.backend == "metal"
    assert gpu.name == "Apple M3"
    assert "apple9" in gpu.families
    assert cpu.traits.backend == "cpu"
    array = values()
    buffer = gpu.asarray(array)
    assert buffer.device == "metal"
    assert np.array_equal(buffer.to_numpy(), array)
    assert gpu.memory().used_blocks == 1


def test_kernels_and_operators_run_where_their_buffers_are(two):
    for name in ("metal", "cpu"):
        device = api.device(name)
        x, y = values(), values()
        on = [device.asarray(x), device.asarray(y)]
        scaled_sum(*on, 2.0, x.size, threads=x.size)
        assert np.allclose(on[1].to_numpy(), 2 * x.astype(np.float64) + y, rtol=1e-6, atol=1e-6)
        total = ops.add(on[0], on[1])
        assert total.device == name
        assert np.array_equal(total.to_numpy(), x + on[1].to_numpy())
        assert (on[0] * 2.0).device == name
        maximum = ops.reduction.reduce_max(on[0])
        assert maximum.device == name
        assert maximum.to_numpy() == x.max()


def test_a_block_makes_a_device_current(two):
    outside = api.device().backend
    with api.device("metal"):
        assert api.zeros(3).device == "metal"
        with api.device("cpu"):
            assert api.zeros(3).device == "cpu"
        array = values()
        out = np.zeros_like(array)
        before = two.messages["MTLCommandBuffer.commit"]
        scaled_sum(array, out, 3.0, array.size, threads=array.size)
        assert np.array_equal(out, 3 * array)
        assert two.messages["MTLCommandBuffer.commit"] > before
    assert api.zeros(3).device == outside


def test_buffers_are_copied_between_devices(two):
    array = values()
    here = api.device("cpu").asarray(array)
    there = here.to("metal")
    assert there.device == "metal"
    assert there.to("metal") is there
    scaled_sum(there, there.to("cpu").to("metal"), 1.0, array.size, threads=array.size)
    assert np.array_equal(there.to("cpu").to_numpy(), array)


def test_buffers_of_two_devices_do_not_meet(two):
    x, y = api.device("metal").zeros(8), api.device("cpu").zeros(8)
    with pytest.raises(
        LaunchError, match=r"parameter `y`.*on device `cpu`, not on `metal`"
    ) as caught:
        scaled_sum(x, y, 1.0, 8, threads=8)
    assert 'buffer.to("metal")' in caught.value.hint
    with pytest.raises(IrisError, match="on device `cpu`, not on `metal`"):
        ops.add(x, y)


@pytest.mark.skipif(sys.platform == "darwin", reason="Metal is there")
def test_a_device_that_is_not_there_says_why():
    with pytest.raises(DeviceError, match="Metal runs on macOS only") as caught:
        api.device("metal")
    assert "IRIS_DEVICE=cpu" in caught.value.hint
    with pytest.raises(DeviceError, match="no device `vulkan`"):
        api.device("vulkan")
