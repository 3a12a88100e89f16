"""`iris profile`: a Python script enters; what its kernels, streams and memory did leaves. Or two saved profiles, and what changed."""

from __future__ import annotations

import runpy
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from metal_runtime.cli.console import stdout
from metal_runtime.cli.json_report import AsJson, script_output, write_json

if TYPE_CHECKING:
    from metal_runtime.profile import Profile

_HTML = typer.Option(metavar="FILE.html", help="Write a page.")
_DIFF = typer.Option("--diff", help="Compare two saved profiles: --diff A.json B.json.")


def profile(
    script: Annotated[
        Path, typer.Argument(metavar="SCRIPT.py", exists=True, dir_okay=False, help="It is run.")
    ],
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="[ARGUMENT]...", help="Those of the script.")
    ] = None,
    save: Annotated[
        Path | None, typer.Option(metavar="FILE.json", help="Write a trace for Perfetto.")
    ] = None,
    html: Annotated[Path | None, _HTML] = None,
    diff: Annotated[bool, _DIFF] = False,
    as_json: AsJson = False,
) -> None:
    """Run a script, and show where its time and memory went."""
    if diff:
        _diff(script, arguments or [], as_json)
        return
    from metal_runtime.profile.table import WIDTH

    with script_output(as_json):
        found = _run(script, arguments or [])
    if save is not None:
        found.save(save)
    if html is not None:
        found.save(html)
    if as_json:
        write_json(_json(found))
        return
    console = stdout()
    if not console.is_terminal:
        console.width = WIDTH
    for part in (found.table(), found.timeline(), found.memory()):
        console.print(part)
        console.print()


def _run(script: Path, arguments: list[str]) -> Profile:
    """The profile of a script; one that ends itself by ``sys.exit`` has it, too, and fails as it would."""
    from metal_runtime.profile import profile as profile_of

    before = sys.argv
    sys.argv = [str(script), *arguments]
    path = sys.path[:]
    sys.path.insert(0, str(script.resolve().parent))  # as `python SCRIPT.py` does
    try:
        with profile_of() as found:
            try:
                runpy.run_path(str(script), run_name="__main__")
            except SystemExit as end:
                if end.code not in (None, 0):
                    print(f"iris: the script ended with {end.code}", file=sys.stderr)
    finally:
        sys.argv, sys.path[:] = before, path
    return found


def _diff(first: Path, others: list[str], as_json: bool) -> None:
    from metal_runtime.profile import load
    from metal_runtime.profile.comparison import compare, comparison_table

    if len(others) != 1:
        raise typer.BadParameter("--diff takes two saved profiles: A.json B.json")
    before, after = load(first).recording, load(others[0]).recording
    if as_json:
        write_json([asdict(change) for change in compare(before, after)])
    else:
        console = stdout()
        console.width = max(console.width, 100)
        console.print(comparison_table(before, after))


def _json(found: Profile) -> dict[str, object]:
    from metal_runtime.profile.memory import live_lines
    from metal_runtime.profile.notes import notes
    from metal_runtime.profile.timeline import timeline

    lanes = timeline(found.recording)
    return {
        "length_ns": lanes.end - lanes.begin,
        "dropped": found.recording.dropped,
        "notes": notes(found.recording),
        "kernels": [asdict(row) for row in found.kernels],
        "lanes": [
            {"name": lane.name, "spans": len(lane.spans), "busy_ns": lane.busy_ns, "gap_ns": lane.gap_ns}
            for lane in (*lanes.streams, *lanes.threads)
        ],
        "live": [
            {**asdict(line), "is_suspect": line.is_suspect} for line in live_lines(found.recording)
        ],
    }  # fmt: skip
