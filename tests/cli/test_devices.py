"""`iris devices`."""

from __future__ import annotations

import json

from metal_runtime.device.registry import backend_names


def test_devices_are_listed_within_80_columns(iris) -> None:
    result = iris("devices")
    assert result.status == 0
    assert "cpu" in result.out
    assert "ziglang" in result.out


def test_json_has_every_backend(iris) -> None:
    found = json.loads(iris("devices", "--json").out)
    names = {device["backend"] for device in found["devices"]} | set(found["missing"])
    assert names == set(backend_names())
    (cpu,) = (device for device in found["devices"] if device["backend"] == "cpu")
    assert cpu["memory_bytes"] > 0
    assert cpu["compute_units"] >= 1
