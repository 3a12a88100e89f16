"""A Metal device over the double with kernels at hand: what the driver's tests begin with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from metal_runtime.backends.metal.device import MetalDevice, open_device
from metal_runtime.backends.metal.program import MetalPipeline
from metal_runtime.device.block import Block
from metal_runtime.device.launch_config import LaunchConfig
from metal_runtime.device.pool import Pool
from metal_runtime.msl.signature import read_program
from tests.metal.double import APPLE_M3, Faults, Profile, World, installed

N = 256
SOURCE = """#include <metal_stdlib>
using namespace metal;
kernel void add(device float* x [[buffer(0)]], constant float& by [[buffer(1)]], uint i [[thread_position_in_grid]]) {
    x[i] += by;
}
kernel void combine(device const float* a [[buffer(0)]], device const float* b [[buffer(1)]], device float* out [[buffer(2)]],
                    constant float& scale [[buffer(3)]], constant uint& n [[buffer(4)]], uint i [[thread_position_in_grid]]) {
    if (i < n) out[i] = a[i] + scale * b[i];
}
kernel void reverse(device float* x [[buffer(0)]], threadgroup float* t [[threadgroup(0)]],
                    uint i [[thread_position_in_threadgroup]], uint n [[threads_per_threadgroup]]) {
    t[i] = x[i];
    threadgroup_barrier(mem_flags::mem_threadgroup);
    x[i] = t[n - 1 - i];
}
"""


@dataclass
class Driving:
    """The device, its pool, and the few steps to a launch."""

    world: World
    device: MetalDevice
    pool: Pool

    def pipeline(self, name: str, source: str = SOURCE) -> MetalPipeline:
        return self.device.load(read_program(source)).pipeline(name)

    def block(self, values: Any = None) -> Block:
        block = self.pool.take(4 * N)
        self.view(block)[:] = np.zeros(N) if values is None else values
        return block

    def view(self, block: Block) -> np.ndarray:
        return np.asarray(block)[: 4 * N].view(np.float32)

    def add(self, pipeline: MetalPipeline, block: Block, by: float, stream: Any = None) -> None:
        """One launch of ``add``."""
        bindings = [block.binding, np.float32(by).tobytes()]
        (stream or self.device.stream).launch(pipeline, LaunchConfig((N, 1, 1), (64, 1, 1)), bindings)  # fmt: skip


@contextmanager
def driving(profile: Profile = APPLE_M3, faults: Faults | None = None) -> Iterator[Driving]:
    """An open device over the double, closed at the end, when nothing that it made may live."""
    with installed(profile, faults) as world:
        device = open_device()
        assert isinstance(device, MetalDevice)
        pool = Pool(device.allocator, synchronize=device.synchronize)
        yield Driving(world, device, pool)
        pool.close()
        device.close()
