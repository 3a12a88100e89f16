"""What a command reports, or the error that ended it, in; one JSON document on stdout out. The scripts that commands run print to stderr then."""

from __future__ import annotations

import contextlib
import enum
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from metal_runtime.errors import CompileError, IrisError, LaunchError
from metal_runtime.source import SourceSpan

_asked = False


def _note(value: bool) -> bool:
    global _asked
    _asked = value
    return value


AsJson = Annotated[bool, typer.Option("--json", help="Write JSON, errors too.", callback=_note)]
"""The option of every command that reports."""


def json_is_asked() -> bool:
    """Whether the command line of this process had ``--json``."""
    return _asked


def forget() -> None:
    """Another command line begins in this process."""
    _note(False)


def write_json(report: Any) -> None:
    """Writes the command's one document."""
    typer.echo(json.dumps(report, indent=2, default=_plain))


def _plain(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} in a report")


@contextlib.contextmanager
def script_output(as_json: bool) -> Iterator[None]:
    """While the block runs, what Python prints goes to stderr if stdout is to be JSON."""
    with contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext():
        yield


def error_report(error: IrisError) -> dict[str, Any]:
    """``{"error": {...}}``: the class, the message, the hint, the place, the notes; what an error has not is null."""
    report: dict[str, Any] = {
        "type": type(error).__name__,
        "message": error.message,
        "hint": error.hint,
        **_place(None),
        "notes": [],
    }
    if isinstance(error, CompileError):
        report |= _place(error.span)
        report["notes"] = [{"message": n.message, **_place(n.span)} for n in error.notes]
    if isinstance(error, LaunchError):
        report |= {"kernel": error.kernel, "parameter": error.parameter}
    return {"error": report}


def _place(span: SourceSpan | None) -> dict[str, Any]:
    names = ("file", "line", "column", "end_line", "end_column")
    if span is None:
        return dict.fromkeys(names)
    return {name: getattr(span, name) for name in names}
