"""The line of the user's program that called into iris: an instruction while it runs, a line once somebody reads it."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from types import CodeType

from metal_runtime.recording.events import Place

RawPlace = tuple[CodeType, int]
"""Code, and how many bytes into it the instruction stands: to ask a frame for its line takes longer."""

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_is_ours: dict[str, bool] = {contextlib.__file__: True}
"""By file name, as code objects have it; a block that ends is left through contextlib."""


def caller(ours: int = 1) -> RawPlace | None:
    """The innermost place outside of this package; None where there is none, as at the interpreter's end.

    ``ours``: frames, this function's among them, that are surely iris' own and need not be looked at.
    """
    frame = sys._getframe(ours)
    while frame:
        code = frame.f_code
        file = code.co_filename
        if not (_is_ours[file] if file in _is_ours else _found_ours(file)):
            return code, frame.f_lasti
        frame = frame.f_back  # type: ignore[assignment]
    return None


def _found_ours(file: str) -> bool:
    found = _is_ours[file] = file.startswith((_PACKAGE, "<frozen "))
    return found


@functools.lru_cache(maxsize=4096)
def line_of(code: CodeType, instruction: int) -> int:
    """The line of an instruction."""
    for begin, end, line in code.co_lines():
        if begin <= instruction < end and line is not None:
            return line
    return code.co_firstlineno


def place_of(raw: RawPlace | None) -> Place | None:
    """A place as it is read."""
    return None if raw is None else Place(raw[0].co_filename, line_of(*raw))
