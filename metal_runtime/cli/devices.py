"""`iris devices`: nothing enters, the devices that this machine can run kernels on leave, and why the others cannot."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from metal_runtime.cli.console import stdout
from metal_runtime.cli.json_report import AsJson, write_json

if TYPE_CHECKING:
    from metal_runtime.device.protocol import DeviceTraits

_ANY_SIZE = 2**48  # bytes: what the traits say where nothing but memory limits a buffer


def devices(
    require: Annotated[list[str] | None, typer.Option(metavar="DEVICE", help="Fail unless this device opens; may be repeated.")] = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """List the devices that kernels can run on, with their families, memory and limits."""
    found, missing = _open_all()
    if as_json:
        write_json({"devices": [asdict(t) for t in found], "missing": missing})
    else:
        _print_table(found, missing)
    _check_required(require or [], found, missing)


def _open_all() -> tuple[list[DeviceTraits], dict[str, str]]:
    """The traits of every device that opens; of the other backends, why they do not."""
    from metal_runtime.device.registry import known_backends, open_device
    from metal_runtime.errors import IrisError

    found, missing = [], {}
    for name in known_backends():
        try:
            device = open_device(name)
        except IrisError as reason:
            missing[name] = reason.message
            continue
        found.append(device.traits)
        device.close()
    return found, missing


def _check_required(wanted: list[str], found: list[DeviceTraits], missing: dict[str, str]) -> None:
    opened = {traits.backend for traits in found}
    for name in wanted:
        if name not in opened:
            reason = missing.get(name, "there is no device of this name")
            typer.echo(f"iris: {name} does not open: {reason}", err=True)
            raise typer.Exit(1)


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
        table.add_row(
            traits.backend,
            escape(traits.name),
            str(traits.compute_units),
            str(traits.max_threads_per_threadgroup),
            str(traits.simd_width),
            _size(traits.memory_bytes) if traits.memory_bytes else "",
        )
    console = stdout()
    console.print(table)
    for line in [*(f"{t.backend}: {text}" for t in found for text in _details(t)),
                 *(f"{name}: {reason}" for name, reason in missing.items())]:  # fmt: skip
        console.print(line, style="bright_black", markup=False, highlight=False, soft_wrap=True)


def _details(traits: DeviceTraits) -> list[str]:
    limits = f"{_size(traits.max_threadgroup_memory)} of threadgroup memory"
    if traits.max_buffer_bytes < _ANY_SIZE:
        limits += f", buffers up to {_size(traits.max_buffer_bytes)}"
    families = [f"families {' '.join(traits.families)}"] if traits.families else []
    return [*families, limits, traits.toolchain]


def _size(count: int) -> str:
    for unit, name in ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if count >= unit:
            return f"{count / unit:.4g} {name}"
    return f"{count} bytes"
