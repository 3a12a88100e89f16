"""Device memory of the CPU device: sizes in, guarded blocks of pages out."""

from __future__ import annotations

from metal_runtime.backends.cpu.native_runtime import native_runtime
from metal_runtime.device.protocol import Allocation
from metal_runtime.errors import DeviceMemoryError


class CpuAllocation:
    """A block of memory with a page behind it that nobody may touch."""

    __slots__ = ("address", "nbytes")

    def __init__(self, address: int, nbytes: int) -> None:
        self.address = address
        self.nbytes = nbytes


class CpuAllocator:
    """Memory from the system; large blocks lie on huge pages where the system has them."""

    def allocate(self, nbytes: int) -> CpuAllocation:
        address = native_runtime().allocate(nbytes)
        if not address:
            raise DeviceMemoryError(
                f"the system has no memory for {nbytes} bytes", hint="close buffers first"
            )
        return CpuAllocation(address, nbytes)

    def free(self, allocation: Allocation) -> None:
        native_runtime().free(allocation.address, allocation.nbytes)
