"""Nanoseconds, bytes and places in; a few characters that people read out."""

from __future__ import annotations

import os

from metal_runtime.recording.events import Place


def time_text(nanoseconds: float) -> str:
    """Three figures and a unit: ``12.3 us``."""
    for unit, name in ((1e9, "s"), (1e6, "ms"), (1e3, "us")):
        if abs(nanoseconds) >= 0.9995 * unit:
            return f"{_three(nanoseconds / unit)} {name}"
    return f"{nanoseconds:.0f} ns"


def bytes_text(count: float) -> str:
    """Three figures and a unit of powers of two: ``1.5 MiB``."""
    for unit, name in ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if count >= unit:
            return f"{_three(count / unit)} {name}"
    return f"{count:.0f} B"


def rate_text(per_second: float | None) -> str:
    """Thousands of millions a second; nothing where it is not known."""
    return "" if per_second is None else _three(per_second / 1e9)


def share_text(share: float | None) -> str:
    """Hundredths; nothing where it is not known."""
    return "" if share is None else f"{100 * share:.0f}%"


def place_text(place: Place | None) -> str:
    """``app.py:12``, without the folder; nothing for no place."""
    return "" if place is None else f"{os.path.basename(place.file)}:{place.line}"


def _three(value: float) -> str:
    if abs(value) >= 99.95:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 9.995 else f"{value:.2f}"
