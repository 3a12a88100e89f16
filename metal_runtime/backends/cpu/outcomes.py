"""How launches end: the native runtime's outcome in, the exception to raise out."""

from __future__ import annotations

import enum

from metal_runtime.device.launch_config import LaunchConfig
from metal_runtime.errors import DeviceMemoryError, KernelFault, LaunchError


class Outcome(enum.IntEnum):
    """How a launch ended; the values stand in native/threads.h too."""

    FINISHED = 0
    DIVISION = 1
    MEMORY = 2
    TRAP = 3
    TIME_LIMIT = 4
    INTERRUPTED = 5
    INVALID = 6
    NO_THREADS = 7


def exception_of(
    outcome: Outcome, kernel: str, config: LaunchConfig, *, address: int, time_limit: float
) -> BaseException:
    """What a launch that ended so raises; ``address`` is the one a MEMORY fault touched, 0 if unknown."""
    match outcome:
        case Outcome.DIVISION:
            return KernelFault(
                "an integer was divided by zero (or the smallest integer by -1)",
                kernel=kernel,
                hint="test the divisor in the kernel",
            )
        case Outcome.MEMORY:
            where = f"address {address:#x}" if address else "an address"
            return KernelFault(
                f"it touched {where} outside its buffers",
                kernel=kernel,
                hint="compare indices with the number of elements in the kernel",
            )
        case Outcome.TRAP:
            return KernelFault(
                "it ran into a trap: an integer divided by zero, or code that cannot be reached",
                kernel=kernel,
            )
        case Outcome.TIME_LIMIT:
            return KernelFault(
                f"it still ran after {time_limit:g} seconds and was ended",
                kernel=kernel,
                hint="look for a loop without end, or set IRIS_TIME_LIMIT to more seconds",
            )
        case Outcome.INTERRUPTED:
            return KeyboardInterrupt()
        case Outcome.NO_THREADS:
            return DeviceMemoryError("the system has no memory for a thread")
    return LaunchError(
        f"grid {config.grid} with threadgroups of {config.threadgroup} cannot be launched",
        kernel=kernel,
    )
