"""Facts of devices in; what each is, what it reached, and where its kernels lie under its roofline out."""

from __future__ import annotations

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll

from metal_runtime.profile.units import bytes_text, rate_text
from metal_runtime.recording.recording import DeviceFacts
from metal_runtime.top.model import Model
from metal_runtime.top.roofline_plot import legend, plot
from metal_runtime.top.view import Pane, View

_EMPTY = "No device is open yet. The first array or launch opens one."


class DevicesView(View):
    """One paragraph and one plot for each device."""

    NAME = "devices"
    KEYS = "↑ ↓  scroll"

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="devices-scroll"):
            yield Pane(id="devices")

    @staticmethod
    def prepare(model: Model) -> None:
        _ = model.kernels

    def show(self, model: Model) -> None:
        self.model = model
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def take_focus(self) -> None:
        self.query_one("#devices-scroll").focus()

    def _draw(self) -> None:
        if self.model is None:
            return
        lines: list[Text] = []
        for device in self.model.recording.devices:
            lines += [*self._facts(device), *self._roofline(device), Text()]
        text = Text("\n").join(lines) if lines else Text(_EMPTY, self.palette.quiet)
        self.query_one("#devices", Pane).set(text)

    def _facts(self, device: DeviceFacts) -> list[Text]:
        assert self.model is not None
        quiet, status = self.palette.quiet, self.model.status
        lines = [Text.assemble((device.name, "bold"), f"  {device.processor}")]
        memory = bytes_text(device.memory_bytes) if device.memory_bytes else "unknown"
        facts = [("compute units", f"{device.compute_units}"), ("memory", memory)]
        if device.name in status.programs:
            facts.append(("programs loaded", f"{status.programs[device.name]}"))
        if device.name in status.pools:
            facts.append(("pool", bytes_text(status.pools[device.name].used_bytes) + " in use"))
        line = Text()
        for name, value in facts:
            line.append(f"{name} ", quiet)
            line.append(f"{value}   ")
        timing = device.timing or "it does not say; times are those of calls on the host"
        return [*lines, line, Text.assemble(("times of launches ", quiet), timing)]

    def _roofline(self, device: DeviceFacts) -> list[Text]:
        assert self.model is not None
        bandwidth, rate = device.copy_bandwidth, device.multiply_add_rate
        if not bandwidth or not rate:
            return [Text(
                "Its roofline is not known: `iris profile SCRIPT.py` measures it once and keeps it.", self.palette.notice
            )]  # fmt: skip
        rows = [row for row in self.model.kernels if row.facts.device == device.name]
        width, height = max(30, self.size.width - 14), max(6, min(16, self.size.height - 9))
        reached = Text.assemble(
            ("copies ", self.palette.quiet), f"{rate_text(bandwidth)} GB/s   ",
            ("multiply-adds ", self.palette.quiet), f"{rate_text(rate)} GFLOP/s",
            ("   below: over operations a byte", self.palette.quiet),
        )  # fmt: skip
        return [
            reached,
            *plot(bandwidth, rate, rows, width, height, self.palette),
            legend(rows, self.palette),
        ]
