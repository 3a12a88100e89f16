"""Where the command line writes: answers to stdout, errors and progress to stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from metal_runtime.errors import CompileError, IrisError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.syntax import Syntax


def stdout() -> Console:
    """The console of answers; without colour when it is no terminal."""
    from rich.console import Console  # loaded on demand: `iris --version` draws nothing

    return Console(highlight=False)


def stderr() -> Console:
    """The console of errors and progress."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def highlighted(text: str, language: str) -> Syntax:
    """Code in the terminal's own colours; long lines wrap. ``language`` is ``msl`` or a name of pygments."""
    from rich.syntax import Syntax

    lexer: Any = language
    if language == "msl":
        from metal_runtime.msl.highlighting import MslLexer

        lexer = MslLexer()
    return Syntax(
        text.rstrip(), lexer, theme="ansi_dark", background_color="default", word_wrap=True
    )


@contextmanager
def progress(message: str) -> Iterator[None]:
    """Shows ``message`` with a spinner while the block runs, on a terminal only."""
    console = stderr()
    if not console.is_terminal:
        yield
        return
    with console.status(message, spinner="dots"):
        yield


def show_error(error: IrisError) -> None:
    """Writes an error of the user to stderr as iris words it, without a traceback."""
    from rich.text import Text

    text = Text(str(error))
    text.highlight_regex(r"(?m)^\s*\|\s*\^~*$", "bold red")
    text.highlight_regex(r"\berror:", "bold red")
    text.highlight_regex(r"(?m)^\s*hint:", "bold green")
    text.highlight_regex(r"\bnote:", "bold cyan")
    if not isinstance(error, CompileError):
        text = Text("error: ", "bold red") + text
    sys.stdout.flush()
    stderr().print(text, soft_wrap=True)
