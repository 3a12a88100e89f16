"""Whether the terminal is dark in, the inspector's colours out: each means one thing in every view."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours as Rich writes them."""

    good: str
    """Found in a cache; memory that stays as it is."""

    bad: str
    """Failed; grows; had to be compiled."""

    notice: str
    """Worth a look."""

    quiet: str
    """Labels, axes, what lies idle."""

    accent: str
    selected: str
    """The background of what is selected."""

    series: tuple[str, ...]
    """Kernels, or lines of the program, each its own."""

    def of(self, name: object) -> str:
        """The colour of a kernel or line: the same in every view and every run."""
        return self.series[sum(str(name).encode()) % len(self.series)]


DARK = Palette(
    good="#7fd88f", bad="#ff7b72", notice="#e3b341", quiet="#8b949e", accent="#79c0ff",
    selected="#264f78",
    series=("#79c0ff", "#d2a8ff", "#7ee7c7", "#ffa657", "#f778ba", "#a5d66f", "#56d4dd", "#e6c07b"),
)  # fmt: skip
LIGHT = Palette(
    good="#1a7f37", bad="#cf222e", notice="#9a6700", quiet="#6e7781", accent="#0969da",
    selected="#b6d7ff",
    series=("#0969da", "#8250df", "#0b7a75", "#bc4c00", "#bf3989", "#4d7c0f", "#0e7490", "#8a5a00"),
)  # fmt: skip


def palette_of(app: Any) -> Palette:
    """The colours for an application's theme."""
    return DARK if app.current_theme.dark else LIGHT


def terminal_is_light() -> bool:
    """What the terminal says of its background in COLORFGBG, as xterm, rxvt, Konsole and iTerm2 do; dark where it says nothing."""
    background = os.environ.get("COLORFGBG", "").rpartition(";")[2]
    return background in ("7", "15")
