"""The views in; every key that there is out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from metal_runtime.top.view import View

_KEYS = (
    ("1 … 7", "the views; or click on their names"),
    ("s", "sort by the next column; a click on a heading does so too"),
    ("f  /", "filter; escape in the field shows all again"),
    ("r", "reset: no filter, the natural order, all time"),
    ("space", "hold the screen still, or go on"),
    ("d", "dark, or light"),
    ("tab", "the next part of the view"),
    ("?", "this help"),
    ("q", "quit; what is looked at is not touched"),
)


class HelpScreen(ModalScreen[None]):
    """All keys; any of them closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,enter,space", "app.pop_screen", "back")
    ]

    def __init__(self, views: Sequence[type[View]]) -> None:
        super().__init__()
        self._views = views

    def compose(self) -> ComposeResult:
        text = Text()
        for key, what in _KEYS:
            text.append(f"{key:>7}  ", "bold")
            text.append(what + "\n")
        for number, view in enumerate(self._views, 1):
            if view.KEYS:
                text.append(f"\n{number} {view.NAME}\n", "bold")
                text.append(view.KEYS + "\n")
        with VerticalScroll(id="help"):
            yield Static(text)

    def on_mount(self) -> None:
        self.query_one("#help").border_title = "keys"
        self.query_one("#help").border_subtitle = "escape closes"
