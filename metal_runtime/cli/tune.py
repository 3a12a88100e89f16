"""`iris tune`: the folder of measured configurations enters, a list of the winners or their removal leaves."""

from __future__ import annotations

import math
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from metal_runtime.cli.cache import age_text
from metal_runtime.cli.console import stdout
from metal_runtime.cli.json_report import AsJson, write_json
from metal_runtime.tune import store
from metal_runtime.tune.space import names_and_values

if TYPE_CHECKING:
    from rich.table import Table

app = typer.Typer(
    help="Show or clear what was measured of kernels with tile=.", no_args_is_help=True
)


@app.command("ls")
def list_entries(
    kernel: Annotated[str | None, typer.Argument(help="Only this kernel's, with every configuration that was measured.")] = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """List the fastest configuration of each kernel, device and shape class."""
    entries = [e for e in store.entries() if kernel in (None, e.key.kernel)]
    folder = str(store.directory())
    if as_json:
        rows = [asdict(entry) | {"gain": entry.gain} for entry in entries]
        write_json({"directory": folder, "entries": rows})
        return
    if kernel is None:
        for device, machine in sorted({(e.key.device, e.key.machine) for e in entries}):
            _print_winners(device, machine, entries)
    else:
        for entry in entries:
            _print_race(entry)
    count = f"{len(entries):,} {'entry' if len(entries) == 1 else 'entries'}"
    of = "" if kernel is None else f" of {kernel}"
    stdout().print(f"{count}{of}, in {folder}", soft_wrap=True, markup=False)


@app.command()
def clear(
    kernel: Annotated[str | None, typer.Argument(help="Only this kernel's.")] = None,
    as_json: AsJson = False,
) -> None:
    """Remove what was measured; the next launches measure anew."""
    removed = store.clear(kernel)
    if as_json:
        write_json({"directory": str(store.directory()), "removed": removed})
        return
    typer.echo(f"removed {removed:,} file{'' if removed == 1 else 's'} from {store.directory()}")


def _print_winners(device: str, machine: str, entries: list[store.Entry]) -> None:
    """The winners on one device."""
    table = _table()
    table.add_column("kernel", style="bold", overflow="fold")
    table.add_column("sizes up to", overflow="fold")
    table.add_column("chosen", overflow="fold")
    for heading in ("time", "gain", "measured"):
        table.add_column(heading, justify="right", no_wrap=True)
    for entry in entries:
        if (entry.key.device, entry.key.machine) != (device, machine):
            continue
        kept = entry.best == entry.default.configuration
        table.add_row(
            entry.key.kernel,
            _escaped(entry.key.shapes),
            _escaped(", ".join(names_and_values(entry.best))),
            _time_text(entry.seconds),
            "default" if kept else "" if entry.gain is None else f"{entry.gain:.2f}x",
            _age(entry),
        )
    console = stdout()
    console.print(f"{device}: {machine}", soft_wrap=True, markup=False, style="bright_black")
    console.print(table)
    console.print()


def _print_race(entry: store.Entry) -> None:
    """Every configuration, the fastest first; those that cannot run last."""
    key, default = entry.key, entry.default
    console = stdout()
    console.print(f"[bold]{key.kernel}[/], sizes up to {_escaped(key.shapes)}", soft_wrap=True)
    console.print(f"{key.device}: {key.machine}; measured {_age(entry)}", soft_wrap=True, markup=False, style="bright_black")  # fmt: skip
    table = _table()
    table.add_column("configuration", overflow="fold")
    table.add_column("time", justify="right", no_wrap=True)
    table.add_column("gain", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for timing in sorted(entry.timings, key=lambda t: t.seconds or math.inf):
        seconds = timing.seconds
        gain = default.seconds / seconds if seconds and default.seconds else None
        chosen = timing.configuration == entry.best
        words = ["default"] * (timing is default) + ["chosen"] * chosen
        table.add_row(
            _escaped(", ".join(names_and_values(timing.configuration))),
            _time_text(seconds),
            "" if gain is None else f"{gain:.2f}x",
            ", ".join(words),
            style="bold" if chosen else "",
        )
    console.print(table)
    console.print()


def _age(entry: store.Entry) -> str:
    return age_text(max(time.time() - entry.created, 0.0))


def _table() -> Table:
    from rich.table import Table

    return Table(box=None, pad_edge=False, header_style="bright_black")


def _escaped(text: str) -> str:
    from rich.markup import escape  # what names of a user's have in brackets is no colour

    return escape(text)


def _time_text(seconds: float | None) -> str:
    """Three digits: ``1.25 ms``."""
    if seconds is None:
        return "cannot run"
    for unit, length in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"
