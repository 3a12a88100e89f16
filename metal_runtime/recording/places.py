"""The line of the user's program that called into iris."""

from __future__ import annotations

import contextlib
import os
import sys

RawPlace = tuple[str, int]
"""A Place that is one only once it is read: a plain tuple is made in a fifth of the time."""

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_is_ours: dict[str, bool] = {contextlib.__file__: True}
"""By file name, as code objects have it; a block that ends is left through contextlib."""


def caller() -> RawPlace | None:
    """The innermost line outside of this package; None where there is none, as at the interpreter's end."""
    frame = sys._getframe(1)
    while frame:
        file = frame.f_code.co_filename
        ours = _is_ours.get(file)
        if ours is None:
            ours = _is_ours[file] = file.startswith((_PACKAGE, "<frozen "))
        if not ours:
            return file, frame.f_lineno
        frame = frame.f_back  # type: ignore[assignment]
    return None
