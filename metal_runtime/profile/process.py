"""``IRIS_PROFILE`` in; a profile of the whole process out, when it ends: to stderr, or into a file."""

from __future__ import annotations

import atexit
import os
import sys

from metal_runtime import settings
from metal_runtime.errors import IrisError
from metal_runtime.profile.profile import Profile, profile

_running: list[Profile] = []


def begin() -> None:
    """Records from now until the interpreter ends; once for a process. A child of a fork is not profiled."""
    if not _running:
        _running.append(profile())
        _running[0].__enter__()
        atexit.register(_end, _running[0], os.getpid(), settings.profile_wish())


def _end(found: Profile, pid: int, wish: str | None) -> None:
    if os.getpid() != pid or wish is None:
        return
    try:
        found.__exit__(None, None, None)
    except IrisError as fault:
        print(f"iris: {fault}", file=sys.stderr)
    print(found, file=sys.stderr)
    if wish != "1":
        try:
            found.save(wish)
        except (IrisError, OSError) as error:
            print(f"iris: the profile is not saved: {error}", file=sys.stderr)
