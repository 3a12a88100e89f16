"""Each view shows the true figures of a known recording, at the sizes of small and large terminals."""

from __future__ import annotations

import pytest

from metal_runtime.inspect.source import Status
from tests.top.driving import screen
from tests.top.recordings import STATUS, HandMade, nothing, recording

VIEWS = ["timeline", "kernels", "memory", "graph", "compile", "devices", "log"]


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


@pytest.mark.parametrize("size", [(80, 24), (140, 40)], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("number", range(len(VIEWS)), ids=VIEWS)
def test_screen_is_golden(number: int, size: tuple[int, int], golden) -> None:
    name = f"top/{VIEWS[number]}-{size[0]}x{size[1]}.txt"
    golden(name, screen(HandMade(recording()), str(number + 1), size=size))


def test_kernel_and_help_are_golden(golden) -> None:
    golden("top/kernel-80x24.txt", screen(HandMade(recording()), "2", "enter"))
    golden("top/help-80x24.txt", screen(HandMade(recording()), "question_mark"))


@pytest.mark.parametrize("number", range(len(VIEWS)), ids=VIEWS)
def test_nothing_yet_says_what_to_expect(number: int, golden) -> None:
    shown = screen(HandMade(nothing(), Status()), str(number + 1))
    golden(f"top/empty-{VIEWS[number]}.txt", shown)


def test_light_and_dark_show_the_same() -> None:
    dark = screen(HandMade(recording()), "2")
    assert screen(HandMade(recording()), "2", light=True) == dark
    assert screen(HandMade(recording()), "2", "d") == dark


def test_figures_of_a_kernel_by_hand() -> None:
    (line,) = [s for s in screen(HandMade(recording()), "2").splitlines() if s.startswith("saxpy")]
    # 20 calls of 2 ms; 12 MiB and 2 Mi operations in each: 6.29 GB/s, 1.05 GFLOP/s; 40 GB/s are the most.
    assert line.split() == ["saxpy", "20", "40.0", "ms", "57%", "2.00", "ms", "2.00", "ms", "6.29", "1.05", "16%"]  # fmt: skip


def test_lane_of_a_stream_by_hand() -> None:
    shown = screen(HandMade(recording()), "1")
    # 20 launches of 2 ms and 5 of 4 ms, the first at 17 ms, the last until 97 ms.
    assert "25 spans in 80.0 ms, busy 60.0 ms (75%), gaps 20.0 ms" in shown
    assert "waited in queues 12.5 ms" in shown


def test_leaking_line_is_on_top_and_marked() -> None:
    lines = screen(HandMade(recording()), "3").splitlines()
    first = next(n for n, line in enumerate(lines) if line.startswith("line ")) + 1
    assert "train.py:50" in lines[first]
    assert lines[first].endswith("grows")
    assert "train.py:20" in lines[first + 1]
    assert not lines[first + 1].endswith("grows")


def test_lost_events_are_told() -> None:
    from dataclasses import replace

    source = HandMade(replace(recording(), dropped=1234), STATUS)
    assert "1,234 events were lost" in screen(source, "7")
