"""Keys, the mouse, sizes, and sources that change or end."""

from __future__ import annotations

from dataclasses import replace

from metal_runtime.top.application import VIEWS
from metal_runtime.top.table import Table
from metal_runtime.top.timeline_view import Lanes
from tests.top.driving import Driver, drive
from tests.top.recordings import HandMade, launch, recording


def kernels(driver: Driver) -> list[str]:
    """The names of the kernels' rows, in their order."""
    return [str(row.cells[0]) for row in driver.app.query_one("#kernels", Table).rows]


def test_sort_filter_and_reset_are_the_originals_keys() -> None:
    async def keys(driver: Driver) -> None:
        await driver.press("2")
        assert kernels(driver) == ["saxpy", "fused_add_mul", "block_sum"]
        await driver.press("s")
        assert kernels(driver) == ["block_sum", "fused_add_mul", "saxpy"]
        await driver.press("s")  # by calls
        assert kernels(driver) == ["saxpy", "block_sum", "fused_add_mul"]
        await driver.press("f", "s", "u", "m", "enter")
        assert kernels(driver) == ["block_sum"]
        await driver.press("r")
        assert kernels(driver) == ["saxpy", "fused_add_mul", "block_sum"]
        await driver.press("f", *"1234q")  # keys of views are text there
        assert kernels(driver) == []
        assert "nothing contains “1234q”" in driver.text()
        await driver.press("escape")
        assert len(kernels(driver)) == 3

    drive(HandMade(recording()), keys)


def test_each_number_opens_its_view_and_so_does_a_click() -> None:
    async def keys(driver: Driver) -> None:
        for number, view in enumerate(VIEWS):
            await driver.press(str(number + 1))
            assert isinstance(driver.app.view, view)
        await driver.pilot.click("#names", offset=(16, 0))
        await driver.pilot.pause()
        assert driver.app.view.NAME == "kernels"

    drive(HandMade(recording()), keys)


def test_clicks_sort_and_select() -> None:
    async def clicks(driver: Driver) -> None:
        await driver.press("2")
        await driver.pilot.click("#kernels", offset=(2, 0))
        await driver.pilot.pause()
        assert kernels(driver)[0] == "block_sum"
        await driver.pilot.click("#kernels", offset=(2, 3))
        await driver.pilot.pause()
        row = driver.app.query_one("#kernels", Table).selected_row
        assert row is not None
        assert row.key == 1

    drive(HandMade(recording()), clicks)


def test_selection_stays_with_its_kernel_while_figures_change() -> None:
    async def change(driver: Driver) -> None:
        await driver.press("2", "down", "down")
        table = driver.app.query_one("#kernels", Table)
        assert table.selected == 3
        more = [launch(100 + n, 3, 100 + 50 * n, 50, stream=1) for n in range(4)]
        now = driver.source.recording
        driver.source.recording = replace(now, events=(*now.events, *more))
        await driver.polled()
        assert kernels(driver)[0] == "block_sum"
        assert table.selected == 3

    drive(HandMade(recording()), change)


def test_held_screen_stays_until_it_goes_on() -> None:
    async def hold(driver: Driver) -> None:
        await driver.press("2", "space")
        before = driver.text()
        driver.source.recording = replace(driver.source.recording, events=())
        await driver.polled()
        assert "held" in driver.text()
        assert kernels(driver)
        await driver.press("space")
        await driver.polled()
        assert not kernels(driver)
        assert driver.text() != before

    drive(HandMade(recording()), hold)


def test_source_that_ends_is_told_and_what_was_seen_stays() -> None:
    async def end(driver: Driver) -> None:
        await driver.press("2")
        driver.source.ended = "the process has ended"
        await driver.polled_until("■ the process has ended")
        assert kernels(driver) == ["saxpy", "fused_add_mul", "block_sum"]
        await driver.press("3")
        assert "train.py:50" in driver.text()
        await driver.press("2", "enter", "a")
        await driver.polled_until("No assembly:")

    drive(HandMade(recording()), end)


def test_details_show_assembly_on_demand_while_polls_go_on() -> None:
    async def details(driver: Driver) -> None:
        await driver.press("2", "enter")
        assert "def saxpy" in driver.text()
        assert "kernel void saxpy" in driver.text()
        await driver.press("a")
        await driver.polled_until("vmulps")
        await driver.polled()
        await driver.press("1", "s", "f")  # nothing happens to the views below
        await driver.press("escape")
        assert driver.app.view.NAME == "kernels"

    drive(HandMade(recording()), details)


def test_all_views_at_every_size() -> None:
    async def sizes(driver: Driver) -> None:
        for width, height in ((40, 10), (20, 5), (80, 24)):
            await driver.pilot.resize_terminal(width, height)
            for number in range(len(VIEWS)):
                await driver.press(str(number + 1))
                assert all(len(line) <= width for line in driver.text().splitlines())

    drive(HandMade(recording()), sizes, (140, 40), light=True)


def test_zoom_pan_and_steps_of_the_timeline() -> None:
    async def walk(driver: Driver) -> None:
        lanes = driver.app.query_one(Lanes)
        whole = lanes.window
        await driver.press("plus")
        assert lanes.window.end - lanes.window.begin == (whole.end - whole.begin) // 2
        near = lanes.window
        await driver.press("right")
        assert lanes.window.begin > near.begin
        await driver.press("left")
        assert lanes.window.begin == near.begin
        await driver.press("r", "full_stop")
        assert "saxpy  at 17.0 ms, took 2.00 ms  train.py:31" in driver.text()
        assert (
            "grid 1048576×1×1 in groups of 256×1×1, 12.0 MiB, 6.3 GB/s, waited 500 us"
            in driver.text()
        )
        await driver.press("full_stop")
        assert "saxpy  at 20.0 ms" in driver.text()
        await driver.press("minus", "minus")
        assert lanes.window == whole
        await driver.press("f", *"block", "enter")
        assert [lane.name for lane in lanes.shown if lane.name.startswith("cpu")] == [
            "cpu · stream 1"
        ]

    drive(HandMade(recording()), walk)


def test_buffers_one_by_one() -> None:
    async def buffers(driver: Driver) -> None:
        await driver.press("3", "b")
        lines = driver.text().splitlines()
        first = next(n for n, line in enumerate(lines) if line.startswith("line ")) + 1
        assert lines[first].split() == [
            "█",
            "train.py:20",
            "2.00",
            "MiB",
            "99.0",
            "ms",
            "0x8000000",
        ]

    drive(HandMade(recording()), buffers)


def test_leaving_closes_the_source() -> None:
    async def leave(driver: Driver) -> None:
        await driver.press("q")

    source = HandMade(recording())
    drive(source, leave)
    assert source.is_closed


def test_marks_of_the_ruler_differ_however_near_they_are() -> None:
    async def look(driver: Driver) -> None:
        await driver.press("full_stop", *["plus"] * 12)
        marks = [mark.strip() for mark in driver.text().splitlines()[2].split("│")[1:]]
        assert len(marks) > 1
        assert len(set(marks)) == len(marks)

    drive(HandMade(recording()), look)
