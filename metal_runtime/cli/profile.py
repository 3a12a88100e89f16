"""`iris profile`: a Python script enters; what its kernels, streams and memory did leaves. Or two saved profiles, and what changed."""

from __future__ import annotations

import contextlib
import os
import runpy
import sys
import traceback
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated

import typer

from metal_runtime.cli.console import show_error, stdout
from metal_runtime.cli.json_report import AsJson, script_output, write_json
from metal_runtime.errors import IrisError

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
    with script_output(as_json):
        found, status = _run(script, arguments or [])
    if save is not None:
        found.save(save)
    if html is not None:
        found.save(html)
    if as_json:
        write_json(_json(found))
    else:
        _print(found)
    raise typer.Exit(status)


def _print(found: Profile) -> None:
    from metal_runtime.profile.drawing import drawn_memory, lanes_of
    from metal_runtime.profile.table import WIDTH

    console = stdout()
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = WIDTH
    parts = found.table(), lanes_of(found.recording), drawn_memory(found.recording)
    for part in parts:
        console.print(part)
        console.print()


@contextlib.contextmanager
def _as_main(script: Path, arguments: list[str]) -> Iterator[None]:
    """The block sees the arguments and the import path that `python SCRIPT.py` would give it."""
    before, path = sys.argv, sys.path[:]
    sys.argv = [str(script), *arguments]
    sys.path.insert(0, str(script.resolve().parent))
    try:
        yield
    finally:
        sys.argv, sys.path[:] = before, path


def _run(script: Path, arguments: list[str]) -> tuple[Profile, int]:
    """The profile of a script, however it ends, and the status that `python SCRIPT.py` would end with."""
    from metal_runtime.profile import profile as profile_of

    found = profile_of()
    try:
        with _as_main(script, arguments), found:
            status, _kept = _main(script)  # kept: what the script's globals hold is memory in use
    except IrisError as fault:  # of a launch that nobody waited for
        show_error(fault)
        return found, 1
    return found, status


def _main(script: Path) -> tuple[int, object]:
    """The status that a script ends with, and what keeps its globals alive."""
    try:
        return 0, runpy.run_path(str(script), run_name="__main__")
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0, end
        print(end.code, file=sys.stderr)
        return 1, end
    except (Exception, KeyboardInterrupt) as error:
        traceback.print_exception(type(error), error, _own_frames(error.__traceback__))
        return (130 if isinstance(error, KeyboardInterrupt) else 1), error


def _own_frames(at: TracebackType | None) -> TracebackType | None:
    """A traceback without the frames that lead from the command line to the script."""
    while at is not None and at.tb_frame.f_code.co_filename in (__file__, "<frozen runpy>"):
        at = at.tb_next
    return at


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
    from metal_runtime.profile.units import place_text

    lanes = timeline(found.recording)
    return {
        "length_ns": lanes.end - lanes.begin,
        "dropped": found.recording.dropped,
        "notes": notes(found.recording),
        "kernels": [{**asdict(row), "line": place_text(row.place)} for row in found.kernels],
        "lanes": [
            {"name": lane.name, "spans": len(lane.spans), "busy_ns": lane.busy_ns, "gap_ns": lane.gap_ns}
            for lane in (*lanes.streams, *lanes.threads)
        ],
        "live": [
            {**asdict(line), "is_suspect": line.is_suspect} for line in live_lines(found.recording)
        ],
    }  # fmt: skip
