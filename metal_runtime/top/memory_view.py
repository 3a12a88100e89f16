"""Pools and blocks in use in; memory over time, the pool's map, and the lines that hold memory out."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from metal_runtime.profile.memory import LiveLine
from metal_runtime.profile.units import bytes_text, place_text, time_text
from metal_runtime.recording.events import LiveBlock
from metal_runtime.top.charts import area, share_bar, stepped
from metal_runtime.top.code import excerpt
from metal_runtime.top.model import Model
from metal_runtime.top.palette import Palette
from metal_runtime.top.table import Column, Row, Table
from metal_runtime.top.view import Pane, View

_LINES = (
    Column("line", 0),
    Column("buffers", 8, right=True, falling=True),
    Column("bytes", 9, right=True, falling=True),
    Column("grown", 9, right=True, falling=True),
    Column("oldest", 8, right=True, falling=True),
    Column("newest", 8, right=True, falling=True),
    Column("leak?", 8, falling=True),
)
_BLOCKS = (
    Column("line", 0),
    Column("bytes", 9, right=True, falling=True),
    Column("age", 8, right=True, falling=True),
    Column("address", 16, right=True),
)
_EMPTY = "No memory that is in use was taken since this began."
_SEEN_BLOCKS = 1_000  # rows of the list of buffers; the oldest


class MemoryView(View):
    """Pools above; below, the lines that made what is in use, or the buffers one by one."""

    NAME = "memory"
    KEYS = "b  buffers one by one, or by line   enter  the line in its file"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("b", "buffers", show=False),
    ]
    by_buffer = False

    def compose(self) -> ComposeResult:
        yield Pane(id="pools")
        yield Table(_LINES, _EMPTY, id="lines")
        yield Table(_BLOCKS, _EMPTY, id="blocks")
        yield Pane(id="excerpt", classes="detail")

    def on_mount(self) -> None:
        self.query_one("#blocks").display = False

    @staticmethod
    def prepare(model: Model) -> None:
        _ = model.histories, model.lines

    @property
    def table(self) -> Table:
        return self.query_one("#blocks" if self.by_buffer else "#lines", Table)

    def show(self, model: Model) -> None:
        self.model = model
        self.query_one("#lines", Table).set_rows(
            [_line_row(line, self.palette) for line in model.lines]
        )
        blocks = sorted(model.recording.live, key=lambda block: block.since)[:_SEEN_BLOCKS]
        end = model.recording.end
        self.query_one("#blocks", Table).set_rows(
            [_block_row(b, end, self.palette) for b in blocks]
        )
        self._draw_pools()

    def on_resize(self) -> None:
        self._draw_pools()

    def action_buffers(self) -> None:
        self.by_buffer = not self.by_buffer
        self.query_one("#blocks").display = self.by_buffer
        self.query_one("#lines").display = not self.by_buffer
        self.table.focus()

    def on_table_chosen(self) -> None:
        pane = self.query_one("#excerpt", Pane)
        row = self.table.selected_row
        place = row.order[0] if row is not None else None
        if pane.text is None or not pane.text.plain:
            found = excerpt(place[0], place[1]) if place else ""
            pane.set(
                Text(
                    found or f"{place_text(place) or 'This line'} cannot be read here.",
                    no_wrap=True,
                )
            )
        else:
            pane.set(Text())

    def on_table_moved(self) -> None:
        self.query_one("#excerpt", Pane).set(Text())

    # --- pools -----------------------------------------------------------------------------------

    def _draw_pools(self) -> None:
        if self.model is None:
            return
        width = max(20, self.size.width)
        height = 2 if self.size.height < 30 else 5
        lines: list[Text] = []
        for history in self.model.histories:
            lines += self._history(history.device, width, height)
        if not lines:
            lines = [Text("No pool has changed since this began.", self.palette.quiet)]
        self.query_one("#pools", Pane).set(Text("\n", no_wrap=True, overflow="crop").join(lines))

    def _history(self, device: str, width: int, height: int) -> list[Text]:
        assert self.model is not None
        history = next(found for found in self.model.histories if found.device == device)
        last, peak, palette = history.points[-1], history.peak, self.palette
        lines = [
            Text.assemble(
                (device, "bold"),
                f"  in use {bytes_text(last.used_bytes)} in {last.blocks:,} handles · "
                f"held {bytes_text(last.allocated_bytes)} · most {bytes_text(peak.used_bytes)}",
            )
        ]
        recording = self.model.recording
        borders = [int(t) for t in np.linspace(recording.begin, recording.end + 1, width - 11 + 1)]
        times = [point.time for point in history.points]
        used = stepped(times, [point.used_bytes for point in history.points], borders)
        blocks = stepped(times, [point.blocks for point in history.points], borders)
        lines += area(used, height, palette.accent, "in use", bytes_text)
        lines += area(blocks, height, palette.series[1], "handles", lambda count: f"{count:,.0f}")
        lines.append(self._map(device, last.used_bytes, last.allocated_bytes, width - 11))
        return lines

    def _map(self, device: str, used: int, held: int, width: int) -> Text:
        """Blocks in the order of their addresses, each line in its colour; what was taken before; what lies ready."""
        assert self.model is not None
        parts: list[tuple[float, str, str]] = []
        for block in sorted(self.model.recording.live, key=lambda block: block.address):
            if block.device == device:
                colour = self.palette.of(place_text(block.place))
                if parts and parts[-1][2] == colour:
                    parts[-1] = (parts[-1][0] + block.nbytes, "█", colour)
                else:
                    parts.append((block.nbytes, "█", colour))
        known = sum(size for size, _, _ in parts)
        if len(parts) > width // 2:  # too many to tell apart: by line, in all
            sums: dict[str, float] = {}
            for size, _, colour in parts:
                sums[colour] = sums.get(colour, 0) + size
            parts = [(size, "█", colour) for colour, size in sums.items()]
        parts += [
            (max(0, used - known), "▒", self.palette.quiet),
            (max(0, held - max(used, known)), "·", self.palette.quiet),
        ]
        return Text.assemble(("pool map   ", "bold"), share_bar(parts, width))


def _line_row(line: LiveLine, palette: Palette) -> Row:
    name = place_text(line.place) or "iris itself"
    suspect = Text("grows" if line.is_suspect else "", f"bold {palette.bad}")
    cells = (
        Text.assemble(("█ ", palette.of(place_text(line.place))), name), f"{line.count:,}",
        bytes_text(line.nbytes), Text(bytes_text(line.grown_bytes), palette.bad if line.is_suspect else ""),
        time_text(line.oldest_ns), time_text(line.newest_ns), suspect,
    )  # fmt: skip
    order = (
        line.place or ("", 0), line.count, line.nbytes, line.grown_bytes, line.oldest_ns,
        line.newest_ns, line.is_suspect,
    )  # fmt: skip
    return Row((line.device, line.place), cells, order)


def _block_row(block: LiveBlock, end: int, palette: Palette) -> Row:
    name, age = place_text(block.place), max(0, end - block.since)
    cells = (
        Text.assemble(("█ ", palette.of(name)), name or "iris itself"),
        bytes_text(block.nbytes), time_text(age), f"{block.address:#x}",
    )  # fmt: skip
    order = (block.place or ("", 0), block.nbytes, age, block.address)
    return Row((block.device, block.address, block.since), cells, order)
