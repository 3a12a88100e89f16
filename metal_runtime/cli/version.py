"""The versions that a report of a fault needs, read from the installed packages' metadata."""

from __future__ import annotations

import platform
from importlib import metadata

from metal_runtime._version import __version__


def version_text() -> str:
    """One line: iris, Python, NumPy, the compiler's wheel, and the machine."""
    packages = [f"{name} {metadata.version(name)}" for name in ("numpy", "ziglang")]
    python, machine = platform.python_version(), f"{platform.system()} {platform.machine()}"
    return f"iris {__version__} (Python {python}, {', '.join(packages)}, {machine})"
