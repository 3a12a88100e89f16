"""`iris top`: a process id, a trace file or nothing enters; the inspector, on this terminal, leaves."""

from __future__ import annotations

import enum
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from metal_runtime.cli.json_report import AsJson, write_json

if TYPE_CHECKING:
    from metal_runtime.top.application import Inspector


class Theme(enum.StrEnum):
    """The background that colours are made for."""

    AUTO = "auto"
    DARK = "dark"
    LIGHT = "light"


def top(
    target: Annotated[str | None, typer.Argument(metavar="[PID|TRACE.json]", help="A running process, or a trace that `iris profile` saved.", show_default=False)] = None,
    theme: Annotated[Theme, typer.Option(help="Colours for this background.")] = Theme.AUTO,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Watch where a program's time and memory go: a running process of yours, or a saved trace.

    Without an argument it looks at the one process that uses iris, or lists them. With --json it only lists them.
    """
    from metal_runtime.errors import IrisError
    from metal_runtime.inspect.processes import processes

    if as_json:
        write_json({"processes": [asdict(process) for process in processes()]})
        return

    if not sys.stdout.isatty() or not sys.stdin.isatty():
        raise IrisError(
            "iris top needs a terminal", hint="`iris profile SCRIPT.py` prints where time goes"
        )
    inspector = _inspector(target, theme)
    inspector.run()
    if inspector.return_code:
        raise typer.Exit(inspector.return_code)


def _inspector(target: str | None, theme: Theme) -> Inspector:
    from metal_runtime.inspect.processes import processes
    from metal_runtime.top.application import Inspector
    from metal_runtime.top.opening import open_source
    from metal_runtime.top.palette import terminal_is_light

    light = terminal_is_light() if theme is Theme.AUTO else theme is Theme.LIGHT
    found = [] if target is not None else processes()
    if len(found) == 1:
        target = str(found[0].pid)
    source = None if target is None else open_source(target)
    return Inspector(source, found, light=light)
