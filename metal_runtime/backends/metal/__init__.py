"""The Metal device: Apple's GPUs through pyobjc; ``protocols.py`` is what of Metal's API it uses."""

from __future__ import annotations

import importlib.util
import sys


def can_run_here() -> bool:
    """On a Mac, even where the bindings are missing: opening the device says so. Elsewhere with bindings only."""
    if sys.platform == "darwin" or "Metal" in sys.modules:
        return True
    return importlib.util.find_spec("Metal") is not None
