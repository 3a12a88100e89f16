"""Numbers in; lines of block characters out."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Callable, Sequence

from rich.text import Text

_EIGHTHS = " ▁▂▃▄▅▆▇█"


def stepped(times: Sequence[int], values: Sequence[int], borders: Sequence[int]) -> list[int]:
    """The greatest value between each two borders of what keeps each value from its time on; 0 before the first."""
    found = []
    for begin, end in itertools.pairwise(borders):
        first = max(0, bisect.bisect_right(times, begin) - 1)
        last = bisect.bisect_left(times, end)
        held = [values[n] for n in range(first, last) if times[n] >= begin or n == first]
        found.append(max(held) if held and times[first] < end else 0)
    return found


def area(
    values: Sequence[float], height: int, style: str, name: str, text_of: Callable[[float], str]
) -> list[Text]:
    """A filled chart from 0 to the greatest value, which is written beside its first line."""
    top = max(values, default=0)
    lines = []
    for row in range(height):
        floor = height - 1 - row
        levels = [(value / top * height - floor) if top else 0 for value in values]
        line = "".join(_EIGHTHS[max(0, min(8, round(8 * level)))] for level in levels)
        label = name if row == 0 else text_of(top) if row == 1 else ""
        lines.append(Text.assemble((f"{label:<11}", "bold" if row == 0 else ""), (line, style)))
    return lines


def share_bar(parts: Sequence[tuple[float, str, str]], width: int) -> Text:
    """Parts of a whole, each with its character and style; none that is more than nothing is left out."""
    whole = sum(size for size, _, _ in parts)
    text = Text()
    done = 0.0
    for size, character, style in parts:
        if whole <= 0:
            break
        begin = round(done / whole * width)
        done += size
        count = max(round(done / whole * width) - begin, 1 if size > 0 else 0)
        text.append(character * count, style)
    text.truncate(width)
    return text
