"""A text and its language in; the text in colours out."""

from __future__ import annotations

from typing import Any

from rich.syntax import Syntax
from rich.text import Text

_THEMES = {True: "monokai", False: "default"}


def coloured(text: str, language: str, *, dark: bool) -> Text:
    """Highlighted code without a background. ``language`` is ``msl`` or a name of pygments."""
    lexer: Any = language
    if language == "msl":
        from metal_runtime.msl.highlighting import MslLexer

        lexer = MslLexer()
    syntax = Syntax("", lexer, theme=_THEMES[dark], background_color="default")
    found = syntax.highlight(text.rstrip())
    found.rstrip()
    found.no_wrap = True
    return found


def excerpt(file: str, line: int, around: int = 3) -> str:
    """The lines around a line of a file, which is marked; empty where the file cannot be read here."""
    try:
        with open(file, encoding="utf-8", errors="replace") as opened:
            lines = opened.read().splitlines()
    except OSError:
        return ""
    first = max(0, line - 1 - around)
    shown = lines[first : line + around]
    return "\n".join(
        f"{'▶' if number == line else ' '}{number:>5} {text}"
        for number, text in enumerate(shown, first + 1)
    )
