"""`iris devices`: nothing enters, the devices that this machine can run kernels on leave."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from metal_runtime.cli.console import stdout

if TYPE_CHECKING:
    from metal_runtime.device.protocol import DeviceTraits


def devices(
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
) -> None:
    """List the devices that kernels can run on."""
    found, missing = _open_all()
    if as_json:
        typer.echo(
            json.dumps({"devices": [asdict(t) for t in found], "missing": missing}, indent=2)
        )
        return
    _print_table(found, missing)


def _open_all() -> tuple[list[DeviceTraits], dict[str, str]]:
    """The traits of every device that opens; of the other backends, why they do not."""
    from metal_runtime.device.registry import backend_names, open_device
    from metal_runtime.errors import IrisError

    found, missing = [], {}
    for name in backend_names():
        try:
            device = open_device(name)
        except IrisError as reason:
            missing[name] = reason.message
            continue
        found.append(device.traits)
        device.close()
    return found, missing


def _print_table(found: list[DeviceTraits], missing: dict[str, str]) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bright_black")
    table.add_column("device", style="bold")
    table.add_column("name")
    table.add_column("units", justify="right")
    table.add_column("threads a group", justify="right")
    table.add_column("simd", justify="right")
    table.add_column("memory", justify="right")
    for traits in found:
        gibibytes = f"{traits.memory_bytes / 2**30:.1f} GiB" if traits.memory_bytes else ""
        table.add_row(
            traits.backend,
            escape(traits.name),
            str(traits.compute_units),
            str(traits.max_threads_per_threadgroup),
            str(traits.simd_width),
            gibibytes,
        )
    console = stdout()
    console.print(table)
    for traits in found:
        console.print(
            f"{traits.backend}: {traits.toolchain}",
            style="bright_black",
            markup=False,
            soft_wrap=True,
        )
    for name, reason in missing.items():
        console.print(f"{name}: {reason}", style="bright_black", markup=False, soft_wrap=True)
