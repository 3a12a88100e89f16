"""How a mistake is planted: a wrong sequence of messages and the words of its failure in, a row of PLANTED out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.metal.double import APPLE_M3, Faults, Profile, ValidationFailure
from tests.metal.sequences import COUNT, Driver

Mistake = Callable[[Driver], None]
PLANTED: list[Any] = []
ONE, GROUP = (COUNT, 1, 1), (32, 1, 1)
FOUR = np.float32(2).tobytes()


def planted(
    message: str,
    kind: type[ValidationFailure] = ValidationFailure,
    profile: Profile = APPLE_M3,
    faults: Faults | None = None,
) -> Callable[[Mistake], Mistake]:
    """A mistake, and the words that its failure must have."""

    def add(mistake: Mistake) -> Mistake:
        PLANTED.append(pytest.param(mistake, message, kind, profile, faults, id=mistake.__name__))
        return mistake

    return add


# --- what several mistakes begin with -----------------------------------------------------------


def launch(d: Driver, name: str, *bindings: Any, grid: Any = ONE, threadgroup: Any = GROUP) -> None:
    """One launch: buffers, (buffer, offset), or bytes by index; ``...`` binds nothing."""
    with d.encoding() as (_, encoder):
        encoder.setComputePipelineState_(d.pipeline(name))
        for index, binding in enumerate(bindings):
            if isinstance(binding, bytes):
                encoder.setBytes_length_atIndex_(binding, len(binding), index)
            elif isinstance(binding, tuple):
                encoder.setBuffer_offset_atIndex_(*binding, index)
            elif binding is not ...:
                encoder.setBuffer_offset_atIndex_(binding, 0, index)
        encoder.dispatchThreads_threadsPerThreadgroup_(grid, threadgroup)


def with_memory(d: Driver, *lengths: int) -> None:
    with d.encoding() as (_, encoder):
        encoder.setComputePipelineState_(d.pipeline("reverse"))
        encoder.setBuffer_offset_atIndex_(d.buffer(1), 0, 0)
        for index, length in enumerate(lengths):
            encoder.setThreadgroupMemoryLength_atIndex_(length, index)
        encoder.dispatchThreads_threadsPerThreadgroup_(GROUP, GROUP)


def heap(d: Driver, placement: bool = True) -> Any:
    descriptor = d.Metal.MTLHeapDescriptor.alloc().init()
    descriptor.setSize_(1 << 16)
    descriptor.setStorageMode_(0)
    descriptor.setType_(int(placement))
    return d.device.newHeapWithDescriptor_(descriptor)


def unretained(d: Driver) -> Any:
    descriptor = d.Metal.MTLCommandBufferDescriptor.alloc().init()
    descriptor.setRetainedReferences_(False)
    with d.pool():
        return d.queue.commandBufferWithDescriptor_(descriptor)


def residency(d: Driver) -> Any:
    descriptor = d.Metal.MTLResidencySetDescriptor.new()
    return d.device.newResidencySetWithDescriptor_error_(descriptor, None)[0]
