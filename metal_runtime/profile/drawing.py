"""A Recording in; its timeline and its memory drawn in a terminal's characters out."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from metal_runtime.profile.memory import MemoryHistory, live_lines, memory_histories
from metal_runtime.profile.notes import headline, notes
from metal_runtime.profile.timeline import Span, Timeline, timeline
from metal_runtime.profile.units import bytes_text, place_text, time_text
from metal_runtime.recording.events import ErrorEvent
from metal_runtime.recording.recording import Recording

COLUMNS = 40
_LEVELS = " ▁▂▃▄▅▆▇█"
_LINES = 12  # of live memory that are shown


def drawn_timeline(recording: Recording) -> RenderableType:
    """The lanes under what was recorded, and over what one must know of it."""
    return Group(
        Text(headline(recording), style="bold"), Text(""), lanes_of(recording), *_notes(recording)
    )


def lanes_of(recording: Recording) -> RenderableType:
    """A line for each stream and thread: the higher the bar, the busier that moment; then what it adds up to."""
    lanes = timeline(recording)
    table = Table(box=None, pad_edge=False, header_style="bright_black", padding=(0, 1, 0, 0))
    table.add_column("lane", style="bold", no_wrap=True, max_width=22)
    table.add_column(_scale(lanes), no_wrap=True, width=COLUMNS)
    for name in ("busy", "gaps"):
        table.add_column(name, justify="right", no_wrap=True, min_width=7)
    for lane in (*lanes.streams, *lanes.threads):
        style = "cyan" if lane in lanes.streams else "magenta"
        bars = Text(bars_of(lane.spans, lanes.begin, lanes.end), style=style)
        table.add_row(Text(lane.name), bars, time_text(lane.busy_ns), time_text(lane.gap_ns))
    waits = [
        Text(f"{lane.name}: launches waited {time_text(lane.wait_ns)} in its queue", "bright_black")
        for lane in lanes.streams
        if lane.wait_ns
    ]
    errors = [
        Text(f"{event.error} at {time_text(event.begin - lanes.begin)}: {event.message}", "red")
        for event in recording.events
        if isinstance(event, ErrorEvent)
    ]
    return Group(table, *waits, *errors)


def bars_of(spans: Sequence[Span], begin: int, end: int, columns: int = COLUMNS) -> str:
    """How much of each column's time has a span of no depth, in eighths; any is at least one."""
    length = max(1, end - begin)
    busy = [0.0] * columns
    reached = begin
    for span in spans:
        low, high = max(span.begin, reached), min(span.end, end)
        reached = max(reached, high)
        first = (low - begin) * columns / length
        last = (high - begin) * columns / length
        for column in range(int(first), min(columns, int(last) + 1)):
            busy[column] += max(0.0, min(last, column + 1) - max(first, column))
    return "".join(_LEVELS[min(8, max(1 if part else 0, round(8 * part)))] for part in busy)


def drawn_memory(recording: Recording) -> RenderableType:
    """The bytes in use over time, and the lines that hold what is in use at the end."""
    parts: list[RenderableType] = []
    for history in memory_histories(recording):
        peak, last = history.peak, history.points[-1]
        parts += [
            Text(f"{history.device} memory", style="bold"),
            Text(_levels(history, recording.begin, recording.end), style="green"),
            Text(
                f"peak {bytes_text(peak.used_bytes)} at {time_text(peak.time - recording.begin)} · "
                f"at the end {bytes_text(last.used_bytes)} in {last.blocks:,} block{'' if last.blocks == 1 else 's'}, "
                f"{bytes_text(last.allocated_bytes)} with what waits for reuse"
            ),
            Text(""),
        ]
    if not parts:
        parts = [Text("no memory changed hands")]
    if recording.live:
        parts.append(_live_table(recording))
    return Group(*parts, *_notes(recording)[: 1 if recording.dropped else 0])


def _levels(history: MemoryHistory, begin: int, end: int, columns: int = 72) -> str:
    """The most bytes in use in each column's time."""
    length, most = max(1, end - begin), max(1, history.peak.used_bytes)
    levels = [-1] * columns
    for point in history.points:
        column = min(columns - 1, max(0, (point.time - begin) * columns // length))
        levels[column] = max(levels[column], point.used_bytes)
    shown, held = [], 0
    latest = {min(columns - 1, max(0, (p.time - begin) * columns // length)): p.used_bytes for p in history.points}  # fmt: skip
    for column, level in enumerate(levels):
        top = max(held, level)
        held = latest.get(column, held)
        shown.append(_LEVELS[max(1 if top else 0, round(8 * top / most))])
    return "".join(shown)


def _live_table(recording: Recording) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bright_black", padding=(0, 2, 0, 0))
    table.add_column("made by", style="bold", no_wrap=True, max_width=40)
    for name in ("blocks", "bytes", "oldest", "newest"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("")
    for line in live_lines(recording)[:_LINES]:
        table.add_row(
            Text(place_text(line.place) or "iris"),
            f"{line.count:,}",
            bytes_text(line.nbytes),
            time_text(line.oldest_ns),
            time_text(line.newest_ns),
            Text("keeps growing: a leak?", style="red") if line.is_suspect else "",
        )
    return table


def _scale(lanes: Timeline) -> str:
    right = time_text(lanes.end - lanes.begin)
    return "0" + " " * (COLUMNS - 1 - len(right)) + right


def _notes(recording: Recording) -> list[Text]:
    return [Text(note, style="bright_black") for note in notes(recording)]
