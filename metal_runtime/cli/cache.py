"""`iris cache`: the folder of compiled kernels enters, a list of its entries or their removal leaves."""

from __future__ import annotations

import typer

from metal_runtime.cli.console import stdout
from metal_runtime.cli.json_report import AsJson, write_json

app = typer.Typer(help="Show or clear the disk cache of compiled kernels.", no_args_is_help=True)


@app.command("ls")
def list_entries(as_json: AsJson = False) -> None:
    """List the compiled kernels on disk."""
    from metal_runtime.backends.cpu import object_cache

    entries = sorted(object_cache.entries(), key=lambda entry: entry.age)
    folder = str(object_cache.directory())
    if as_json:
        rows = [
            {
                "kernel": e.kernel,
                "bytes": e.size,
                "age": e.age,
                "target": e.target,
                "path": str(e.path),
            }
            for e in entries
        ]
        write_json({"directory": folder, "entries": rows})
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bright_black")
    table.add_column("kernel", style="bold", overflow="fold")
    table.add_column("size", justify="right")
    table.add_column("made", justify="right")
    table.add_column("for")
    for entry in entries:
        table.add_row(entry.kernel, size_text(entry.size), age_text(entry.age), entry.target)
    console = stdout()
    if entries:
        console.print(table)
    total = size_text(sum(entry.size for entry in entries))
    console.print(
        f"{_count(len(entries), 'entry', 'entries')}, {total}, in {folder}", soft_wrap=True
    )


@app.command()
def clear(as_json: AsJson = False) -> None:
    """Remove every compiled kernel from disk; the next launches compile them again."""
    from metal_runtime.backends.cpu import object_cache
    from metal_runtime.msl.rules import report_store
    from metal_runtime.runtime import program_store

    report_store.clear()
    program_store.clear()  # what Python functions became: of no use to count, and made anew in milliseconds
    removed = object_cache.clear()
    if as_json:
        write_json({"directory": str(object_cache.directory()), "removed": removed})
        return
    typer.echo(f"removed {_count(removed, 'file', 'files')} from {object_cache.directory()}")


def _count(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"


def size_text(count: int) -> str:
    """``3276`` -> ``3.2 KiB``."""
    value = float(count)
    for unit in ("bytes", "KiB", "MiB"):
        if value < 1024:
            return f"{value:.3g} {unit}" if unit != "bytes" else f"{count} bytes"
        value /= 1024
    return f"{value:.3g} GiB"


def age_text(seconds: float) -> str:
    """``7200`` -> ``2 h ago``, in the largest unit of which there are two."""
    for unit, length in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"
