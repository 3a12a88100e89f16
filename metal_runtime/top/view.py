"""What every view of the inspector is: drawn from a Model, sorted, filtered and reset by the same keys."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.containers import Vertical
from textual.widgets import Static

from metal_runtime.inspect.source import Source
from metal_runtime.top.model import Model
from metal_runtime.top.palette import Palette, palette_of
from metal_runtime.top.table import Table


class View(Vertical):
    """One of the views. ``prepare`` runs on the polling thread, all else where the screen is drawn."""

    NAME: ClassVar[str]
    KEYS: ClassVar[str] = ""
    """The keys of its own, for the help."""

    model: Model | None = None
    source: Source

    @staticmethod
    def prepare(model: Model) -> None:
        """Computes what ``show`` will ask the model for."""

    def show(self, model: Model) -> None:
        """Draws a new state."""
        raise NotImplementedError

    @property
    def palette(self) -> Palette:
        """The colours of the theme."""
        return palette_of(self.app)

    @property
    def table(self) -> Table | None:
        """What is sorted and filtered."""
        return next(iter(self.query(Table)), None)

    def sort(self) -> None:
        """By the next column."""
        if self.table is not None:
            self.table.sort()

    def filter(self, text: str) -> None:
        """Only what contains a text."""
        if self.table is not None:
            self.table.filter(text)

    def reset(self) -> None:
        """As it was at first."""
        if self.table is not None:
            self.table.reset()

    def take_focus(self) -> None:
        """Keys go to what moves."""
        if self.table is not None:
            self.table.focus()


class Pane(Static):
    """Text that other code sets; drawn anew only where it differs."""

    text: Text | None = None

    def set(self, text: Text) -> None:
        """What it shows from now on."""
        if self.text is None or text != self.text or text.spans != self.text.spans:
            self.text = text
            self.display = bool(text.plain) or not self.has_class("detail")
            self.update(text)
