"""`iris tune`: the folder of measured configurations enters, a list of the winners or their removal leaves."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import Annotated

import typer

from metal_runtime.cli.cache import age_text
from metal_runtime.cli.console import stdout
from metal_runtime.tune import store
from metal_runtime.tune.space import names_and_values

app = typer.Typer(
    help="Show or clear what was measured of kernels with tile=.", no_args_is_help=True
)


@app.command("ls")
def list_entries(
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON, every timing included.")] = False,
) -> None:  # fmt: skip
    """List the fastest configuration of each kernel, device and shape class."""
    entries = list(store.entries())
    folder = str(store.directory())
    if as_json:
        rows = [asdict(entry) | {"gain": entry.gain} for entry in entries]
        typer.echo(json.dumps({"directory": folder, "entries": rows}, indent=2))
        return
    if entries:
        _print_table(entries)
    count = f"{len(entries):,} {'entry' if len(entries) == 1 else 'entries'}"
    stdout().print(f"{count}, in {folder}", soft_wrap=True)


@app.command()
def clear(
    kernel: Annotated[str | None, typer.Argument(help="Only this kernel's.")] = None,
) -> None:
    """Remove what was measured; the next launches measure anew."""
    removed = store.clear(kernel)
    typer.echo(f"removed {removed:,} file{'' if removed == 1 else 's'} from {store.directory()}")


def _print_table(entries: list[store.Entry]) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bright_black")
    table.add_column("kernel", style="bold", overflow="fold")
    table.add_column("device")
    table.add_column("sizes up to", overflow="fold")
    table.add_column("fastest", overflow="fold")
    table.add_column("gain", justify="right")
    table.add_column("measured", justify="right")
    for entry in entries:
        table.add_row(
            entry.key.kernel,
            entry.key.device,
            escape(entry.key.shapes),
            escape(", ".join(names_and_values(entry.best))),
            "" if entry.gain is None else f"{entry.gain:.2f}x",
            age_text(max(time.time() - entry.created, 0.0)),
        )
    stdout().print(table)
