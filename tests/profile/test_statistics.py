"""What is said of kernels, counted by hand."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metal_runtime.profile.statistics import kernel_statistics, percentile
from metal_runtime.recording.events import Work
from tests.profile.recordings import MS, everything, launch, recording


def test_figures_of_two_kernels():
    scale, add = kernel_statistics(everything())
    assert (scale.facts.name, add.facts.name) == ("scale", "add")
    assert (scale.calls, scale.total_ns, scale.mean_ns) == (2, 6 * MS, 3 * MS)
    assert (scale.p50_ns, scale.p95_ns, scale.host_ns) == (2 * MS, 4 * MS, 2000)
    assert scale.work == Work(8 * MS, 8 * MS, 20 * MS)
    assert scale.bandwidth == pytest.approx(16e6 / 6e-3)
    assert scale.rate == pytest.approx(20e6 / 6e-3)
    assert scale.roofline_share == pytest.approx(16e6 / 1e10 / 6e-3)
    assert (scale.cache, add.cache) == ("miss: clang", "hit: load")
    assert add.rate is None
    assert add.bandwidth == pytest.approx(6e6 / 4e-3)


def test_arithmetic_bounds_the_share_where_it_takes_longer_than_the_bytes():
    (row,) = kernel_statistics(recording(launch(0, 0, (0, MS), work=Work(8, 8, 50 * MS))))
    assert row.roofline_share == pytest.approx(50e6 / 1e11 / 1e-3)


def test_a_device_that_does_not_say_times_gives_those_of_the_host():
    (row,) = kernel_statistics(recording(launch(0, 5, (0, 0)), launch(1, 5000, (0, 0))))
    assert not row.is_device_time
    assert (row.calls, row.timed_calls, row.total_ns) == (2, 2, 2000)
    assert (row.bandwidth, row.rate, row.roofline_share) == (None, None, None)


def test_a_launch_that_has_not_ended_is_counted_and_not_timed():
    work = Work(MS, 0)
    (row,) = kernel_statistics(
        recording(launch(0, 0, (0, MS), work=work), launch(1, 9, (MS, 0), work=work))
    )
    assert (row.calls, row.timed_calls, row.total_ns, row.work) == (2, 1, MS, Work(MS, 0, None))


def test_a_kernel_without_facts_has_its_key_for_a_name():
    (row,) = kernel_statistics(recording(launch(0, 0, (0, 9), key=0x77)))
    assert row.facts.name == "kernel 0x77"


def test_a_device_that_was_not_measured_has_no_share():
    found = everything()
    device = replace(found.devices[0], copy_bandwidth=None)
    assert kernel_statistics(replace(found, devices=(device,)))[0].roofline_share is None


@given(st.lists(st.integers(), min_size=1), st.floats(0, 1))
def test_a_percentile_is_one_of_the_values_and_no_less_than_its_part(values, part):
    found = percentile(sorted(values), part)
    assert found in values
    assert sum(value <= found for value in values) >= part * len(values)
