"""Device memory of the CPU device: sizes in, guarded blocks of pages out; arrays in, their own memory out."""

from __future__ import annotations

from metal_runtime.backends.cpu.native_runtime import native_runtime
from metal_runtime.device.protocol import Allocation, HostBytes
from metal_runtime.errors import DeviceMemoryError


class CpuAllocation:
    """A block of memory. Behind the allocator's own lie pages that nobody may touch; behind an ``owner``'s, its own."""

    __slots__ = ("address", "nbytes", "owner")

    def __init__(self, address: int, nbytes: int, owner: object = None) -> None:
        self.address = address
        self.nbytes = nbytes
        self.owner = owner


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

    def adopt(self, memory: HostBytes) -> CpuAllocation:
        """Any array's: the host's memory is the device's."""
        return CpuAllocation(memory.ctypes.data, memory.nbytes, memory)
