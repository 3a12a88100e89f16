"""Rows in, a table that is sorted, filtered and walked through out; new rows move neither the selection nor the view."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from rich.text import Text
from textual import events
from textual.binding import Binding
from textual.message import Message
from textual.widget import Widget

from metal_runtime.top.palette import palette_of


@dataclass(frozen=True, slots=True)
class Column:
    """One column. ``width`` 0 takes what is left; it is hidden where the table is narrower than ``least``."""

    title: str
    width: int
    right: bool = False
    least: int = 0
    falling: bool = False
    """Whether sorting begins with the greatest."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row; ``key`` is what it is about, from poll to poll. ``order`` has what each column is sorted by."""

    key: Hashable
    cells: tuple[str | Text, ...]
    order: tuple[Any, ...]


class Table(Widget, can_focus=True):
    """A table that draws itself, with one line for each row."""

    BINDINGS = [  # noqa: RUF012 - as Textual declares it
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("pageup", "move(-10)", show=False),
        Binding("pagedown", "move(10)", show=False),
        Binding("home", "move(-1000000)", show=False),
        Binding("end", "move(1000000)", show=False),
        Binding("enter", "choose", show=False),
    ]

    class Moved(Message):
        """Another row is selected."""

        def __init__(self, table: Table) -> None:
            super().__init__()
            self.table = table

        @property
        def control(self) -> Table:
            return self.table

    class Chosen(Moved):
        """Somebody wants to see more of the selected row."""

    def __init__(self, columns: Sequence[Column], empty: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.columns = tuple(columns)
        self.empty = empty
        self.sorted_by: int | None = None
        self.is_reversed = False
        self.filter_text = ""
        self.selected: Hashable = None
        self.rows: list[Row] = []
        self._all: Sequence[Row] = ()
        self._top = 0

    # --- what is shown ---------------------------------------------------------------------------

    def set_rows(self, rows: Sequence[Row]) -> None:
        """New rows, in their natural order."""
        self._all = rows
        self._arrange()

    def sort(self, column: int | None = None) -> None:
        """By a column, the other way round where it was sorted by it; or by the next one."""
        if column is None:
            following = 0 if self.sorted_by is None else self.sorted_by + 1
            shown = [index for index, _ in self._shown()]
            rest = [index for index in shown if index >= following]
            self.sorted_by = rest[0] if rest else None
            self.is_reversed = False
        else:
            self.is_reversed = self.sorted_by == column and not self.is_reversed
            self.sorted_by = column
        self._arrange()

    def filter(self, text: str) -> None:
        """Only rows that contain a text, in capitals or not."""
        self.filter_text = text.lower()
        self._arrange()

    def reset(self) -> None:
        """All rows, in their natural order, from the first."""
        self.sorted_by, self.is_reversed, self.filter_text = None, False, ""
        self.selected, self._top = None, 0
        self._arrange()

    @property
    def selected_row(self) -> Row | None:
        """The row that is selected, if it is shown."""
        at = self._position()
        return None if at is None else self.rows[at]

    def _arrange(self) -> None:
        wanted = self.filter_text
        rows = [row for row in self._all if not wanted or wanted in _plain(row)]
        if self.sorted_by is not None:
            column = self.sorted_by
            falling = self.columns[column].falling != self.is_reversed
            rows.sort(key=lambda row: _orderable(row.order[column]), reverse=falling)
        self.rows = rows
        if self._position() is None and rows:
            self._select(0)
        self._follow()
        self.refresh()

    def _position(self) -> int | None:
        return next((n for n, row in enumerate(self.rows) if row.key == self.selected), None)

    def _select(self, at: int) -> None:
        self.selected = self.rows[at].key
        self.post_message(self.Moved(self))

    def _follow(self) -> None:
        """Scrolls so that the selected row is seen."""
        room = max(1, self.size.height - 1)
        at = self._position() or 0
        self._top = max(0, min(max(self._top, at - room + 1), at, max(0, len(self.rows) - 1)))
        self._top = max(0, min(self._top, len(self.rows) - room))

    # --- keys and mouse --------------------------------------------------------------------------

    def action_move(self, by: int) -> None:
        if self.rows:
            self._select(max(0, min((self._position() or 0) + by, len(self.rows) - 1)))
            self._follow()
            self.refresh()

    def action_choose(self) -> None:
        if self.selected_row is not None:
            self.post_message(self.Chosen(self))

    def on_click(self, event: events.Click) -> None:
        if event.y == 0:
            at = 0
            for index, width in self._shown():
                if at <= event.x < at + width + 1:
                    self.sort(index)
                    return
                at += width + 1
        elif 0 <= self._top + event.y - 1 < len(self.rows):
            self._select(self._top + event.y - 1)
            self.refresh()
            if event.chain == 2:
                self.action_choose()

    def on_mouse_scroll_down(self) -> None:
        self.action_move(3)

    def on_mouse_scroll_up(self) -> None:
        self.action_move(-3)

    def on_resize(self) -> None:
        self._follow()

    # --- drawing ---------------------------------------------------------------------------------

    def _shown(self) -> list[tuple[int, int]]:
        """Columns that fit, and the width of each."""
        room = self.size.width
        found = [(n, column) for n, column in enumerate(self.columns) if column.least <= room]
        fixed = sum(column.width for _, column in found) + len(found) - 1
        flexible = sum(1 for _, column in found if not column.width) or 1
        left = max(8, (room - fixed) // flexible)
        return [(n, column.width or left) for n, column in found]

    def render(self) -> Text:
        palette = palette_of(self.app)
        shown = self._shown()
        lines = [self._heading(shown)]
        if not self.rows:
            nothing = (
                f"nothing contains “{self.filter_text}”; r shows all" if self.filter_text else ""
            )
            lines.append(Text(nothing or self.empty, style=palette.quiet))
        room = max(0, self.size.height - 1)
        for row in self.rows[self._top : self._top + room]:
            line = Text(" ").join(
                _cell(row.cells[n], width, self.columns[n].right) for n, width in shown
            )
            if row.key == self.selected:
                line.pad_right(max(0, self.size.width - line.cell_len))
                line.stylize(f"on {palette.selected}" if self.has_focus else "bold")
            lines.append(line)
        return Text("\n", no_wrap=True, overflow="crop").join(lines)

    def _heading(self, shown: Sequence[tuple[int, int]]) -> Text:
        quiet, accent = palette_of(self.app).quiet, palette_of(self.app).accent
        cells = []
        for n, width in shown:
            column = self.columns[n]
            is_sorted = n == self.sorted_by
            mark = ("▼" if column.falling != self.is_reversed else "▲") if is_sorted else ""
            title = Text(
                column.title + mark, style=f"bold {accent}" if is_sorted else f"bold {quiet}"
            )
            cells.append(_cell(title, width, column.right))
        return Text(" ").join(cells)


def _plain(row: Row) -> str:
    return " ".join(str(cell) for cell in row.cells).lower()


def _orderable(value: Any) -> tuple[bool, Any]:
    """What is not known is less than all else."""
    return (False, 0) if value is None else (True, value)


def _cell(cell: str | Text, width: int, right: bool) -> Text:
    text = Text(cell) if isinstance(cell, str) else cell.copy()
    text.truncate(width, overflow="ellipsis")
    if right:
        text.pad_left(max(0, width - text.cell_len))
    else:
        text.pad_right(max(0, width - text.cell_len))
    return text
