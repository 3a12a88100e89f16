"""An inspector without a terminal: its screen as text, and keys that are pressed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from metal_runtime.top.application import Inspector
from tests.top.recordings import HandMade

Drive = Callable[["Driver"], Awaitable[None]]


class Driver:
    """An inspector that runs."""

    def __init__(self, app: Inspector, pilot: Any, source: Any) -> None:
        self.app, self.pilot, self.source = app, pilot, source

    async def press(self, *keys: str) -> None:
        """Presses keys, and waits until they are dealt with."""
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def polled(self) -> None:
        """Waits until a poll that began after now is drawn."""
        wanted = self.source.polls + 2
        while self.source.polls < wanted:
            self.app._hurry.set()
            await asyncio.sleep(0.01)
        await self.pilot.pause()

    async def polled_until(self, shown: str) -> None:
        """Waits until the screen shows a text; fails after five seconds."""
        for _ in range(250):
            if shown in self.text():
                return
            self.app._hurry.set()
            await self.pilot.pause(0.02)
        raise AssertionError(f"no {shown!r} in\n{self.text()}")

    def text(self) -> str:
        """What the screen shows, line by line, without the blanks at their ends."""
        strips = self.app.screen._compositor.render_strips()
        return "\n".join("".join(s.text for s in strip).rstrip() for strip in strips)


def drive(
    source: Any, what: Drive, size: tuple[int, int] = (80, 24), *, light: bool = False
) -> None:
    """Runs an inspector and what is done with it."""

    async def run() -> None:
        app = Inspector(source, light=light, interval=60)  # polls come when a test wants one
        async with app.run_test(size=size) as pilot:
            for _ in range(500):
                if app._model is not None:
                    break
                await asyncio.sleep(0.01)
            await pilot.pause()
            await what(Driver(app, pilot, source))

    asyncio.run(run())


def screen(
    source: HandMade, *keys: str, size: tuple[int, int] = (80, 24), light: bool = False
) -> str:
    """The text of the screen after some keys."""
    found: list[str] = []

    async def look(driver: Driver) -> None:
        await driver.press(*keys)
        await driver.pilot.pause(0.05)
        found.append(driver.text())

    drive(source, look, size, light=light)
    return found[0]
