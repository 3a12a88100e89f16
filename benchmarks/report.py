"""Measured results enter; rich tables and one JSON document leave."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.goals import Figure
from benchmarks.measure import Timing
from benchmarks.throughput import Throughput


def print_throughput(console: Console, results: Sequence[Throughput]) -> None:
    """One table a task: median, best, and ratios to iris and to the floor."""
    for family in results:
        ours = {t.task: t for t in family.timings if t.peer == "iris"}
        for task in family.tasks:
            table = _table(f"{task.name}  ·  {family.elements:,} float32, resident")
            for heading in ("", "median ms", "best ms", "x iris", "x iris best", "x floor"):
                table.add_column(heading, justify="right" if heading else "left")
            floor = family.floor(task)
            for timing in family.of(task):
                table.add_row(*_row(timing, ours[task.name], floor), style=_style(timing))
            table.add_row("floor", f"{floor * 1e3:.2f}", "", "", "", "1.00", style="dim")
            console.print(table)
        for contender, reason in family.left_out.items():
            console.print(f"  left out: {contender}: {reason}", style="yellow", markup=False)
        gigabytes = 8 * family.elements / family.copy.median / 1e9
        console.print(
            f"  floor: {gigabytes:.1f} GB/s, the copy of an array on all threads in the same rounds\n"
        )


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, title_style="bold")


def _style(timing: Timing) -> str:
    return "bold green" if timing.peer.startswith("iris") else ""


def _row(timing: Timing, ours: Timing, floor: float) -> list[str]:
    return [
        timing.peer,
        f"{timing.median * 1e3:.2f}",
        f"{timing.best * 1e3:.2f}",
        f"{timing.median / ours.median:.2f}",
        f"{timing.best / ours.best:.2f}",
        f"{timing.median / floor:.2f}",
    ]


def print_figures(console: Console, title: str, figures: Sequence[Figure]) -> None:
    """One table of single figures with their goals and whether they are met."""
    table = _table(title)
    table.add_column("")
    table.add_column("figure", justify="right", no_wrap=True)
    table.add_column("goal", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("note", style="dim")
    for figure in figures:
        verdict = {True: "[green]met[/]", False: "[red]missed[/]", None: ""}[figure.met]
        value = f"{_three_digits(figure.value)} {figure.unit}"
        table.add_row(figure.name, value, figure.goal_text, verdict, figure.note)
    console.print(table)


def _three_digits(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def as_json(
    machine: dict[str, Any], results: Sequence[Throughput], figures: dict[str, list[Figure]]
) -> dict[str, Any]:
    """Everything measured, every round in seconds."""
    return {
        "machine": machine,
        "throughput": [
            {
                "elements": family.elements,
                "copy": family.copy.rounds,
                "left_out": family.left_out,
                "tasks": {
                    task.name: {
                        "floor": family.floor(task),
                        "rounds": {t.peer: t.rounds for t in family.of(task)},
                    }
                    for task in family.tasks
                },
            }
            for family in results
        ],
        "figures": {name: [f.as_json() for f in group] for name, group in figures.items()},
    }
