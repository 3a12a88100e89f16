"""`iris demo`: nothing enters but the terminal's width, a page that shows what iris does leaves."""

from __future__ import annotations

import inspect
import statistics
import textwrap
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from metal_runtime.cli.console import highlighted, progress, stdout
from metal_runtime.cli.json_report import AsJson, write_json
from metal_runtime.errors import InternalError

if TYPE_CHECKING:
    import numpy as np
    from rich.console import Console, RenderableType

    from metal_runtime.cli.demo_fusion import Fusion

FUSION_TOLERANCE = 1e-5  # of values up to about 6, in float32
COLUMNS, ROWS = 76, 21
SCALE = 20  # pixels a column; a character holds two pixels, one above the other
TOLERATED = 0.005
"""The share of points whose number of turns may differ from NumPy's: a fused multiply-add rounds once
where NumPy rounds twice, and next to the boundary that decides in which turn a point leaves."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the demonstration has measured; times in seconds."""

    turns: np.ndarray
    differing: float
    first: float
    warm: float
    numpy: float


def demo(as_json: AsJson = False) -> None:
    """Compile and run a Python kernel, show its MSL, check it against NumPy."""
    if as_json:
        _write_figures()
        return
    console = stdout()
    _introduce(console)
    outcome = _run()
    _draw(console, outcome)
    _report(console, outcome)
    _fuse(console)
    _check(outcome)


def _check(outcome: Outcome) -> None:
    if outcome.differing > TOLERATED:
        raise InternalError(f"{outcome.differing:.2%} of the demo's points differ from NumPy's")


def _write_figures() -> None:
    from metal_runtime.cli.demo_fusion import ELEMENTS, EXPRESSION

    outcome = _run()
    _check(outcome)
    found = _fused()
    write_json(
        {
            "mandelbrot": {
                "points": outcome.turns.size, "differing": outcome.differing, "first_seconds": outcome.first,
                "warm_seconds": outcome.warm, "numpy_seconds": outcome.numpy,
            },
            "fusion": {
                "expression": EXPRESSION, "elements": ELEMENTS, "moved_bytes": found.report.moved_bytes,
                "eager_bytes": found.report.eager_bytes, "seconds": found.fused, "eager_seconds": found.eager,
                "numpy_seconds": found.numpy, "error": found.error,
            },
        }
    )  # fmt: skip


def _fused() -> Fusion:
    from metal_runtime.cli.demo_fusion import measure

    with progress("fusing an array expression"):
        found = measure()
    if found.error > FUSION_TOLERANCE:
        raise InternalError(f"the fused expression is off by {found.error:.2g}")
    return found


def _introduce(console: Console) -> None:
    from metal_runtime._version import __version__
    from metal_runtime.cli.demo_kernel import mandelbrot

    console.print(
        f"[bold]iris {__version__}[/]: a Python kernel becomes Metal Shading Language, and that text runs\n"
    )
    python = textwrap.dedent(inspect.getsource(mandelbrot.func))
    _section(console, "A kernel in Python", highlighted(python, "python"))
    msl = highlighted(mandelbrot.msl_source, "msl")
    _section(console, "The same in Metal Shading Language", msl)


def _section(console: Console, title: str, body: RenderableType) -> None:
    from rich.padding import Padding
    from rich.rule import Rule

    console.print(Rule(f"[bold]{title}", align="left", style="bright_black"))
    console.print(Padding(body, (0, 1, 1, 1)))


def _run() -> Outcome:
    import numpy as np

    from metal_runtime import api
    from metal_runtime.cli.demo_kernel import mandelbrot, numpy_mandelbrot

    width, height = COLUMNS * SCALE, 2 * ROWS * SCALE
    window = (-2.7, 1.13, 2.26 / height)
    turns = api.asarray(np.full((height, width), -1, np.int32))

    def launch() -> None:
        mandelbrot(turns, width, height, *window, threads=(width, height))
        api.synchronize()

    with progress("compiling and running the kernel"):
        first = _seconds(launch)
        warm = statistics.median(_seconds(launch) for _ in range(7))
        ours = api.to_numpy(turns)
    with progress("NumPy does the same"):
        begin = time.perf_counter()
        expected = numpy_mandelbrot(width, height, *window)
        numpy_time = time.perf_counter() - begin
    return Outcome(ours, float(np.mean(ours != expected)), first, warm, numpy_time)


def _seconds(work: Callable[[], None]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def _draw(console: Console, outcome: Outcome) -> None:
    from metal_runtime.cli.demo_kernel import LIMIT
    from metal_runtime.cli.picture import draw

    height, width = outcome.turns.shape
    title = f"Run on {width} x {height} points"
    _section(console, title, draw((outcome.turns / LIMIT) ** 0.7, COLUMNS, ROWS, console))


def _report(console: Console, outcome: Outcome) -> None:
    from rich.markup import escape
    from rich.table import Table

    from metal_runtime.runtime.sessions import get_session

    points = outcome.turns.size
    table = Table(box=None, pad_edge=False, header_style="bright_black")
    table.add_column("")
    table.add_column("time", justify="right")
    table.add_column("million points/s", justify="right")
    device = get_session().device.traits
    for name, seconds in (
        (f"iris on {escape(device.name)}", outcome.warm),
        ("NumPy, float32", outcome.numpy),
    ):
        table.add_row(name, f"{seconds * 1e3:.1f} ms", f"{points / seconds / 1e6:.0f}")
    _section(console, "Checked against NumPy", table)
    same = 1 - outcome.differing
    verdict = "[green]✓[/]" if outcome.differing <= TOLERATED else "[red]✗[/]"
    if console.options.ascii_only:
        verdict = "ok" if outcome.differing <= TOLERATED else "WRONG"
    console.print(
        f" {verdict} {same:.3%} of the points leave in the same turn as NumPy's; "
        f"[bold]{outcome.numpy / outcome.warm:.0f}x[/] NumPy's speed."
        f"\n   The first launch took {outcome.first * 1e3:.0f} ms: it compiles, or reads the disk cache."
    )


def _fuse(console: Console) -> None:
    """An array expression as one kernel: the text, the bytes, the time beside one kernel an operator."""
    from rich.console import Group
    from rich.text import Text

    from metal_runtime.cli.demo_fusion import ELEMENTS, EXPRESSION

    found = _fused()
    (kernel,) = found.report.kernels
    moved, eager = found.report.moved_bytes / 1e6, found.report.eager_bytes / 1e6
    console.print()
    body = Group(
        highlighted(EXPRESSION, "python"),
        Text(f"\n{len(kernel.operators)} operators, one kernel:\n", style="bright_black"),
        highlighted(kernel.msl.partition("using namespace metal;\n\n")[2], "msl"),
    )
    _section(console, f"Array operators fuse ({ELEMENTS:,} elements)", body)
    console.print(
        f" {moved:.0f} MB move instead of {eager:.0f} MB: {found.fused * 1e3:.1f} ms; one by one "
        f"{found.eager * 1e3:.1f} ms, NumPy {found.numpy * 1e3:.1f} ms."
        "\n\n [bright_black]Next: iris emit FILE.py:KERNEL, iris explain SCRIPT.py, examples/[/]"
    )
