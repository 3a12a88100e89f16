"""A source in, or none; the inspector, which polls it on a thread of its own and draws what it finds, out."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import ClassVar

from rich.text import Text
from textual import work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.events import Click
from textual.screen import Screen
from textual.widgets import Footer, Input, Static

from metal_runtime.errors import IrisError
from metal_runtime.inspect.processes import Attachable
from metal_runtime.inspect.source import SavedTrace, Source
from metal_runtime.profile.units import time_text
from metal_runtime.top.choosing import ChoosingScreen
from metal_runtime.top.compile_view import CompileView
from metal_runtime.top.devices_view import DevicesView
from metal_runtime.top.graph_view import GraphView
from metal_runtime.top.help_screen import HelpScreen
from metal_runtime.top.kernels_view import KernelsView
from metal_runtime.top.log_view import LogView
from metal_runtime.top.memory_view import MemoryView
from metal_runtime.top.model import Model
from metal_runtime.top.opening import open_source
from metal_runtime.top.palette import palette_of
from metal_runtime.top.timeline_view import TimelineView
from metal_runtime.top.view import Pane, View

VIEWS: tuple[type[View], ...] = (
    TimelineView,
    KernelsView,
    MemoryView,
    GraphView,
    CompileView,
    DevicesView,
    LogView,
)
INTERVAL = 0.5
"""Seconds between polls, at least; after a poll that took long the wait is as long as it, times _REST."""

_REST = 2.0


class ViewNames(Static):
    """The names of the views, with their keys; a click opens one."""

    def show(self, chosen: int) -> None:
        """Marks the view that is open."""
        text = Text(no_wrap=True, overflow="crop")
        for number, view in enumerate(VIEWS):
            style = "bold reverse" if number == chosen else ""
            text.append(f" {number + 1} {view.NAME} ", style)
        self.update(text)

    def on_click(self, event: Click) -> None:
        at = 0
        for number, view in enumerate(VIEWS):
            at += len(view.NAME) + 4
            if event.x < at:
                self.app.call_later(self.app.run_action, f"view({number})")
                return


class Inspector(App[None]):
    """`iris top`. Without a source it first asks which of the processes that were found."""

    CSS_PATH = "inspector.tcss"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(str(n + 1), f"view({n})", show=False) for n in range(len(VIEWS))),
        Binding("s", "sort", "sort"),
        Binding("f,slash", "filter", "filter"),
        Binding("r", "reset", "reset"),
        Binding("space", "hold", "hold"),
        Binding("d", "dark", "dark/light"),
        Binding("question_mark", "help", "help"),
        Binding("q", "quit", "quit"),
    ]

    def __init__(
        self,
        source: Source | None,
        found: list[Attachable] | None = None,
        *,
        light: bool = False,
        interval: float = INTERVAL,
    ) -> None:
        super().__init__()
        self.theme = "textual-light" if light else "textual-dark"
        self.source = source
        self._found = found or []
        self._interval = interval
        self._chosen = 0
        self._held = False
        self._model: Model | None = None
        self._leaving = threading.Event()
        self._hurry = threading.Event()

    def compose(self) -> ComposeResult:
        yield Pane(id="title")
        yield ViewNames(id="names")
        with Vertical(id="views"):
            for view in VIEWS:
                yield view()
        yield Input(id="filter", placeholder="filter; enter keeps it, escape shows all")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        self.base.query_one("#filter").display = False
        self.action_view(0)
        if self.source is None:
            self.push_screen(ChoosingScreen(self._found), self._look_at)
        else:
            self._begin(self.source)

    def on_unmount(self) -> None:
        self._leaving.set()
        self._hurry.set()
        if self.source is not None:
            self.source.close()

    def _look_at(self, pid: int | None) -> None:
        if pid is None:
            return
        try:
            self._begin(open_source(str(pid)))
        except IrisError as error:
            self.notify(str(error), severity="error", markup=False)
            self.push_screen(ChoosingScreen(self._found), self._look_at)

    def _begin(self, source: Source) -> None:
        self.source = source
        for view in self.base.query(View):
            view.source = source
        self._watch(source)

    @property
    def base(self) -> Screen[object]:
        """The screen of the views, whatever lies upon it."""
        return self.screen_stack[0]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys of the views do nothing, and are not shown, while another screen lies upon them."""
        own = action in ("view", "sort", "filter", "reset", "hold", "dark", "help")
        return not (own and len(self.screen_stack) > 1)

    # --- polling ---------------------------------------------------------------------------------

    @work(thread=True)
    def _watch(self, source: Source) -> None:
        """On its own thread until the inspector ends, or the source does."""
        while not self._leaving.is_set():
            begin = time.monotonic()
            recording = source.poll()
            model = Model(recording, source.status, source.title, source.ended)
            VIEWS[self._chosen].prepare(model)
            self._post(self._take, model)
            if model.ended:
                return
            self._hurry.wait(max(self._interval, _REST * (time.monotonic() - begin)))
            self._hurry.clear()

    def _post(self, call: Callable[[Model], None], model: Model) -> None:
        """Has the drawing side take a model, and waits until it has; nothing where the inspector is leaving."""
        try:
            self.call_from_thread(call, model)
        except RuntimeError:  # it has left while we polled
            self._leaving.set()

    def _take(self, model: Model) -> None:
        if self._leaving.is_set() or not self.base.query(View):  # the views are gone already
            return
        if not self._held or model.ended:
            self._model = model
            self._draw()
        self._draw_title()

    @property
    def view(self) -> View:
        """The view that is open."""
        return self.base.query_one(VIEWS[self._chosen])

    def _draw(self) -> None:
        if self._model is not None and self.view.model is not self._model:
            self.view.show(self._model)

    def _draw_title(self) -> None:
        palette, model = palette_of(self), self._model
        text = Text("iris top", f"bold {palette.accent}", no_wrap=True, overflow="ellipsis")
        if model is None:
            text.append("  attaching …" if self.source is not None else "")
        else:
            recording = model.recording
            text.append(f"  {model.title}  ")
            if model.ended:
                is_trace = isinstance(self.source, SavedTrace)
                text.append(
                    f"■ {model.ended}", f"bold {palette.quiet if is_trace else palette.notice}"
                )
            elif self._held:
                text.append("‖ held", f"bold {palette.notice}")
            else:
                text.append("● live", palette.good)
            length = time_text(recording.end - recording.begin)
            text.append(f"  {length} · {len(recording.events):,} events", palette.quiet)
        self.base.query_one("#title", Pane).set(text)

    # --- keys ------------------------------------------------------------------------------------

    def action_view(self, number: int) -> None:
        self._chosen = number
        for index, view in enumerate(VIEWS):
            self.base.query_one(view).display = index == number
        self.base.query_one(ViewNames).show(number)
        self.view.take_focus()
        self._close_filter()
        self._draw()

    def action_sort(self) -> None:
        self.view.sort()

    def action_reset(self) -> None:
        self.base.query_one("#filter", Input).value = ""
        self._close_filter()
        self.view.reset()

    def action_hold(self) -> None:
        self._held = not self._held
        self._draw_title()
        self._hurry.set()

    def action_dark(self) -> None:
        self.theme = "textual-light" if self.current_theme.dark else "textual-dark"
        for view in self.base.query(View):
            view.model = None
        self._draw()
        self._draw_title()

    def action_help(self) -> None:
        self.push_screen(HelpScreen(VIEWS))

    def action_filter(self) -> None:
        field = self.base.query_one("#filter", Input)
        field.display = True
        field.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        self.view.filter(event.value)

    def on_input_submitted(self) -> None:
        self._close_filter()
        self.view.take_focus()

    def key_escape(self) -> None:
        field = self.base.query_one("#filter", Input)
        if field.display:
            field.value = ""
            self._close_filter()
            self.view.take_focus()

    def _close_filter(self) -> None:
        self.base.query_one("#filter").display = False
