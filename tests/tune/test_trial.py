"""Runs for measurement: what they may share, and that each finds what the call was given."""

from __future__ import annotations

import numpy as np
import pytest

from metal_runtime import api, kernel, metal
from metal_runtime.runtime import tuning_trial
from metal_runtime.runtime.sessions import get_session
from metal_runtime.runtime.tuning_trial import Call, Trial, read_pointers


@pytest.fixture(autouse=True)
def cpu():
    with api.device("cpu"):
        yield


FLOATS = {"x": "device float*", "y": "device float*"}


def added(x, y):
    y[metal.thread_id()] = x[metal.thread_id()] + 1.0


def added_in_place(x, y):
    y[metal.thread_id()] += x[metal.thread_id()]


def gathered(x, y):
    y[int(x[0])] = 1.0


def helped(x, y):
    help_along(y, x[0])


def help_along(y, value):
    y[metal.uint(0)] = y[metal.uint(0)] + value


def counted(x, y):
    metal.atomic_fetch_add(y, 0, 1)


def part_of_vector(x, y):
    y[metal.thread_id()].x = 1.0


@pytest.mark.parametrize(
    ("function", "types", "read"),
    [
        (added, FLOATS, {"x"}),
        (added_in_place, FLOATS, {"x", "y"}),
        (gathered, FLOATS, {"x"}),
        (helped, FLOATS, {"x", "y"}),
        (counted, {"x": "device float*", "y": "device atomic_int*"}, {"y"}),
        (part_of_vector, {"x": "device float*", "y": "device float4*"}, {"y"}),
    ],
)
def test_what_a_kernel_reads(function, types, read):
    assert read_pointers(kernel(param_types=types)(function).ir) == read


@pytest.fixture
def batches(monkeypatch):
    """How many launches each timed batch had."""
    counts = []
    repeat = tuning_trial._repeat
    monkeypatch.setattr(
        tuning_trial, "_repeat", lambda v, c, runs: counts.append(runs) or repeat(v, c, runs)
    )
    return counts


def test_every_run_in_place_finds_the_same(batches):
    x, y = api.asarray(np.arange(64, dtype=np.float32)), api.ones(64)
    add = kernel(param_types=FLOATS, tile={"threadgroup": [32]})(added_in_place)
    session = get_session()
    trial = Trial(Call((x, y), 64), session)
    assert trial.seconds(add._as_it_is(), {}, 5) > 0
    assert batches == [1] * 5
    (copy,) = [c for memory, c in trial.copies.items() if memory == id(y)]
    assert (copy.numpy() == 1 + np.arange(64)).all()
    assert (y.numpy() == 1).all()


def test_runs_that_write_only_follow_each_other(batches):
    x, y = np.arange(64, dtype=np.float32), np.zeros(64, np.float32)
    add = kernel(param_types=FLOATS, tile={"threadgroup": [32]})(added)
    session = get_session()
    assert Trial(Call((x, y), 64), session).seconds(add._as_it_is(), {}, 5) > 0
    assert batches == [5]
    assert (y == 0).all()
    assert Trial(Call((x, x), 64), session).seconds(add._as_it_is(), {}, 3) > 0  # one memory
    assert batches == [5, 1, 1, 1]
    assert (x == np.arange(64)).all()
