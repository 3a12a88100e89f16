"""A device's rates and the kernels that ran on it in; a plot of operations a second over operations a byte out."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.text import Text

from metal_runtime.profile.statistics import KernelStatistics
from metal_runtime.top.palette import Palette

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_DECADES = 4.0  # of operations a second, below the device's best
_FROM, _TO = -2.0, 3.0  # powers of ten of operations a byte


def plot(
    bandwidth: float,
    rate: float,
    rows: Sequence[KernelStatistics],
    width: int,
    height: int,
    palette: Palette,
) -> list[Text]:
    """Both axes are logarithmic; the line is the most that the device can reach, a letter is a kernel."""
    cells = [[(" ", "")] * width for _ in range(height)]
    best = math.log10(rate)
    for x in range(width):
        intensity = 10 ** (_FROM + (_TO - _FROM) * x / (width - 1))
        y = _line(min(rate, bandwidth * intensity), best, height)
        if y is not None:
            cells[y][x] = ("─" if bandwidth * intensity >= rate else "╱", palette.quiet)
    for letter, row in zip(_LETTERS, placed(rows), strict=False):
        moved = row.work.read_bytes + row.work.written_bytes
        assert row.rate is not None
        intensity = math.log10((row.work.operations or 1) / moved)
        x = round((intensity - _FROM) / (_TO - _FROM) * (width - 1))
        y = _line(row.rate, best, height)
        if y is not None:
            cells[y][max(0, min(x, width - 1))] = (letter, f"bold {palette.of(row.facts.name)}")
    lines = []
    for n, line in enumerate(cells):
        exponent = best - _DECADES * n / max(1, height - 1)
        label = f"{10 ** (exponent - 9):8.3g} ┤" if n % 3 == 0 or n == height - 1 else " " * 9 + "│"
        lines.append(Text.assemble((label, palette.quiet), *line))
    lines.append(Text(" GFLOP/s  " + _axis(width), palette.quiet))
    return lines


def placed(rows: Sequence[KernelStatistics]) -> list[KernelStatistics]:
    """The kernels that the plot can have: those whose bytes, operations and times are known; in the order of the letters."""
    known = [r for r in rows if r.rate and (r.work.read_bytes + r.work.written_bytes)]
    return known[: len(_LETTERS)]


def legend(rows: Sequence[KernelStatistics], palette: Palette) -> Text:
    """Which letter is which kernel."""
    text = Text()
    for letter, row in zip(_LETTERS, placed(rows), strict=False):
        text.append(f"{letter} {row.facts.name}  ", palette.of(row.facts.name))
    return text


def _line(rate: float, best: float, height: int) -> int | None:
    down = (best - math.log10(rate)) / _DECADES * (height - 1)
    return round(max(0.0, down)) if down <= height - 0.5 else None


def _axis(width: int) -> str:
    cells = [" "] * width
    for power in range(int(_FROM), int(_TO) + 1):
        label = f"{10.0**power:g}"
        at = min(round((power - _FROM) / (_TO - _FROM) * (width - 1)), width - len(label))
        cells[at : at + len(label)] = label
    return "".join(cells)
