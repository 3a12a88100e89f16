"""How the threads of a threadgroup run on a CPU: a kernel's model and a wish in, the strategy out."""

from __future__ import annotations

from metal_runtime.errors import LaunchError
from metal_runtime.msl.library import KernelModel, Library

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


def choose_strategy(library: Library, kernel: KernelModel, wish: str | None) -> str:
    """The strategy of a kernel. Raises LaunchError when it cannot run as wished."""
    possible = [FIBERS] if shares_memory(kernel) else [LOOPS, FIBERS]
    if wish is None:
        return possible[0]
    if wish not in possible:
        raise LaunchError(
            f"it cannot run by {wish}, only by {' or '.join(possible)}",
            kernel=kernel.signature.name,
        )
    return wish
