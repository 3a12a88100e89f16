"""Lanes: spans and gaps add up, and spans within spans are known."""

from hypothesis import given
from hypothesis import strategies as st

from metal_runtime.profile.timeline import timeline
from tests.profile.recordings import MS, everything, launch, recording


def test_lanes_of_two_streams_and_a_thread():
    found = timeline(everything())
    first, second = found.streams
    assert (first.name, second.name) == ("cpu · default", "cpu · stream 1")
    assert [span.label for span in first.spans] == ["scale", "scale", "add"]
    assert (first.begin, first.end) == (8 * MS, 17 * MS)
    assert [(gap.begin, gap.end) for gap in first.gaps] == [(10 * MS, 12 * MS)]
    assert (first.busy_ns, first.gap_ns) == (7 * MS, 2 * MS)
    assert first.wait_ns == (1 + 3 + 6) * MS
    (host,) = found.threads
    assert host.name == "MainThread"
    labels = {span.label: span.depth for span in host.spans}
    assert labels["flush 5 operators"] == 0
    assert labels["launch scale"] == 0  # the second lies after the flush
    assert [span.depth for span in host.spans if span.begin == 7 * MS] == [1]
    assert {"clang scale", "load add", "wait for cpu"} <= labels.keys()


@given(st.lists(st.tuples(st.integers(1, 1000), st.integers(0, 100)), min_size=1))
def test_spans_and_gaps_fill_a_lane(times):
    launches = [launch(n, 0, (at, at + length + 1)) for n, (at, length) in enumerate(times)]
    (lane,) = timeline(recording(*launches)).streams
    assert lane.busy_ns + lane.gap_ns == lane.end - lane.begin
    covered = {t for at, length in times for t in range(at, at + length + 1)}
    assert lane.busy_ns == len(covered)


def test_host_times_where_the_device_does_not_say():
    (lane,) = timeline(recording(launch(0, 10, (0, 0)))).streams
    assert not lane.is_device_time
    assert (lane.begin, lane.end, lane.wait_ns) == (10, 1010, 0)
