"""The environment variables that iris obeys, read when asked for."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from metal_runtime.errors import IrisError


def cache_dir() -> Path:
    """``IRIS_CACHE_DIR``, or ``iris`` below the user's cache folder (``XDG_CACHE_HOME``, ``~/.cache``)."""
    own = os.environ.get("IRIS_CACHE_DIR")
    if own:
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "iris"


def worker_threads() -> int:
    """``IRIS_THREADS``, or the number of processors this process may use. Raises IrisError for no count."""
    own = os.environ.get("IRIS_THREADS")
    if own:
        return int(_positive("IRIS_THREADS", own, whole=True))
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS
        return os.cpu_count() or 1


def time_limit() -> float:
    """``IRIS_TIME_LIMIT``: seconds after which a kernel that still runs is ended as faulty (default 60)."""
    return _positive("IRIS_TIME_LIMIT", os.environ.get("IRIS_TIME_LIMIT") or "60", whole=False)


def _positive(name: str, text: str, *, whole: bool) -> float:
    try:
        value = float(int(text) if whole else float(text))
    except ValueError:
        value = 0.0
    if not value > 0:
        kind = "a whole number" if whole else "a number"
        raise IrisError(f"{name} is {text!r}", hint=f"set it to {kind} above 0, or unset it")
    return value


def device_name() -> str:
    """``IRIS_DEVICE``: the backend that programs run on; by default ``metal`` on a Mac, ``cpu`` elsewhere."""
    return os.environ.get("IRIS_DEVICE") or ("metal" if sys.platform == "darwin" else "cpu")


def metal_debug() -> bool:
    """``IRIS_METAL_DEBUG=1``: Metal's validation layer is on and errors name the launch; every launch takes longer."""
    return os.environ.get("IRIS_METAL_DEBUG", "") not in ("", "0")


def eager() -> bool:
    """``IRIS_EAGER=1``: every operator on arrays runs at once, as a kernel of its own."""
    return os.environ.get("IRIS_EAGER", "") not in ("", "0")


def strategy_wish() -> str | None:
    """``IRIS_STRATEGY``: how the CPU device shall run threadgroups: ``loops``, ``regions`` or ``fibers``.

    Raises IrisError for any other text. Only kernels that can run so do; the others raise LaunchError.
    """
    own = os.environ.get("IRIS_STRATEGY")
    if own and own not in ("loops", "regions", "fibers"):
        raise IrisError(
            f"IRIS_STRATEGY is {own!r}", hint="set it to loops, regions or fibers, or unset it"
        )
    return own or None


def tuning() -> bool:
    """``IRIS_TUNE=0``: kernels with ``tile=`` run in their default configuration, nothing is measured or looked up."""
    own = os.environ.get("IRIS_TUNE") or "1"
    if own not in ("0", "1"):
        raise IrisError(f"IRIS_TUNE is {own!r}", hint="set it to 0 or 1, or unset it")
    return own == "1"


def tuning_library() -> bool:
    """``IRIS_TUNE=1``, and not where it is unset: the tiles of the library's products are measured too."""
    return os.environ.get("IRIS_TUNE") == "1"


def log_level() -> str | None:
    """``IRIS_LOG``: how much of iris' log is written to standard error: ``debug``, ``info``, ``warning``, ``error`` or ``critical``.

    Raises IrisError for any other text.
    """
    own = os.environ.get("IRIS_LOG") or None
    if own is not None and own.lower() not in ("debug", "info", "warning", "error", "critical"):
        raise IrisError(
            f"IRIS_LOG is {own!r}",
            hint="set it to debug, info, warning, error or critical, or unset it",
        )
    return own


def inspectable() -> bool:
    """``IRIS_INSPECT=0``: no other process of the user can look into this one."""
    own = os.environ.get("IRIS_INSPECT") or "1"
    if own not in ("0", "1"):
        raise IrisError(f"IRIS_INSPECT is {own!r}", hint="set it to 0 or 1, or unset it")
    return own == "1"


def profile_wish() -> str | None:
    """``IRIS_PROFILE``: ``1`` prints a profile of the whole process when it ends, ``FILE.json`` or ``FILE.html`` saves it, too.

    Raises IrisError for anything else but ``0``.
    """
    own = os.environ.get("IRIS_PROFILE") or "0"
    if own in ("0", "1"):
        return "1" if own == "1" else None
    if Path(own).suffix.lower() not in (".json", ".html", ".htm"):
        raise IrisError(
            f"IRIS_PROFILE is {own!r}", hint="set it to 1, FILE.json or FILE.html, or unset it"
        )
    return own
