"""One kernel in; its figures, its Python beside its MSL, and on demand its assembly out."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, ScrollableContainer
from textual.screen import Screen
from textual.widgets import Footer, Static

from metal_runtime.inspect.source import Source
from metal_runtime.profile.statistics import KernelStatistics
from metal_runtime.profile.units import bytes_text, place_text, rate_text, share_text, time_text
from metal_runtime.top.code import coloured
from metal_runtime.top.palette import palette_of


class KernelScreen(Screen[None]):
    """Details of a kernel. The texts scroll both ways."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "app.pop_screen", "back"),
        Binding("a", "assembly", "assembly / Python"),
        Binding("tab", "app.focus_next", "other text", show=False),
    ]

    def __init__(self, statistics: KernelStatistics, source: Source) -> None:
        super().__init__()
        self._statistics = statistics
        self._source = source
        self._shows_assembly = False

    def compose(self) -> ComposeResult:
        yield Static(self._figures(), id="figures")
        with Horizontal():
            with ScrollableContainer(id="left", classes="code"):
                yield Static(self._python(), id="left-text", expand=False)
            with ScrollableContainer(id="right", classes="code"):
                msl = self._statistics.facts.msl
                yield Static(self._code(msl, "msl"), id="right-text", expand=False)
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        self.query_one("#left").border_title = "Python"
        self.query_one("#right").border_title = "MSL"
        self.query_one("#right").focus()

    def action_assembly(self) -> None:
        """Shows the assembly in the place of the Python function, or that again."""
        self._shows_assembly = not self._shows_assembly
        left = self.query_one("#left")
        left.border_title = "assembly" if self._shows_assembly else "Python"
        text = self.query_one("#left-text", Static)
        if self._shows_assembly:
            text.update("asking the process …")
            self._ask()
        else:
            text.update(self._python())

    @work(thread=True, exclusive=True)
    def _ask(self) -> None:
        found = self._source.texts(self._statistics.facts.key).get("asm", "")
        if found:
            text = self._code(found, "nasm")
        else:
            why = self._source.ended or "its device keeps none"
            text = Text(f"No assembly:\n{why}.")
        self.app.call_from_thread(self._show_assembly, text)

    def _show_assembly(self, text: Text) -> None:
        if self._shows_assembly:
            self.query_one("#left-text", Static).update(text)

    def _code(self, text: str, language: str) -> Text:
        return coloured(text, language, dark=self.app.current_theme.dark)

    def _python(self) -> Text:
        facts = self._statistics.facts
        if facts.python:
            return self._code(facts.python, "python")
        if facts.place is not None:
            return Text(f"Written in MSL, in {place_text(facts.place)}.")
        return Text("iris wrote it.")

    def _figures(self) -> Text:
        row, quiet = self._statistics, palette_of(self.app).quiet
        facts, calls = row.facts, max(1, row.timed_calls)
        clock = "device" if row.is_device_time else "host"
        moved = (row.work.read_bytes + row.work.written_bytes) / calls
        text = Text.assemble((facts.name, f"bold {palette_of(self.app).of(facts.name)}"), "  ")
        text.append(
            f"{place_text(facts.place)}  {facts.device}, threadgroups as {facts.strategy or '?'}"
        )
        pairs = [
            ("calls", f"{row.calls:,}"), ("total", time_text(row.total_ns)),
            ("mean", time_text(row.mean_ns)), ("p50", time_text(row.p50_ns)),
            ("p95", time_text(row.p95_ns)), ("clock", clock),
        ], [
            ("moves", f"{bytes_text(moved)} a call"),
            ("GB/s", rate_text(row.bandwidth) or "?"), ("GFLOP/s", rate_text(row.rate) or "?"),
            ("roofline", share_text(row.roofline_share) or "?"),
            ("cache", row.cache or "there before"),
        ]  # fmt: skip
        for line in pairs:
            text.append("\n")
            for name, value in line:
                text.append(f"{name} ", quiet)
                text.append(f"{value}  ")
        return text
