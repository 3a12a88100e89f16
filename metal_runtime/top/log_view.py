"""Errors and lines of the log in; one list by time out, the latest first."""

from __future__ import annotations

import time

from rich.text import Text
from textual.app import ComposeResult

from metal_runtime.profile.units import place_text
from metal_runtime.recording.events import ErrorEvent
from metal_runtime.top.model import Model
from metal_runtime.top.palette import Palette
from metal_runtime.top.table import Column, Row, Table
from metal_runtime.top.view import Pane, View

_COLUMNS = (Column("time", 8), Column("level", 8), Column("where", 20), Column("message", 0))
_EMPTY = "Nothing has failed and nothing was logged since this began. IRIS_LOG=debug logs more."


class LogView(View):
    """What failed and what was logged."""

    NAME = "log"

    def compose(self) -> ComposeResult:
        yield Pane(id="log-sum", classes="line")
        yield Table(_COLUMNS, _EMPTY, id="log")
        yield Pane(id="log-message", classes="detail")

    @staticmethod
    def prepare(model: Model) -> None:
        _ = model.errors

    def show(self, model: Model) -> None:
        self.model = model
        offset = model.recording.process.wall_offset
        palette = self.palette
        errors = [_of_error(event, offset, palette) for event in model.errors]
        lines = [
            _row(("line", line.number), line.time, line.level.lower(), line.logger.removeprefix("metal_runtime."), line.message, palette)
            for line in model.status.log
        ]  # fmt: skip
        rows = sorted([*errors, *lines], key=lambda row: float(row.order[0]), reverse=True)
        self.query_one(Table).set_rows(rows)
        sums = f"errors: {len(errors):,} · lines of the log: {len(lines):,}"
        if model.recording.dropped:
            sums += f" · {model.recording.dropped:,} events were lost: more came than could be read"
        self.query_one("#log-sum", Pane).set(Text(sums, palette.bad if errors else palette.quiet))
        self.on_table_moved()

    def on_table_moved(self) -> None:
        row = self.query_one(Table).selected_row
        self.query_one("#log-message", Pane).set(Text(str(row.order[3]) if row is not None else ""))


def _of_error(event: ErrorEvent, offset: int, palette: Palette) -> Row:
    where = place_text(event.place) or event.device
    message = f"{event.error}: {event.message}"
    return _row(
        ("error", event.number), (event.begin + offset) / 1e9, "error", where, message, palette
    )


def _row(
    key: tuple[str, int], seconds: float, level: str, where: str, message: str, palette: Palette
) -> Row:
    style = {"error": palette.bad, "critical": palette.bad, "warning": palette.notice}.get(
        level, ""
    )
    clock = time.strftime("%H:%M:%S", time.localtime(seconds))
    first = message.split("\n", 1)[0]
    return Row(key, (clock, Text(level, style), where, first), (seconds, level, where, message))
