"""Runs a program and draws what `iris top` shows of it: ``python -m tools.draw_inspector docs/images/iris-top.svg``."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path

from metal_runtime.errors import IrisError
from metal_runtime.inspect.attachment import Attachment, attach
from metal_runtime.top.application import Inspector

SIZE = (110, 26)
SECONDS = 4.0  # of the program's life that are drawn
PROGRAM = Path(__file__).parent / "inspected.py"


def attached(pid: int) -> Attachment:
    """Looks into a process that has just been started, as soon as it can be looked into."""
    for _ in range(200):
        try:
            return attach(pid)
        except IrisError:
            time.sleep(0.05)
    return attach(pid)


async def draw(source: Attachment, keys: list[str]) -> str:
    """The screen as SVG, once enough has happened and keys were pressed."""
    app = Inspector(source, interval=1.0)
    async with app.run_test(size=SIZE) as pilot:
        await asyncio.sleep(SECONDS)
        await pilot.press(*keys)
        await pilot.pause(1.5)
        return app.export_screenshot(title="iris top", simplify=True)


def main(path: Path, keys: list[str]) -> None:
    """Draws to a file."""
    with subprocess.Popen([sys.executable, str(PROGRAM)]) as target:
        try:
            svg = asyncio.run(draw(attached(target.pid), keys))
        finally:
            target.kill()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(svg)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
