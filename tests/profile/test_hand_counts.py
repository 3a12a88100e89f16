"""Bytes, arithmetic and rates of operators, against a count by hand; a leak through reference cycles."""

from __future__ import annotations

import gc

import numpy as np
import pytest

from metal_runtime import api
from metal_runtime.profile.memory import leak_suspects
from metal_runtime.recording.events import LaunchEvent

ROWS, COLUMNS, DEPTH = 37, 41, 29


def measured(make):
    """The work of all launches, and the profile."""
    make().numpy()  # compiled before
    with api.profile(roofline=False) as p:
        make().numpy()
    works = [row.work for row in p.kernels]
    return sum(w.read_bytes for w in works), sum(w.written_bytes for w in works), p


def arrays(*shapes):
    rng = np.random.default_rng()
    return [api.asarray(rng.random(shape, np.float32)) for shape in shapes]


def test_an_elementwise_kernel():
    a, b = arrays((ROWS, COLUMNS), (ROWS, COLUMNS))
    read, written, p = measured(lambda: a * b + 2)
    assert (read, written) == (2 * 4 * ROWS * COLUMNS, 4 * ROWS * COLUMNS)
    (row,) = p.kernels
    assert row.work.operations == 2 * ROWS * COLUMNS
    (launch,) = [event for event in p.recording.events if isinstance(event, LaunchEvent)]
    seconds = (launch.device_end - launch.device_begin) * 1e-9
    assert row.bandwidth == pytest.approx((read + written) / seconds)
    assert row.rate == pytest.approx(row.work.operations / seconds)


def test_a_reduction():
    (a,) = arrays((ROWS, COLUMNS))
    read, written, _ = measured(lambda: a.sum(axis=1))
    assert (read, written) == (4 * ROWS * COLUMNS, 4 * ROWS)


def test_a_matrix_product():
    a, b = arrays((ROWS, DEPTH), (DEPTH, COLUMNS))
    read, written, p = measured(lambda: a @ b)
    (row,) = p.kernels
    assert (read, written) == (4 * DEPTH * (ROWS + COLUMNS), 4 * ROWS * COLUMNS)
    assert row.work.operations == 2 * ROWS * COLUMNS * DEPTH


def test_buffers_that_reference_cycles_keep_are_a_leak():
    x = arrays((1000,))[0]
    gc.collect()
    gc.disable()
    try:
        with api.profile(roofline=False) as p:
            for n in range(32):
                cycle = [(x + n).numpy()]  # the leak
                cycle.append(cycle)
    finally:
        gc.enable()
        gc.collect()
    (suspect,) = leak_suspects(p.recording)
    with open(__file__) as source:
        assert source.read().split("\n")[suspect.place.line - 1].endswith("# the leak")
