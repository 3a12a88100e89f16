"""Statistics of kernels in; a table out, and for one of them all that is known, its texts side by side."""

from __future__ import annotations

from rich.text import Text
from textual.app import ComposeResult

from metal_runtime.profile.statistics import KernelStatistics
from metal_runtime.profile.units import rate_text, share_text, time_text
from metal_runtime.top.kernel_screen import KernelScreen
from metal_runtime.top.model import Model
from metal_runtime.top.palette import Palette
from metal_runtime.top.table import Column, Row, Table
from metal_runtime.top.view import Pane, View

_COLUMNS = (
    Column("kernel", 0),
    Column("calls", 7, right=True, falling=True),
    Column("total", 8, right=True, falling=True),
    Column("share", 6, right=True, falling=True),
    Column("mean", 8, right=True, falling=True),
    Column("p50", 8, right=True, falling=True, least=100),
    Column("p95", 8, right=True, falling=True),
    Column("GB/s", 6, right=True, falling=True),
    Column("GFLOP/s", 8, right=True, falling=True, least=78),
    Column("roof", 5, right=True, falling=True),
    Column("cache", 16, least=120),
)
_EMPTY = (
    "No kernel has been launched since this began. Launch one, or ask for a value of an operator."
)


class KernelsView(View):
    """One row for each kernel."""

    NAME = "kernels"
    KEYS = "enter  a kernel's figures, its MSL and Python side by side, its assembly"

    def compose(self) -> ComposeResult:
        yield Pane(id="kernels-sum", classes="line")
        yield Table(_COLUMNS, _EMPTY, id="kernels")

    @staticmethod
    def prepare(model: Model) -> None:
        _ = model.kernels

    def show(self, model: Model) -> None:
        self.model = model
        whole = sum(row.total_ns for row in model.kernels)
        rows = [_row(row, whole, self.palette) for row in model.kernels]
        self.query_one(Table).set_rows(rows)
        self.query_one(Pane).set(self._sum(model, whole))

    def _sum(self, model: Model, whole: int) -> Text:
        calls = sum(row.calls for row in model.kernels)
        on_device = all(row.is_device_time for row in model.kernels)
        clock = (
            "of the device's time" if on_device else "of host time where the device does not say"
        )
        text = f"{len(model.kernels)} kernels · {calls:,} launches · {time_text(whole)} {clock}"
        return Text(text, style=self.palette.quiet)

    def on_table_chosen(self) -> None:
        row = self.query_one(Table).selected_row
        if row is None or self.model is None:
            return
        found = next(known for known in self.model.kernels if known.facts.key == row.key)
        self.app.push_screen(KernelScreen(found, self.source))


def _row(row: KernelStatistics, whole: int, palette: Palette) -> Row:
    share = row.total_ns / whole if whole else 0.0
    roof = Text(share_text(row.roofline_share))
    if row.roofline_share is not None:
        good = row.roofline_share >= 0.5
        roof.stylize(palette.good if good else palette.notice if row.roofline_share >= 0.1 else "")
    cache = Text(row.cache, palette.bad if row.cache.startswith("miss") else palette.good)
    cells = (
        Text(row.facts.name, palette.of(row.facts.name)), f"{row.calls:,}", time_text(row.total_ns),
        share_text(share), time_text(row.mean_ns), time_text(row.p50_ns), time_text(row.p95_ns),
        rate_text(row.bandwidth), rate_text(row.rate), roof, cache,
    )  # fmt: skip
    order = (
        row.facts.name, row.calls, row.total_ns, share, row.mean_ns, row.p50_ns, row.p95_ns,
        row.bandwidth, row.rate, row.roofline_share, row.cache,
    )  # fmt: skip
    return Row(row.facts.key, cells, order)
