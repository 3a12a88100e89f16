"""ComputeDevice: a device's name in; its traits, its array door and its memory out, and a block in which it is current."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Any

from metal_runtime import dlpack
from metal_runtime.buffer import MetalBuffer
from metal_runtime.device.pool import PoolStatistics
from metal_runtime.device.protocol import DeviceTraits
from metal_runtime.dtype import DType
from metal_runtime.errors import SharingError
from metal_runtime.msl_types import Vector, numpy_storage
from metal_runtime.recording.events import Direction
from metal_runtime.recording.noting import transfer
from metal_runtime.runtime.array_arguments import (
    DTypeLike,
    ShapeLike,
    element_of,
    extents_of,
    numpy_array,
    shared_array,
)
from metal_runtime.runtime.session import Session
from metal_runtime.runtime.sessions import enter_device, leave_device, session_on
from metal_runtime.runtime.value_arguments import described


@dataclass(frozen=True, slots=True)
class ComputeDevice:
    """One device of this process; made by ``api.device``.

    It has every attribute of its ``traits`` too: ``name`` is the human name, ``backend`` the name that
    ``api.device`` takes. As a context manager it makes itself current, in this thread or task only.
    Two objects of one device are equal.
    """

    backend: str

    @property
    def _session(self) -> Session:
        return session_on(self.backend)

    @property
    def traits(self) -> DeviceTraits:
        """Its limits, memory and toolchain. Raises DeviceError when it does not open."""
        return self._session.device.traits

    def __getattr__(self, name: str) -> Any:
        if name not in DeviceTraits.__dataclass_fields__:
            raise AttributeError(f"a device has no attribute {name!r}", name=name, obj=self)
        return getattr(self.traits, name)

    def __str__(self) -> str:
        return self.backend

    def __enter__(self) -> ComputeDevice:
        _ = self.traits
        enter_device(self.backend)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        leave_device()

    # --- arrays ----------------------------------------------------------------------------------

    def asarray(
        self, array: Any, *, copy: bool | None = None, persistent: bool | None = None
    ) -> MetalBuffer:
        """As ``api.asarray``, on this device; a buffer of another device is copied."""
        if isinstance(array, MetalBuffer):
            return self._of_buffer(array, copy)
        if copy is False:
            if persistent:
                raise SharingError(
                    "memory that is not the pool's cannot be persistent in it",
                    hint="leave persistent=True or copy=False out",
                )
            return self._session.adopt(shared_array(array))
        source = numpy_array(array)
        dtype = DType.from_numpy(source.dtype)
        buffer = self._session.empty(source.shape, dtype, persistent=persistent)
        elements = buffer._elements()
        with transfer(buffer.device, Direction.TO_DEVICE, buffer.nbytes):
            elements[...] = source
        return buffer

    def from_dlpack(self, source: Any, *, copy: bool | None = None) -> MetalBuffer:
        """As ``api.from_dlpack``, on this device."""
        if isinstance(source, MetalBuffer):
            return self._of_buffer(source, copy)
        if not hasattr(source, "__dlpack__"):
            raise SharingError(
                f"{described(source)} has no __dlpack__", hint="use api.asarray for it"
            )
        array = dlpack.imported(source)
        if not copy:
            try:
                return self._session.adopt(shared_array(array))
            except SharingError:
                if copy is False:
                    raise
        return self.asarray(array)

    def _of_buffer(self, buffer: MetalBuffer, copy: bool | None) -> MetalBuffer:
        found = buffer.to(self.backend)
        if copy is False and found is not buffer:
            raise SharingError(
                f"device `{self.backend}` shares no memory with `{buffer.device}`, where the buffer is",
                hint="leave copy=False out",
            )
        if copy and found is buffer:
            return self._session.empty(buffer.shape, buffer.dtype).copy_from(buffer)
        return found

    def empty(
        self, shape: ShapeLike, dtype: DTypeLike = DType.FLOAT32, *, persistent: bool | None = None
    ) -> MetalBuffer:
        """As ``api.empty``, on this device."""
        extents, element = extents_of(shape), element_of(dtype)
        scalar, trailing = (
            (element.element, numpy_storage(element)[1])
            if isinstance(element, Vector)
            else (element, ())
        )
        return self._session.empty(extents + trailing, scalar, persistent=persistent)

    def full(
        self,
        shape: ShapeLike,
        value: Any,
        dtype: DTypeLike = DType.FLOAT32,
        *,
        persistent: bool | None = None,
    ) -> MetalBuffer:
        """A buffer on this device with every element ``value``."""
        buffer = self.empty(shape, dtype, persistent=persistent)
        buffer._elements()[...] = value
        return buffer

    def zeros(
        self, shape: ShapeLike, dtype: DTypeLike = DType.FLOAT32, *, persistent: bool | None = None
    ) -> MetalBuffer:
        """A buffer of zeros on this device."""
        return self.full(shape, 0, dtype, persistent=persistent)

    def ones(
        self, shape: ShapeLike, dtype: DTypeLike = DType.FLOAT32, *, persistent: bool | None = None
    ) -> MetalBuffer:
        """A buffer of ones on this device."""
        return self.full(shape, 1, dtype, persistent=persistent)

    # --- launches and memory ---------------------------------------------------------------------

    def synchronize(self) -> None:
        """Waits until every launch on this device has ended. Raises KernelFault for one that failed."""
        self._session.synchronize()

    def memory(self) -> PoolStatistics:
        """What its pool holds at this moment, in bytes and blocks."""
        return self._session.pool.statistics()

    def trim(self) -> int:
        """Gives memory that waits for reuse back to the system, persistent or not; the bytes that it was."""
        return self._session.pool.trim()

    def set_memory_limit(self, limit: int | None) -> None:
        """The most bytes that its buffers and memory waiting for reuse may take together; None: all.

        Raises:
            DeviceMemoryError: live buffers hold more than that already.
        """
        self._session.pool.set_limit(limit)

    def close(self) -> None:
        """Ends the device and gives its free memory back; the next use opens it anew. Buffers stay readable."""
        self._session.close()
