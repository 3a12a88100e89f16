"""`iris explain`: a Python script enters; what its array operators were fused to, and why not more, leaves."""

from __future__ import annotations

import runpy
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from metal_runtime.cli.console import highlighted, stdout
from metal_runtime.cli.json_report import AsJson, script_output, write_json

if TYPE_CHECKING:
    from metal_runtime.graph.explain import Explanation


def explain(
    script: Annotated[
        Path, typer.Argument(metavar="SCRIPT.py", exists=True, dir_okay=False, help="It is run.")
    ],
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="[ARGUMENT]...", help="Those of the script.")
    ] = None,
    svg: Annotated[
        Path | None, typer.Option(metavar="FILE.svg", help="Draw the graphs into a file.")
    ] = None,
    msl: Annotated[bool, typer.Option("--msl", help="Show the text of every kernel.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run a script, and show which of its array operators ran as one kernel."""
    from metal_runtime.graph.explain import explanation
    from metal_runtime.graph.recorder import recorder_here

    graph = recorder_here()
    before = sys.argv
    sys.argv = [str(script), *(arguments or [])]
    try:
        with graph.observed() as ran, script_output(as_json):
            runpy.run_path(str(script), run_name="__main__")
    finally:
        sys.argv = before
    report = explanation(ran)
    if svg is not None:
        svg.write_text(report.svg(), "utf-8")
    if as_json:
        write_json(_json(report))
        return
    console = stdout()
    console.print(str(report), markup=False, highlight=False)
    if msl:
        for text in dict.fromkeys(step.msl for step in report.steps):
            console.print()
            console.print(highlighted(text, "msl"))


def _json(report: Explanation) -> dict[str, object]:
    return {
        "operators": report.operators,
        "moved_bytes": report.moved_bytes,
        "eager_bytes": report.eager_bytes,
        "kernels": [asdict(kernel) for kernel in report.kernels],
        "launches": [asdict(launch) for launch in report.launches],
        "order": [step.name for step in report.steps],
    }
