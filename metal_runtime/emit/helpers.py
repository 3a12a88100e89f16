"""Functions that MSL lacks: the names of those that a program uses in, their MSL text out."""

from __future__ import annotations

from collections.abc import Iterable

HELPERS: dict[str, str] = {}


def helper_texts(used: Iterable[tuple[str, bool]]) -> list[str]:
    """The texts, each before those that call it. ``used`` holds names and whether vectors are passed."""
    assert not list(used)
    return []
