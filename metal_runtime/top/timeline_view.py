"""Lanes in; what each stream and each thread did over time out, which is zoomed, panned and walked through."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widget import Widget

from metal_runtime.profile.timeline import HostLane, Span, StreamLane, queue_wait
from metal_runtime.profile.units import bytes_text, place_text, time_text
from metal_runtime.recording.events import LaunchEvent
from metal_runtime.top.lane_index import LaneIndex
from metal_runtime.top.lanes import NAMES, Window, lane_line, ruler
from metal_runtime.top.model import Model
from metal_runtime.top.palette import palette_of
from metal_runtime.top.view import Pane, View

_SHORTEST = 1_000  # ns that are seen at least
_EMPTY = (
    "Nothing has happened since this began.\n"
    "Lanes appear when the program launches kernels or computes with arrays."
)


class Lanes(Widget, can_focus=True):
    """The drawing. It follows what is new until somebody pans or zooms."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "pan(-1)", "pan", show=False),
        Binding("right,l", "pan(1)", show=False),
        Binding("plus,equals_sign", "zoom(2)", "zoom in", show=False),
        Binding("minus", "zoom(-2)", show=False),
        Binding("up,k", "lane(-1)", show=False),
        Binding("down,j", "lane(1)", show=False),
        Binding("full_stop,n", "step(1)", show=False),
        Binding("comma,p", "step(-1)", show=False),
        Binding("home", "all", show=False),
    ]

    def __init__(self) -> None:
        super().__init__(id="lanes")
        self.model: Model | None = None
        self.shown: list[LaneIndex] = []
        self.selected: tuple[str, int, int] | None = None
        self.span: Span | None = None
        self._wanted = ""
        self._sorted = False
        self._range: tuple[int, int] | None = None
        self._top = 0

    def set_model(self, model: Model) -> None:
        """A new state; the stretch that is seen stays, unless it was all."""
        self.model = model
        lanes = [lane for lane in model.lanes if self._matches(lane)]
        if self._sorted:
            lanes.sort(key=lambda lane: -lane.lane.busy_ns)
        self.shown = lanes
        if self.selected not in [lane.key for lane in lanes]:
            self.selected = lanes[0].key if lanes else None
            self.span = None
        self.refresh()

    def _matches(self, lane: LaneIndex) -> bool:
        wanted = self._wanted
        return not wanted or any(
            wanted in name.lower() for name in (lane.lane.name, *{s.label for s in lane.spans})
        )

    def filter(self, text: str) -> None:
        """Only lanes whose name, or the name of a span in which, contains a text."""
        self._wanted = text.lower()
        self._again()

    def sort(self) -> None:
        """The busiest first, or in their order again."""
        self._sorted = not self._sorted
        self._again()

    def reset(self) -> None:
        """All lanes, all time."""
        self._wanted, self._sorted, self._range, self._top = "", False, None, 0
        self.selected = self.span = None
        self._again()

    def _again(self) -> None:
        if self.model is not None:
            self.set_model(self.model)

    @property
    def window(self) -> Window:
        """What is seen."""
        assert self.model is not None
        width = max(1, self.size.width - NAMES)
        begin, end = self._range or self._everything()
        return Window(begin, end, width)

    def _everything(self) -> tuple[int, int]:
        assert self.model is not None
        if not self.model.lanes:
            return self.model.recording.begin, max(
                self.model.recording.end, self.model.recording.begin + _SHORTEST
            )
        begin = min(int(lane.begins[0]) for lane in self.model.lanes)
        end = max(int(lane.ends.max()) for lane in self.model.lanes)
        return begin, max(end, begin + _SHORTEST)

    @property
    def lane(self) -> LaneIndex | None:
        """The selected row."""
        return next((lane for lane in self.shown if lane.key == self.selected), None)

    # --- keys and mouse --------------------------------------------------------------------------

    def action_pan(self, by: int) -> None:
        if self.model is not None:
            window = self.window
            step = (window.end - window.begin) // 4 * by
            self._see(window.begin + step, window.end + step)

    def action_zoom(self, factor: int, at: int | None = None) -> None:
        """Twice or half as near, around a time: by default the selected span's, or the middle."""
        if self.model is None:
            return
        window = self.window
        if at is None:
            at = self.span.begin if self.span is not None else (window.begin + window.end) // 2
        at = max(window.begin, min(at, window.end))
        before, after = at - window.begin, window.end - at
        if factor > 0:
            self._see(at - before // factor, at + after // factor)
        else:
            self._see(at + before * factor, at - after * factor)

    def action_all(self) -> None:
        self._range = None
        self.refresh()

    def _see(self, begin: int, end: int) -> None:
        first, last = self._everything()
        length = min(max(end - begin, _SHORTEST), last - first)
        begin = max(first, min(begin, last - length))
        self._range = None if length == last - first else (begin, begin + length)
        self.refresh()

    def action_lane(self, by: int) -> None:
        keys = [lane.key for lane in self.shown]
        if self.selected in keys:
            at = max(0, min(keys.index(self.selected) + by, len(keys) - 1))
            self.selected, self.span = keys[at], None
            room = max(1, self.size.height - 1)
            self._top = max(min(self._top, at), at - room + 1)
            self._tell()

    def action_step(self, by: int) -> None:
        """The next span of the lane, or the first that is seen."""
        lane = self.lane
        if lane is None:
            return
        number = next(
            (
                n
                for n, s in enumerate(lane.spans)
                if self.span is not None and s.event.number == self.span.event.number
            ),
            None,
        )
        window = self.window
        if number is None:
            seen = [
                n for n, s in enumerate(lane.spans) if s.end > window.begin and s.begin < window.end
            ]
            number = seen[0] if seen else 0
        else:
            number = max(0, min(number + by, len(lane.spans) - 1))
        self.span = lane.spans[number]
        if not window.begin <= self.span.begin < window.end:
            half = (window.end - window.begin) // 2
            self._see(self.span.begin - half, self.span.begin + half)
        self._tell()

    def on_click(self, event: events.Click) -> None:
        row = event.y - 1 + self._top
        if self.model is None or not 0 <= row < len(self.shown) or event.y == 0:
            return
        lane = self.shown[row]
        cell = event.x - NAMES
        window = self.window
        self.selected = lane.key
        self.span = (
            lane.longest(window.time_at(cell), window.time_at(cell + 1)) if cell >= 0 else None
        )
        self._tell()

    def _tell(self) -> None:
        self.refresh()
        view = self.parent
        assert isinstance(view, TimelineView)
        view.tell()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._wheel(event, -2, 1)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._wheel(event, 2, -1)

    def _wheel(self, event: events.MouseEvent, zoom: int, pan: int) -> None:
        if self.model is None:
            return
        if event.shift or event.ctrl:
            self.action_pan(pan)
        else:
            self.action_zoom(zoom, self.window.time_at(event.x - NAMES))

    # --- drawing ---------------------------------------------------------------------------------

    def render(self) -> Text:
        palette = palette_of(self.app)
        if self.model is None or not self.shown:
            why = f"No lane contains “{self._wanted}”; r shows all." if self._wanted else _EMPTY
            return Text(why, palette.quiet)
        window = self.window
        lines = [ruler(window, self.model.recording.begin, palette)]
        room = max(0, self.size.height - 1)
        for lane in self.shown[self._top : self._top + room]:
            is_selected = lane.key == self.selected
            lines.append(lane_line(lane, window, palette, selected=is_selected, span=self.span))
        return Text("\n", no_wrap=True, overflow="crop").join(lines)


class TimelineView(View):
    """The lanes, and a word on the selected one."""

    NAME = "timeline"
    KEYS = (
        "← →  pan   + -  zoom   ↑ ↓  another lane   , .  the span before, after   home  all time\n"
        "wheel  zoom   shift + wheel  pan   click  a span"
    )

    def compose(self) -> ComposeResult:
        yield Lanes()
        yield Pane(id="span", classes="detail")

    @staticmethod
    def prepare(model: Model) -> None:
        _ = model.lanes

    def show(self, model: Model) -> None:
        self.model = model
        self.query_one(Lanes).set_model(model)
        self.tell()

    def sort(self) -> None:
        self.query_one(Lanes).sort()

    def filter(self, text: str) -> None:
        self.query_one(Lanes).filter(text)

    def reset(self) -> None:
        self.query_one(Lanes).reset()
        self.tell()

    def take_focus(self) -> None:
        self.query_one(Lanes).focus()

    def tell(self) -> None:
        """Says more of what is selected."""
        lanes = self.query_one(Lanes)
        text = Text()
        if self.model is not None and lanes.lane is not None:
            text = _of_lane(lanes.lane) if lanes.span is None else _of_span(lanes.span, self.model)
        self.query_one("#span", Pane).set(text)


def _of_lane(index: LaneIndex) -> Text:
    lane = index.lane
    whole = max(1, lane.end - lane.begin)
    text = Text(f"{lane.name}: {len(lane.spans):,} spans in {time_text(whole)}, ", "")
    text.append(
        f"busy {time_text(lane.busy_ns)} ({100 * lane.busy_ns / whole:.0f}%), gaps {time_text(lane.gap_ns)}"
    )
    if isinstance(lane, StreamLane):
        clock = (
            f"waited in queues {time_text(lane.wait_ns)}"
            if lane.is_device_time
            else "host time: the device says none"
        )
        text.append(f"\n{clock}")
    elif isinstance(lane, HostLane):
        text.append(f"\nthread {lane.thread}")
    return text


def _of_span(span: Span, model: Model) -> Text:
    event = span.event
    place = place_text(getattr(event, "place", None))
    text = Text(
        f"{span.label}  at {time_text(model.since_begin(span.begin))}, took {time_text(span.end - span.begin)}  {place}\n"
    )
    if isinstance(event, LaunchEvent):
        moved = event.work.read_bytes + event.work.written_bytes
        seconds = (span.end - span.begin) * 1e-9
        groups = "×".join(map(str, event.threadgroup))
        text.append(
            f"grid {'×'.join(map(str, event.grid))} in groups of {groups}, {bytes_text(moved)}"
        )
        if event.device_end and seconds:
            text.append(
                f", {moved / seconds / 1e9:.1f} GB/s, waited {time_text(queue_wait(event))}"
            )
    return text
