"""The `iris` command: a command line enters, output and an exit status leave.

The status is 0 when done, 1 when iris says that something of the user's is wrong, 2 for wrong usage.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from metal_runtime.cli import (
    cache,
    check,
    demo,
    devices,
    emit,
    explain,
    json_report,
    profile,
    top,
    tune,
    version,
)
from metal_runtime.cli.console import show_error
from metal_runtime.errors import IrisError

app = typer.Typer(
    name="iris",
    help="Write GPU kernels in Python or MSL; run that one MSL text on every device.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("check")(check.check)
app.command("demo")(demo.demo)
app.command("devices")(devices.devices)
app.command("emit")(emit.emit)
app.command("explain")(explain.explain)
app.command("profile")(profile.profile)
app.command("top")(top.top)
app.add_typer(cache.app, name="cache")
app.add_typer(tune.app, name="tune")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(version.version_text())
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_print_version,
            is_eager=True,
            help="Show the versions of iris and of what it stands on, and exit.",
        ),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Runs the command line of this process; leaves with its exit status."""
    json_report.forget()
    try:
        app(prog_name="iris")
    except IrisError as error:
        if json_report.json_is_asked():
            json_report.write_json(json_report.error_report(error))
        else:
            show_error(error)
        sys.exit(1)
