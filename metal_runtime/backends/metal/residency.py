"""Which memory stays resident: buffers and heaps that are made and freed in, one residency set for all queues out.

With a residency set (macOS 15) the driver need not look at each buffer of each command buffer.
"""

from __future__ import annotations

import threading

from metal_runtime.backends.metal.families import is_virtual
from metal_runtime.backends.metal.protocols import (
    Framework,
    MTLAllocation,
    MTLCommandQueue,
    MTLDevice,
    MTLResidencySet,
)
from metal_runtime.logging import get_logger

_FIRST_MACOS = (15, 0)


class Residency:
    """The residency set of a device, or nothing where the system has none. Changes count from ``commit`` on."""

    def __init__(self, device: MTLDevice, framework: Framework) -> None:
        self._set = _make(device, framework)
        # Reentrant: the collector may let an adopted buffer go within `add`.
        self._lock = threading.RLock()
        self._changed = False

    @property
    def exists(self) -> bool:
        return self._set is not None

    def attach(self, queue: MTLCommandQueue) -> None:
        """All that is in the set is resident while a command buffer of the queue runs."""
        if self._set is not None:
            queue.addResidencySet_(self._set)

    def add(self, allocation: MTLAllocation) -> None:
        if self._set is not None:
            with self._lock:
                self._set.addAllocation_(allocation)
                self._changed = True

    def remove(self, allocation: MTLAllocation) -> None:
        if self._set is not None:
            with self._lock:
                self._set.removeAllocation_(allocation)
                self._changed = True

    def commit(self) -> None:
        """Makes what was added and removed count; to be called before a command buffer is committed."""
        if self._changed and self._set is not None:
            with self._lock:
                self._changed = False
                self._set.commit()


def _make(device: MTLDevice, framework: Framework) -> MTLResidencySet | None:
    if framework.macos < _FIRST_MACOS or is_virtual(device):
        return None
    descriptor = framework.residency_set_descriptor()
    descriptor.setLabel_("iris")
    made, error = device.newResidencySetWithDescriptor_error_(descriptor, None)
    if made is None:
        reason = "no reason given" if error is None else error.localizedDescription()
        get_logger().warning("Metal makes no residency set (%s); memory is made resident by use", reason)  # fmt: skip
    return made
