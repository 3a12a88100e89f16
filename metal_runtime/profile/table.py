"""Kernel statistics in; the table that people read out: 80, 100 or 120 columns wide."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from metal_runtime.profile.notes import headline, notes
from metal_runtime.profile.statistics import KernelStatistics, kernel_statistics
from metal_runtime.profile.units import place_text, rate_text, share_text, time_text
from metal_runtime.recording.recording import Recording

WIDTH = 100
_WIDEST = 120  # from here on, the line is shown too


@dataclass(frozen=True, slots=True)
class KernelTable:
    """A row for each kernel, with the columns that fit."""

    rows: tuple[KernelStatistics, ...]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield _table(self.rows, options.max_width)


def _table(rows: Iterable[KernelStatistics], width: int) -> Table:
    is_wide, has_lines = width >= WIDTH, width >= _WIDEST
    table = Table(box=None, pad_edge=False, header_style="bright_black", padding=(0, 1, 0, 0))
    table.add_column("kernel", style="bold", no_wrap=True, max_width=26 if is_wide else 20)
    times = ("total", "mean", "p50", "p95") if is_wide else ("total", "mean", "p95")
    for name in ("calls", *times, "GB/s", "GFLOP/s", "roofline"):
        table.add_column(name, justify="right", no_wrap=True)
    if is_wide:
        table.add_column("cache", no_wrap=True, max_width=15)
    if has_lines:
        table.add_column("line", no_wrap=True, max_width=22)
    for row in rows:
        shown = (row.total_ns, row.mean_ns, row.p50_ns, row.p95_ns)
        mark = "" if row.is_device_time else "~"
        texts = [mark + time_text(time) for time in (shown if is_wide else (*shown[:2], shown[3]))]
        rates = (rate_text(row.bandwidth), rate_text(row.rate), _share(row.roofline_share))
        cells: tuple[Text | str, ...] = (Text(row.facts.name), f"{row.calls:,}", *texts, *rates)
        line = Text(place_text(row.place), style="bright_black")
        table.add_row(*cells, *([_cache(row.cache)] * is_wide), *([line] * has_lines))
    return table


def _cache(state: str) -> Text:
    return Text(state, style="yellow" if state.startswith("miss") else "bright_black")


def summary(recording: Recording) -> RenderableType:
    """The table of a recording, under what was recorded and over what one must know of it."""
    rows = kernel_statistics(recording)
    parts: list[RenderableType] = [Text(headline(recording), style="bold")]
    if rows:
        parts += [Text(""), KernelTable(tuple(rows)), Text("")]
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
