"""Device memory of a Mac: sizes in, MTLBuffers out, which the host sees in place (shared) or not at all (private)."""

from __future__ import annotations

import mmap
import threading

import numpy as np

from metal_runtime.backends.metal.constants import (
    MTLResourceHazardTrackingModeTracked,
    MTLResourceStorageModePrivate,
    MTLResourceStorageModeShared,
)
from metal_runtime.backends.metal.heaps import HeapArena, Place
from metal_runtime.backends.metal.protocols import Framework, MTLBuffer, MTLDevice
from metal_runtime.backends.metal.residency import Residency
from metal_runtime.device.protocol import Allocation, HostBytes
from metal_runtime.errors import DeviceError, DeviceMemoryError, InternalError, SharingError

_SHARED = MTLResourceStorageModeShared | MTLResourceHazardTrackingModeTracked
_PRIVATE = MTLResourceStorageModePrivate | MTLResourceHazardTrackingModeTracked


class MetalAllocation:
    """One MTLBuffer. ``address`` is where the host sees it; private memory has none."""

    __slots__ = ("_address", "buffer", "nbytes", "place")

    def __init__(
        self, buffer: MTLBuffer, nbytes: int, address: int | None, place: Place | None
    ) -> None:
        self.buffer = buffer
        self.nbytes = nbytes
        self.place = place
        self._address = address

    @property
    def address(self) -> int:
        if self._address is None:
            raise DeviceError(
                "the host cannot see private memory", hint="copy it to a buffer of shared memory"
            )
        return self._address

    @property
    def is_private(self) -> bool:
        return self._address is None


class AdoptedAllocation(MetalAllocation):
    """An MTLBuffer over an array's memory. Launches hold it until they have ended; then it goes, and the array may."""

    __slots__ = ("_owner", "_residency")

    def __init__(self, buffer: MTLBuffer, owner: HostBytes, residency: Residency) -> None:
        super().__init__(buffer, owner.nbytes, owner.ctypes.data, None)
        self._owner = owner
        self._residency = residency
        residency.add(buffer)

    def __del__(self) -> None:
        self._residency.remove(self.buffer)
        del self.buffer


class MetalAllocator:
    """Memory from Metal: up to 1 MiB out of heaps, larger buffers each their own."""

    def __init__(self, device: MTLDevice, framework: Framework, residency: Residency) -> None:
        self._device = device
        self._residency = residency
        self._largest = device.maxBufferLength()
        self._heaps = HeapArena(device, framework, made=residency.add, gone=residency.remove)
        self._lock = threading.Lock()
        self._live = 0

    @property
    def live_bytes(self) -> int:
        """What has been allocated and not freed."""
        return self._live

    def allocate(self, nbytes: int) -> MetalAllocation:
        """Shared memory, page aligned. Raises DeviceMemoryError."""
        self._check(nbytes)
        buffer, place = self._heaps.take(nbytes) or (self._new_buffer(nbytes, _SHARED), None)
        return self._counted(MetalAllocation(buffer, nbytes, _address(buffer, nbytes), place))

    def allocate_private(self, nbytes: int) -> MetalAllocation:
        """Memory that only the GPU sees. Raises DeviceMemoryError."""
        self._check(nbytes)
        return self._counted(
            MetalAllocation(self._new_buffer(nbytes, _PRIVATE), nbytes, None, None)
        )

    def free(self, allocation: Allocation) -> None:
        """Gives the memory back. Nothing that runs may use it any more."""
        assert isinstance(allocation, MetalAllocation)
        with self._lock:
            self._live -= allocation.nbytes
        buffer, place = allocation.buffer, allocation.place
        del allocation.buffer  # the handle goes before its place can be another's
        if place is None:
            self._residency.remove(buffer)
            return
        del buffer
        self._heaps.give_back(place)

    def adopt(self, memory: HostBytes) -> AdoptedAllocation:
        """An array's whole pages as shared memory. Raises SharingError for memory that is no whole pages."""
        address, nbytes = memory.ctypes.data, memory.nbytes
        if address % mmap.PAGESIZE or nbytes % mmap.PAGESIZE:
            raise SharingError(
                f"Metal shares whole pages of {mmap.PAGESIZE} bytes; the array has {nbytes} bytes, "
                f"{address % mmap.PAGESIZE} bytes into a page",
                hint="make it on whole pages, np.frombuffer(mmap.mmap(-1, nbytes), dtype), or leave copy=False out",
            )
        self._check(nbytes)
        buffer = self._device.newBufferWithBytesNoCopy_length_options_deallocator_(
            memory.data, nbytes, _SHARED, None
        )
        if buffer is None:
            raise SharingError(
                f"Metal does not share these {nbytes} bytes", hint="leave copy=False out"
            )
        if _address(buffer, nbytes) != address:
            raise InternalError("Metal's buffer is not where the adopted memory is")
        return AdoptedAllocation(buffer, memory, self._residency)

    def _counted(self, allocation: MetalAllocation) -> MetalAllocation:
        with self._lock:
            self._live += allocation.nbytes
        return allocation

    def _check(self, nbytes: int) -> None:
        if nbytes > self._largest:
            raise DeviceMemoryError(
                f"{nbytes} bytes are more than one buffer can have here: {self._largest}",
                hint="work in smaller parts",
            )

    def _new_buffer(self, nbytes: int, options: int) -> MTLBuffer:
        buffer = self._device.newBufferWithLength_options_(nbytes, options)
        if buffer is None:
            raise DeviceMemoryError(
                f"Metal has no memory for {nbytes} bytes", hint="close buffers first"
            )
        self._residency.add(buffer)
        return buffer


def _address(buffer: MTLBuffer, nbytes: int) -> int:
    contents = buffer.contents()
    if contents is None:
        raise InternalError("a buffer of shared memory has no contents")
    return np.frombuffer(contents.as_buffer(nbytes), np.uint8).ctypes.data
