"""How the threads of a threadgroup run on a CPU: a kernel's model and a wish in, the strategy out."""

from __future__ import annotations

import functools
import re

from metal_runtime.errors import LaunchError
from metal_runtime.msl.body_edits import Unsplittable
from metal_runtime.msl.library import KernelModel, Library
from metal_runtime.msl.meetings import find_meetings
from metal_runtime.msl.region_plan import RegionPlan, plan_regions

LOOPS = "loops"
"""Each thread alone, in vectorised loops."""

REGIONS = "regions"
"""Between two meetings, in vectorised loops."""

FIBERS = "fibers"
"""Each thread on a stack of its own."""

STRATEGIES = (LOOPS, REGIONS, FIBERS)


def shares_memory(kernel: KernelModel) -> bool:
    """Whether the threads of a threadgroup have something to do with each other."""
    return bool(
        kernel.meetings or kernel.threadgroup_variables or kernel.signature.threadgroup_arguments
    )


def choose_strategy(
    library: Library, kernel: KernelModel, wish: str | None
) -> tuple[str, RegionPlan | None]:
    """The strategy of a kernel, and how regions run it. Raises LaunchError when it cannot run as wished."""
    if not shares_memory(kernel) and wish in (None, LOOPS) and not _meets_unseen(library):
        return LOOPS, None
    if wish == FIBERS or (wish is None and _meets_unseen(library)):
        return FIBERS, None
    try:
        if wish != LOOPS:
            return REGIONS, plan_regions(library, kernel)
        reason = "its threads meet or share memory"
    except Unsplittable as why:
        if wish is None:
            return FIBERS, None
        token = library.prepared.tokens[why.index]
        reason = f"{why.reason} ({library.prepared.span(token)})"
    raise LaunchError(f"it cannot run by {wish}: {reason}", kernel=kernel.signature.name)


_MATRIX_TYPES = re.compile(r"simdgroup_(?:matrix|(?:float|half|bfloat)\w*)")


@functools.lru_cache(maxsize=64)
def _meets_unseen(library: Library) -> bool:
    """Whether threads may meet in code outside the functions that were found.

    In a lambda at program scope, a member's initial value, a function that the scanner did not read as one.
    """
    start = 0
    for function in sorted(library.functions, key=lambda f: f.start):
        if _meets_in(library, range(start, function.start)):
            return True
        start = max(start, function.end)
    return _meets_in(library, range(start, len(library.prepared.tokens)))


def _meets_in(library: Library, where: range) -> bool:
    found = find_meetings(library.prepared.tokens, -1, where, frozenset())
    return any(_MATRIX_TYPES.fullmatch(meeting.name) is None for meeting in found)
