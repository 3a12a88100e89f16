"""Stages of compiling in; what each took out, and what the caches had, and why not."""

from __future__ import annotations

from collections import defaultdict

from rich.text import Text
from textual.app import ComposeResult

from metal_runtime.profile.units import bytes_text, time_text
from metal_runtime.recording.events import Cache, CompileEvent
from metal_runtime.top.model import Model
from metal_runtime.top.palette import Palette
from metal_runtime.top.table import Column, Row, Table
from metal_runtime.top.view import Pane, View

_COLUMNS = (
    Column("at", 8, right=True),
    Column("kernel", 0),
    Column("stage", 9),
    Column("took", 8, right=True, falling=True),
    Column("cache", 5),
    Column("why", 0),
)
_EMPTY = "Nothing has been compiled since this began: every kernel was there already."


class CompileView(View):
    """Sums of each stage above, every stage of every kernel below."""

    NAME = "compile"

    def compose(self) -> ComposeResult:
        yield Pane(id="stages")
        yield Table(_COLUMNS, _EMPTY, id="compile")
        yield Pane(id="compile-why", classes="detail")

    @staticmethod
    def prepare(model: Model) -> None:
        _ = model.compiles

    def show(self, model: Model) -> None:
        self.model = model
        self.query_one("#stages", Pane).set(self._sums(model))
        self.query_one(Table).set_rows(
            [_row(event, model, self.palette) for event in reversed(model.compiles)]
        )
        self._why()

    def _sums(self, model: Model) -> Text:
        palette = self.palette
        stages: dict[str, list[CompileEvent]] = defaultdict(list)
        for event in model.compiles:
            stages[event.stage].append(event)
        lines = [
            Text(
                f"{'stage':<10}{'runs':>6}{'total':>10}{'hits':>7}{'misses':>8}",
                f"bold {palette.quiet}",
            )
        ]
        for stage, found in stages.items():
            hits = sum(event.cache is Cache.HIT for event in found)
            misses = sum(event.cache is Cache.MISS for event in found)
            total = time_text(sum(event.end - event.begin for event in found))
            line = Text(f"{stage:<10}{len(found):>6}{total:>10}")
            line.append(f"{hits or '':>7}", palette.good)
            line.append(f"{misses or '':>8}", palette.bad)
            lines.append(line)
        if model.status.disk:
            parts = (f"{name} {files:,} files, {bytes_text(size)}"
                     for name, (files, size) in sorted(model.status.disk.items()))  # fmt: skip
            lines.append(Text("on disk: " + " · ".join(parts), palette.quiet))
        return Text("\n", no_wrap=True, overflow="ellipsis").join(lines)

    def on_table_moved(self) -> None:
        self._why()

    def _why(self) -> None:
        row = self.query_one(Table).selected_row
        compiles = self.model.compiles if self.model is not None else []
        found = next((e for e in compiles if row is not None and e.number == row.key), None)
        text = (
            f"{found.kernel}, {found.stage}: {found.why or 'this stage has no cache'}"
            if found
            else ""
        )
        self.query_one("#compile-why", Pane).set(Text(text))


def _row(event: CompileEvent, model: Model, palette: Palette) -> Row:
    colour = {Cache.HIT: palette.good, Cache.MISS: palette.bad, Cache.NONE: palette.quiet}
    at, took = model.since_begin(event.begin), event.end - event.begin
    cache = "–" if event.cache is Cache.NONE else event.cache.value
    cells = (
        time_text(at), Text(event.kernel, palette.of(event.kernel)), event.stage, time_text(took),
        Text(cache, colour[event.cache]), event.why,
    )  # fmt: skip
    return Row(event.number, cells, (at, event.kernel, event.stage, took, cache, event.why))
