"""Kernel statistics in; the table that people read out, at most 100 columns wide."""

from __future__ import annotations

import io
from collections.abc import Iterable

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from metal_runtime.profile.notes import headline, notes
from metal_runtime.profile.statistics import KernelStatistics, kernel_statistics
from metal_runtime.profile.units import rate_text, share_text, time_text
from metal_runtime.recording.recording import Recording

WIDTH = 100


def kernel_table(rows: Iterable[KernelStatistics]) -> Table:
    """A row for each kernel."""
    table = Table(box=None, pad_edge=False, header_style="bright_black", padding=(0, 1, 0, 0))
    table.add_column("kernel", style="bold", no_wrap=True, min_width=16, max_width=26)
    for name in ("calls", "total", "mean", "p50", "p95", "GB/s", "GFLOP/s", "roofline"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("cache", no_wrap=True, max_width=15)
    for row in rows:
        mark = "" if row.is_device_time else "~"
        times = [row.total_ns, row.mean_ns, row.p50_ns, row.p95_ns]
        table.add_row(
            Text(row.facts.name),
            f"{row.calls:,}",
            *(mark + time_text(time) for time in times),
            rate_text(row.bandwidth),
            rate_text(row.rate),
            _share(row.roofline_share),
            Text(row.cache, style="yellow" if row.cache.startswith("miss") else "bright_black"),
        )
    return table


def summary(recording: Recording) -> RenderableType:
    """The table of a recording, under what was recorded and over what one must know of it."""
    rows = kernel_statistics(recording)
    parts: list[RenderableType] = [Text(headline(recording), style="bold")]
    if rows:
        parts += [Text(""), kernel_table(rows), Text("")]
    parts += [Text(note, style="bright_black") for note in notes(recording)]
    return Group(*parts)


def plain(drawn: RenderableType, width: int = WIDTH) -> str:
    """What rich draws, as text without colours."""
    console = Console(file=io.StringIO(), width=width, color_system=None, legacy_windows=False)
    console.print(drawn)
    written: io.StringIO = console.file  # type: ignore[assignment]
    return "\n".join(line.rstrip() for line in written.getvalue().rstrip().split("\n"))


def _share(share: float | None) -> Text:
    if share is None:
        return Text("")
    style = "green" if share >= 0.5 else "yellow" if share >= 0.1 else "red"
    return Text(share_text(share), style=style)
