"""A process id or the path of a trace file in; something to look at out."""

from __future__ import annotations

import os

from metal_runtime.errors import IrisError
from metal_runtime.inspect.attachment import attach
from metal_runtime.inspect.source import SavedTrace, Source
from metal_runtime.profile import trace


def open_source(target: str) -> Source:
    """A running process, or a saved trace. Raises IrisError for what is neither."""
    if target.isdecimal() and not os.path.exists(target):
        return attach(int(target))
    if not os.path.exists(target):
        raise IrisError(
            f"'{target}' is neither a process id nor a trace file",
            hint="`iris top` alone lists the processes; `iris profile SCRIPT.py --save trace.json` saves a trace",
        )
    return SavedTrace(trace.read(target), os.path.basename(target))
