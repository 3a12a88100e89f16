"""`iris devices`."""

from __future__ import annotations

import json
import sys

import pytest

from metal_runtime.device.registry import known_backends
from tests.metal.double import installed


def test_devices_are_listed_within_80_columns(iris) -> None:
    result = iris("devices")
    assert result.status == 0
    assert "cpu" in result.out
    assert "ziglang" in result.out


def test_json_has_every_backend(iris) -> None:
    found = json.loads(iris("devices", "--json").out)
    names = {device["backend"] for device in found["devices"]} | set(found["missing"])
    assert names == set(known_backends())
    (cpu,) = (device for device in found["devices"] if device["backend"] == "cpu")
    assert cpu["memory_bytes"] > 0
    assert cpu["compute_units"] >= 1


@pytest.mark.skipif(sys.platform == "darwin", reason="Metal is there")
def test_a_device_that_is_not_there_says_why(iris) -> None:
    result = iris("devices")
    assert "metal: Metal runs on macOS only" in result.out
    assert iris("devices", "--require", "cpu").status == 0
    required = iris("devices", "--require", "metal")
    assert required.status == 1
    assert "metal does not open: Metal runs on macOS only" in required.err


def test_a_gpu_is_shown_with_families_and_limits(iris) -> None:
    with installed():
        result = iris("devices", "--require", "metal")
        found = json.loads(iris("devices", "--json").out)
    assert result.status == 0
    assert "Apple M3" in result.out
    assert "metal: families apple1 apple2" in result.out
    assert "32 KiB of threadgroup memory, buffers up to 9 GiB" in result.out
    (gpu,) = (device for device in found["devices"] if device["backend"] == "metal")
    assert "apple9" in gpu["families"]
    assert max(map(len, result.out.splitlines()[:3])) <= 80
