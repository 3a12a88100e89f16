"""What people read, of recordings made by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from metal_runtime.errors import IrisError
from metal_runtime.profile import Profile, profile
from metal_runtime.profile.comparison import compare, comparison_table
from metal_runtime.profile.drawing import bars_of
from metal_runtime.profile.table import plain
from metal_runtime.profile.timeline import Span
from metal_runtime.profile.units import bytes_text, rate_text, time_text
from metal_runtime.recording.events import LiveBlock, Place
from tests.profile.recordings import CPU, MS, everything, launch, recording

TABLE = """\
4 launches in 80.0 ms on cpu (Some CPU)

kernel calls   total    mean     p50     p95 GB/s GFLOP/s roofline cache
scale      2 6.00 ms 3.00 ms 2.00 ms 4.00 ms 2.67    3.33      27% miss: clang
add        2 4.00 ms 2.00 ms 1.00 ms 3.00 ms 1.50              15% hit: load

cpu times: measured by worker threads
cpu roofline: 10.0 GB/s, 100 GFLOP/s (float32)"""


def test_the_table_of_a_recording_is_what_it_was():
    assert str(Profile(everything())) == TABLE


@pytest.mark.parametrize("width", [80, 100])
def test_figures_are_whole_in_a_terminal(width):
    long = replace(everything(), kernels={})
    text = plain(Profile(long).table(), width)
    assert "6.00 ms" in text
    assert "…" not in text
    assert max(map(len, text.split("\n"))) <= width


def test_every_report_says_what_was_lost():
    found = Profile(replace(everything(), dropped=1234))
    for part in (found.table(), found.timeline(), found.memory()):
        assert "1,234 events were lost" in plain(part)
    assert "1,234 events were lost" in found.html()


def test_times_of_the_host_are_marked():
    found = replace(recording(launch(0, 0, (0, 0))), devices=(replace(CPU, timing=""),))
    text = str(Profile(found))
    assert "~1.00 us" in text
    assert "does not say" in text


def test_launches_that_did_not_end_are_said():
    text = str(Profile(recording(launch(0, 0, (0, MS)), launch(1, 9, (0, 0)))))
    assert "1 launches failed or had not ended" in text


def test_the_timeline_s_bars():
    spans = [Span(0, 10, "a", launch(0, 0, (0, 10))), Span(20, 25, "b", launch(1, 0, (0, 10)))]
    assert bars_of(spans, 0, 40, 4) == "█ ▄ "
    assert bars_of([*spans, replace(spans[0], depth=1)], 0, 40, 4) == "█ ▄ "
    text = plain(Profile(everything()).timeline(), 80)
    assert "cpu · stream 1" in text
    assert "9.01 ms" not in text
    assert "launches waited 10.0 ms" in text


def test_memory_names_the_leaking_line_first():
    leak = [LiveBlock("cpu", n, 1 << 20, n * MS, Place("/x/app.py", 9)) for n in range(0, 80, 4)]
    big = [LiveBlock("cpu", 999, 1 << 30, 0, Place("/x/app.py", 2))]
    lines = plain(Profile(replace(everything(), live=(*big, *leak))).memory()).split("\n")
    assert "peak 4.00 KiB at 6.00 ms" in "".join(lines)
    (at,) = [n for n, line in enumerate(lines) if line.startswith("made by")]
    assert lines[at + 1].split() == "app.py:9 20 20.0 MiB 80.0 ms 4.00 ms keeps growing: a leak?".split()  # fmt: skip
    assert lines[at + 2].startswith("app.py:2")


def test_the_greatest_change_comes_first():
    slow = recording(launch(0, 0, (0, 9 * MS)), launch(1, 0, (9 * MS, 10 * MS), key=2))
    changes = compare(everything(), slow)
    assert [(c.name, c.lost_ns) for c in changes] == [("add", -3 * MS), ("scale", 3 * MS)]
    assert (changes[1].before.calls, changes[1].after.calls) == (2, 1)
    assert compare(everything(), recording())[0].lost_ns == -6 * MS
    text = plain(comparison_table(everything(), slow))
    assert "+3.00 ms" in text
    assert "-75%" in text
    assert "gone" in plain(comparison_table(everything(), recording()))


def test_a_profile_that_has_not_ended():
    with pytest.raises(IrisError, match="has not ended"):
        profile().table()
    with pytest.raises(IrisError, match="has been recorded"):
        Profile(everything()).__enter__()
    assert "not ended" in repr(profile()) + str(profile())


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 ns"), (999, "999 ns"), (999.6, "1.00 us"), (12_345, "12.3 us"), (2_500_000, "2.50 ms"), (3e9, "3.00 s")],
)  # fmt: skip
def test_times_have_three_figures(number, text):
    assert time_text(number) == text


def test_bytes_and_rates():
    assert (bytes_text(1023), bytes_text(1536)) == ("1023 B", "1.50 KiB")
    assert (rate_text(None), rate_text(123.4e9), rate_text(12.34e9)) == ("", "123", "12.3")
