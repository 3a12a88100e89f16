"""A stretch of time and the rows of lanes in; lines of coloured cells out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from rich.text import Text

from metal_runtime.profile.timeline import Span
from metal_runtime.top.lane_index import LaneIndex, Numbers
from metal_runtime.top.palette import Palette

NAMES = 18
"""Columns before the bars."""

_EIGHTHS = "·▁▂▃▄▅▆▇█"
_STEPS = (1, 2, 5)


@dataclass(frozen=True, slots=True)
class Window:
    """What is seen: from ``begin`` to ``end`` in ``width`` cells."""

    begin: int
    end: int
    width: int

    @property
    def borders(self) -> Numbers:
        """Of the cells."""
        return np.linspace(self.begin, self.end, self.width + 1).astype(np.int64)

    def time_at(self, cell: int) -> int:
        """When a cell begins."""
        return self.begin + (self.end - self.begin) * cell // max(1, self.width)

    def cell_of(self, time: int) -> int:
        """The cell that a time lies in, which may be outside."""
        return (time - self.begin) * self.width // max(1, self.end - self.begin)


def ruler(window: Window, origin: int, palette: Palette) -> Text:
    """Times since ``origin``, at round distances."""
    cells = [" "] * window.width
    least = (window.end - window.begin) * 12 / max(1, window.width)
    step = next(
        factor * 10**power
        for power in range(19)
        for factor in _STEPS
        if factor * 10**power >= least
    )
    at = -(-(window.begin - origin) // step) * step
    while at + origin < window.end:
        label = "│" + _mark_text(at, step)
        cell = window.cell_of(at + origin)
        if cell + len(label) < window.width:
            cells[cell : cell + len(label)] = label
        at += step
    return Text(" " * NAMES + "".join(cells), palette.quiet)


def _mark_text(at: int, step: int) -> str:
    """A time with as many figures as tell it from the next one, however near that is."""
    for unit, name in ((10**9, "s"), (10**6, "ms"), (10**3, "us")):
        if at >= unit:
            places = max(0, len(str(unit)) - len(str(step)))
            return f"{at / unit:.{places}f} {name}"
    return f"{at} ns" if at else "0"


def lane_line(
    index: LaneIndex, window: Window, palette: Palette, *, selected: bool, span: Span | None
) -> Text:
    """One row: how full each cell is, in the colour of its longest span, whose name stands in it where it fits."""
    mark = "▸" if selected else " "
    text = Text(mark + f"{index.name:<{NAMES - 1}}"[: NAMES - 2] + " ", "bold" if selected else "")
    borders = window.borders
    shares = index.shares(borders)
    cell = 0
    while cell < window.width:
        if not shares[cell]:
            begins = borders[cell] < index.ends[-1] and borders[cell + 1] > index.begins[0]
            text.append("·" if begins else " ", palette.quiet)
            cell += 1
            continue
        found = index.longest(int(borders[cell]), int(borders[cell + 1]))
        cell += _cells(text, found, cell, shares, window, palette, span)
    return text


def _cells(
    text: Text,
    found: Span | None,
    cell: int,
    shares: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    window: Window,
    palette: Palette,
    chosen: Span | None,
) -> int:
    """Draws one cell, or all the cells that one span fills; how many."""
    colour = palette.of(_name(found))
    is_chosen = found is not None and chosen is not None and _same(found, chosen)
    count = 0
    if found is not None:
        while (
            cell + count < window.width
            and shares[cell + count] > 0.99
            and (window.time_at(cell + count + 1) <= found.end)
        ):
            count += 1
    if found is not None and count >= 3:
        label = f" {found.label}"[: count - 1].ljust(count)
        style = (
            f"bold reverse {colour}"
            if is_chosen
            else f"{'black' if palette.accent[1] == '7' else 'white'} on {colour}"
        )
        text.append(label, style)
        return count
    level = _EIGHTHS[max(1, min(8, round(8 * float(shares[cell]))))]
    text.append(level, f"{colour} on {palette.selected}" if is_chosen else colour)
    return 1


def _name(span: Span | None) -> str:
    return "" if span is None else span.label


def _same(one: Span, other: Span) -> bool:
    return one.event.number == other.event.number
