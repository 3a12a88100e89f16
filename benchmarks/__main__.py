"""`python -m benchmarks`: options enter, tables of iris beside its peers leave (`--json` for a file too)."""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from benchmarks import (
    arrays,
    engine,
    host_costs,
    machine,
    peers,
    products,
    report,
    residency,
    throughput,
    tuning,
)
from benchmarks.goals import Figure
from metal_runtime.settings import worker_threads

PARTS = ("throughput", "host", "residency", "engine", "products", "arrays", "tuning")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures the wanted parts and prints them."""
    options = _options(arguments)
    # Into a file or a pipe go lines that are wide enough for every table.
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    versions = peers.versions()
    installed = {p for p, version in versions.items() if version is not None}
    if options.peers:
        installed &= {"iris", "iris ops", *options.peers}
    about = {
        "processor": machine.processor(),
        "threads": worker_threads(),
        "python": platform.python_version(),
        "versions": versions,
    }
    _introduce(console, about)
    results: list[throughput.Throughput] = []
    groups: dict[str, list[Figure]] = {}

    def show(title: str, figures: list[Figure]) -> None:
        groups[title] = figures
        report.print_figures(console, title, figures)

    with console.status("") as status:
        if "throughput" in options.parts:
            results = throughput.measure(installed, options.size, options.rounds, status.update)
            report.print_throughput(console, results)
            show("Goals of the elementwise kernels", throughput.figures(results))
        if "residency" in options.parts:
            status.update("residency")
            show("Residency: a + b over 1,000,000 float32", residency.figures(options.rounds))
        if "host" in options.parts:
            show("Host costs", host_costs.figures(installed, status.update))
        if "engine" in options.parts:
            show("Threadgroups", engine.figures(options.rounds, status.update))
        if "products" in options.parts:
            show("Matrix products", products.figures(installed, options.rounds, status.update))
        if "arrays" in options.parts:
            show("Array expressions", arrays.figures(installed, options.rounds, status.update))
        if "tuning" in options.parts:
            show("Tuning", tuning.figures(options.rounds, status.update))
    if options.json:
        options.json.write_text(json.dumps(report.as_json(about, results, groups), indent=1) + "\n")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "parts", nargs="*", help=f"what to measure: {', '.join(PARTS)}; all if none"
    )
    parser.add_argument("--size", type=int, default=16_000_000, help="elements of each array")
    parser.add_argument("--rounds", type=int, default=15, help="how often everything is timed")
    parser.add_argument("--peers", nargs="+", metavar="NAME", choices=sorted(peers.PEERS))
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there too")
    options = parser.parse_args(arguments)
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"unknown part: {', '.join(sorted(unknown))}")
    options.parts = options.parts or list(PARTS)
    return options


def _introduce(console: Console, about: dict[str, object]) -> None:
    versions = about["versions"]
    assert isinstance(versions, dict)
    console.print(
        f"[bold]{about['processor']}[/], {about['threads']} threads, Python {about['python']}"
    )
    modules = {module: versions[peer] for peer, module in peers.PEERS.items()}
    console.print(", ".join(f"{m} {v or 'not installed'}" for m, v in modules.items()), style="dim")


if __name__ == "__main__":
    main()
