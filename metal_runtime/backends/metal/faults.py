"""How a command buffer failed: its NSError and its launches in, the IrisError that names the launch out."""

from __future__ import annotations

from collections.abc import Sequence

from metal_runtime.backends.metal import constants
from metal_runtime.backends.metal.commands import Command, Launch
from metal_runtime.backends.metal.encoding import launch_label
from metal_runtime.backends.metal.protocols import Framework, NSError
from metal_runtime.errors import (
    DeviceError,
    DeviceMemoryError,
    InternalError,
    IrisError,
    KernelFault,
)

_MOST_NAMED = 4

# Code -> what happened and what to do, where it is the kernel's doing.
_KERNEL_FAULTS: dict[int, tuple[str, str | None]] = {
    constants.MTLCommandBufferErrorInternal: (
        "Metal failed while it ran, and does not say why",
        "a loop without end, or memory that is not its own, can be the reason: run it on the cpu device",
    ),
    constants.MTLCommandBufferErrorTimeout: (
        "it ran longer than the system lets a GPU work on one thing, and was ended",
        "look for a loop without end, or launch fewer threads at once",
    ),
    constants.MTLCommandBufferErrorPageFault: (
        "it touched memory outside its buffers",
        "compare indices with the number of elements in the kernel",
    ),
    constants.MTLCommandBufferErrorStackOverflow: (
        "a thread used more than its stack",
        "keep large arrays in device or threadgroup memory, and end recursion sooner",
    ),
}
_DEVICE_ERRORS: dict[int, tuple[str, str | None]] = {
    constants.MTLCommandBufferErrorAccessRevoked: (
        "Metal ignored it after an earlier error, or lets this process use the GPU no more",
        "find the kernel that failed first; where every launch fails, start the process anew",
    ),
    constants.MTLCommandBufferErrorNotPermitted: (
        "the system lets no work of this process run on the GPU now",
        "an application in the background may not use the GPU",
    ),
    constants.MTLCommandBufferErrorDeviceRemoved: ("the GPU was removed", None),
}


def fault_of(error: NSError | None, commands: Sequence[Command], framework: Framework) -> IrisError:
    """The error of a batch that failed. Metal's own words stand at its end."""
    code = 0 if error is None else error.code()
    words = "" if error is None else f" (Metal: {error.localizedDescription().strip()})"
    launches = _suspects(error, commands, framework)
    which = _which(launches)
    if code == constants.MTLCommandBufferErrorOutOfMemory:
        return DeviceMemoryError(
            f"the device had no memory to run {which}{words}",
            hint="close buffers first, or work in smaller parts",
        )
    if code in _DEVICE_ERRORS:
        text, hint = _DEVICE_ERRORS[code]
        return DeviceError(f"{which}: {text}{words}", hint=hint)
    if code in _KERNEL_FAULTS and launches:
        text, hint = _KERNEL_FAULTS[code]
        return KernelFault(f"{text}; it was {which}{words}", kernel=launches[0].kernel, hint=hint)
    return InternalError(f"Metal ended {which} with error {code}{words}")


def time_limit_fault(commands: Sequence[Command], seconds: float) -> KernelFault:
    """The error of a batch that did not end."""
    launches = [command for command in commands if isinstance(command, Launch)]
    return KernelFault(
        f"it still ran after {seconds:g} seconds; it was {_which(launches)}",
        kernel=launches[0].kernel if launches else "(none)",
        hint="look for a loop without end, or set IRIS_TIME_LIMIT to more seconds",
    )


def _suspects(
    error: NSError | None, commands: Sequence[Command], framework: Framework
) -> list[Launch]:
    """The launch that failed where Metal tells (debug mode), else all of them."""
    info = None if error is None else error.userInfo()
    encoders = () if info is None else info.get(framework.encoder_info_key) or ()
    faulted = {
        encoder.label()
        for encoder in encoders
        if encoder.errorState() == constants.MTLCommandEncoderErrorStateFaulted
    }
    launches = [(i, c) for i, c in enumerate(commands) if isinstance(c, Launch)]
    found = [launch for i, launch in launches if launch_label(i) in faulted]
    return found or [launch for _, launch in launches]


def _which(launches: Sequence[Launch]) -> str:
    if not launches:
        return "a copy"
    if len(launches) == 1:
        return f"the launch of {launches[0]}"
    kinds = list({launch.kernel: launch for launch in launches}.values())
    named = "; ".join(map(str, kinds[:_MOST_NAMED]))
    more = f"; and {len(kinds) - _MOST_NAMED} other kernels" if len(kinds) > _MOST_NAMED else ""
    return (
        f"one of {len(launches)} launches ({named}{more}; IRIS_METAL_DEBUG=1 makes Metal say which)"
    )
