"""Backends by name."""

from __future__ import annotations

import pytest

from metal_runtime import settings
from metal_runtime.device.registry import backend_names, open_device
from metal_runtime.errors import DeviceError


def test_the_cpu_is_always_there():
    assert "cpu" in backend_names()


@pytest.mark.parametrize("name", ["gpu", "", "cpu.device", "../cpu", "CPU"])
def test_unknown_names_say_what_there_is(name):
    with pytest.raises(DeviceError) as error:
        open_device(name)
    assert f"there is no device `{name}`" in str(error.value)
    assert "cpu" in error.value.hint


def test_the_environment_chooses(monkeypatch):
    monkeypatch.setenv("IRIS_DEVICE", "nowhere")
    assert settings.device_name() == "nowhere"
    monkeypatch.delenv("IRIS_DEVICE")
    assert settings.device_name() == "cpu"
