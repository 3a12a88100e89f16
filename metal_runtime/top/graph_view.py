"""Plans that were made in; what was fused out, and for each what kept its kernels apart."""

from __future__ import annotations

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll

from metal_runtime.profile.units import bytes_text, place_text, share_text, time_text
from metal_runtime.recording.events import FusionEvent
from metal_runtime.top.model import Model
from metal_runtime.top.table import Column, Row, Table
from metal_runtime.top.view import Pane, View

_COLUMNS = (
    Column("at", 8, right=True),
    Column("line", 0),
    Column("operators", 9, right=True, falling=True),
    Column("kernels", 7, right=True, falling=True),
    Column("moves", 9, right=True, falling=True),
    Column("one by one", 10, right=True, falling=True),
    Column("saved", 6, right=True, falling=True),
)
_EMPTY = "No plan has been made since this began: a graph whose structure is known needs none, nor do kernels."


class GraphView(View):
    """Plans, and the report of the selected one."""

    NAME = "graph"
    KEYS = "↑ ↓  another plan   tab  scroll its report"

    def compose(self) -> ComposeResult:
        yield Pane(id="graph-sum", classes="line")
        yield Table(_COLUMNS, _EMPTY, id="graph")
        with VerticalScroll(id="report"):
            yield Pane(id="report-text")

    def on_mount(self) -> None:
        self.query_one("#report").border_title = "what was fused, and why not more"

    @staticmethod
    def prepare(model: Model) -> None:
        _ = model.fusions, model.flushes

    def show(self, model: Model) -> None:
        self.model = model
        self.query_one("#graph-sum", Pane).set(self._sum(model))
        self.query_one(Table).set_rows([_row(event, model) for event in reversed(model.fusions)])
        self._report()

    def _sum(self, model: Model) -> Text:
        operators = sum(event.operators for event in model.flushes)
        kernels = sum(event.kernels for event in model.flushes)
        new = sum(event.is_new for event in model.flushes)
        return Text(
            f"{len(model.flushes):,} flushes ran {operators:,} operators as {kernels:,} kernels; "
            f"{new:,} needed a new plan",
            style=self.palette.quiet,
        )

    def on_table_moved(self) -> None:
        self._report()

    def _report(self) -> None:
        row = self.query_one(Table).selected_row
        fusions = self.model.fusions if self.model is not None else []
        found = next((e for e in fusions if row is not None and e.number == row.key), None)
        text = Text(found.report if found is not None else "")
        text.highlight_regex(r"\bkernel\b.*", self.palette.accent)
        text.highlight_regex(r"(?i).*\b(because|apart|not fused|why)\b.*", self.palette.notice)
        self.query_one("#report-text", Pane).set(text)


def _row(event: FusionEvent, model: Model) -> Row:
    saved = 1 - event.moved_bytes / event.eager_bytes if event.eager_bytes else 0.0
    at = model.since_begin(event.begin)
    cells = (
        time_text(at), place_text(event.place), f"{event.operators}", f"{len(event.kernels)}",
        bytes_text(event.moved_bytes), bytes_text(event.eager_bytes), share_text(saved),
    )  # fmt: skip
    order = (
        at, place_text(event.place), event.operators, len(event.kernels), event.moved_bytes,
        event.eager_bytes, saved,
    )  # fmt: skip
    return Row(event.number, cells, order)
