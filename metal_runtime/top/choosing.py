"""Processes that can be looked into in; the one that somebody chooses out."""

from __future__ import annotations

import time
from typing import ClassVar

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Footer

from metal_runtime.errors import IrisError
from metal_runtime.inspect.processes import Attachable, processes
from metal_runtime.profile.units import time_text
from metal_runtime.top.table import Column, Row, Table
from metal_runtime.top.view import Pane

_COLUMNS = (
    Column("pid", 8, right=True),
    Column("program", 24),
    Column("running", 8, right=True),
    Column("command", 0),
)
_EMPTY = "No process that uses iris is running. Start one: this list finds it as soon as it opens a device."
_EVERY = 1.0  # seconds


class ChoosingScreen(Screen[int]):
    """The list, which is kept up to date. Its result is a process id."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("q,escape", "app.quit", "quit")]

    def __init__(self, found: list[Attachable]) -> None:
        super().__init__()
        self._found = found

    def compose(self) -> ComposeResult:
        yield Pane(id="choosing-title", classes="line")
        yield Table(_COLUMNS, _EMPTY, id="processes")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        title = Text("iris top: which process? (enter attaches)", "bold")
        self.query_one("#choosing-title", Pane).set(title)
        self._show(self._found)
        self.query_one(Table).focus()
        self.set_interval(_EVERY, self._look)

    @work(thread=True, exclusive=True)
    def _look(self) -> None:
        try:
            found = processes()
        except IrisError:  # the directory was changed meanwhile; the list stays
            return
        self.app.call_from_thread(self._show, found)

    def _show(self, found: list[Attachable]) -> None:
        self.query_one(Table).set_rows([_row(process) for process in found])

    def on_table_chosen(self) -> None:
        row = self.query_one(Table).selected_row
        if row is not None:
            self.dismiss(row.order[0])


def _row(process: Attachable) -> Row:
    age = time.time() - process.since if process.since else 0.0
    command = " ".join(process.command)
    cells = (f"{process.pid}", process.name, time_text(age * 1e9) if age else "", command)
    return Row(process.pid, cells, (process.pid, process.name, age, command))
