"""Environment variables: what they give, and what they say when they are wrong."""

import math

import pytest

from metal_runtime import settings
from metal_runtime.errors import IrisError


def test_counts_and_limits(monkeypatch):
    monkeypatch.setenv("IRIS_THREADS", "3")
    monkeypatch.setenv("IRIS_TIME_LIMIT", "0.5")
    assert settings.worker_threads() == 3
    assert settings.time_limit() == 0.5
    monkeypatch.setenv("IRIS_TIME_LIMIT", "inf")
    assert settings.time_limit() == math.inf
    monkeypatch.delenv("IRIS_THREADS")
    assert settings.worker_threads() >= 1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("IRIS_THREADS", "0"),
        ("IRIS_THREADS", "two"),
        ("IRIS_THREADS", "1.5"),
        ("IRIS_TIME_LIMIT", "-1"),
        ("IRIS_TIME_LIMIT", "a minute"),
        ("IRIS_TIME_LIMIT", "nan"),
    ],
)
def test_wrong_values_are_named(monkeypatch, name, text):
    monkeypatch.setenv(name, text)
    read = settings.worker_threads if name == "IRIS_THREADS" else settings.time_limit
    with pytest.raises(IrisError, match=f"{name} is '{text}'"):
        read()


@pytest.mark.parametrize(
    ("text", "kernels", "library"), [(None, True, False), ("0", False, False), ("1", True, True)]
)
def test_what_is_measured(monkeypatch, text, kernels, library):
    monkeypatch.delenv("IRIS_TUNE", raising=False)
    if text is not None:
        monkeypatch.setenv("IRIS_TUNE", text)
    assert (settings.tuning(), settings.tuning_library()) == (kernels, library)
