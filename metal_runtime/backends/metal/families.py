"""What a GPU is and may do: an MTLDevice in, its families and its traits out."""

from __future__ import annotations

from typing import Final

from metal_runtime.backends.metal.protocols import Framework, MTLDevice
from metal_runtime.device.protocol import DeviceTraits
from metal_runtime.errors import DeviceError

FAMILIES: Final[tuple[tuple[str, int], ...]] = (
    *((f"apple{n}", 1000 + n) for n in range(1, 11)),
    ("mac2", 2002),
    ("metal3", 5001),
    ("metal4", 5002),
)
"""Names as ``iris check --family`` knows them, with MTLGPUFamily's values."""

_SIMD_WIDTH = 32
"""Of every Apple GPU. A pipeline tells its own (threadExecutionWidth) and is believed."""


def families(device: MTLDevice) -> tuple[str, ...]:
    """The families that the device is of, from the least to the greatest."""
    return tuple(name for name, value in FAMILIES if device.supportsFamily_(value))


def is_virtual(device: MTLDevice) -> bool:
    """Whether this is the device of a virtual machine, on which archives and residency sets do not work."""
    return "paravirtual" in device.name().lower()


def check_can_run(device: MTLDevice) -> None:
    """Raises DeviceError for a GPU that cannot launch grids of any size (dispatchThreads needs Apple4 or Mac2)."""
    of = set(families(device))
    if not of & {"mac2", *(f"apple{n}" for n in range(4, 11))}:
        known = ", ".join(sorted(of)) or "none that is known"
        raise DeviceError(
            f"{device.name()} is too old: iris needs the GPU family apple4 or mac2, this is of {known}"
        )


def traits_of(device: MTLDevice, framework: Framework) -> DeviceTraits:
    """The traits of a device; ``toolchain`` names the system, whose compiler it is."""
    return DeviceTraits(
        name=device.name(),
        backend="metal",
        max_threads_per_threadgroup=device.maxThreadsPerThreadgroup()[0],
        max_threadgroup_memory=device.maxThreadgroupMemoryLength(),
        simd_width=_SIMD_WIDTH,
        max_buffer_bytes=device.maxBufferLength(),
        memory_bytes=device.recommendedMaxWorkingSetSize(),
        unified_memory=device.hasUnifiedMemory(),
        families=families(device),
        timing="by command buffers: while somebody records, each launch is one, and none are batched",
        toolchain=f"Metal of macOS {framework.macos[0]}.{framework.macos[1]} ({framework.os_build})",
    )
