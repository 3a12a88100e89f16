"""iris: write GPU kernels in Python or MSL, run that one MSL text on every device."""

from metal_runtime._version import __version__

__all__ = ["__version__"]
