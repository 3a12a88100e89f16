"""Metal as a driver speaks it, in few words: what the double's own tests are written with."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from tests.metal.double import World

SOURCE = """#include <metal_stdlib>
using namespace metal;

kernel void add(device const float* a [[buffer(0)]], device const float* b [[buffer(1)]],
                device float* c [[buffer(2)]], uint i [[thread_position_in_grid]]) {
    c[i] = a[i] + b[i];
}
kernel void scale(device float* x [[buffer(0)]], constant float& by [[buffer(1)]],
                  uint i [[thread_position_in_grid]]) {
    x[i] *= by;
}
kernel void reverse(device float* x [[buffer(0)]], threadgroup float* tile [[threadgroup(0)]],
                    uint i [[thread_position_in_threadgroup]], uint n [[threads_per_threadgroup]]) {
    tile[i] = x[i];
    threadgroup_barrier(mem_flags::mem_threadgroup);
    x[i] = tile[n - 1 - i];
}
"""
CONSTANT_SOURCE = """#include <metal_stdlib>
using namespace metal;
constant int factor [[function_constant(3)]];
kernel void times(device int* x [[buffer(0)]], uint i [[thread_position_in_grid]]) { x[i] *= factor; }
"""
COUNT = 64
SHARED, PRIVATE, UNTRACKED = 0, 32, 256


class Driver:
    """One GPU with a queue, as simple as a driver can be."""

    def __init__(self, world: World, number: int = 0) -> None:
        import Metal
        import objc

        self.world, self.Metal, self.objc = world, Metal, objc
        self.pool = objc.autorelease_pool
        self.device = Metal.MTLCopyAllDevices()[number]
        self.queue = self.device.newCommandQueue()

    def constant_values(self) -> Any:
        """Values of function constants, described to pyobjc, which would take an address for a value."""
        for by in ("atIndex:", "withName:"):
            described = f"setConstantValue:type:{by}".encode()
            self.objc.registerMetaDataForSelector(b"MTLFunctionConstantValues", described, {})
        return self.Metal.MTLFunctionConstantValues.new()

    def library(self, source: str = SOURCE, **macros: str) -> tuple[Any, Any]:
        options = self.Metal.MTLCompileOptions.alloc().init()
        if macros:
            options.setPreprocessorMacros_(macros)
        options.setFastMathEnabled_(False)
        return self.device.newLibraryWithSource_options_error_(source, options, None)

    @functools.lru_cache  # noqa: B019
    def pipeline(self, name: str) -> Any:
        library, error = self.library()
        assert library is not None, error.localizedDescription()
        function = library.newFunctionWithName_(name)
        state, error = self.device.newComputePipelineStateWithFunction_error_(function, None)
        assert state is not None, error.localizedDescription()
        return state

    def buffer(self, values: Any = None, options: int = SHARED, count: int = COUNT) -> Any:
        made = self.device.newBufferWithLength_options_(4 * count, options)
        if values is not None:
            self.view(made)[:] = values
        return made

    def view(self, buffer: Any, dtype: Any = np.float32) -> Any:
        return np.frombuffer(buffer.contents().as_buffer(buffer.length()), dtype)

    @contextmanager
    def encoding(self, dispatch_type: int = 0, buffer: Any = None) -> Iterator[tuple[Any, Any]]:
        """A command buffer with an encoder, which is ended and committed."""
        with self.pool():
            buffer = buffer or self.queue.commandBuffer()
            encoder = buffer.computeCommandEncoderWithDispatchType_(dispatch_type)
            yield buffer, encoder
            encoder.endEncoding()
            buffer.commit()

    def encode_add(self, encoder: Any, *buffers: Any) -> None:
        encoder.setComputePipelineState_(self.pipeline("add"))
        for index, buffer in enumerate(buffers):
            encoder.setBuffer_offset_atIndex_(buffer, 0, index)
        encoder.dispatchThreads_threadsPerThreadgroup_((COUNT, 1, 1), (32, 1, 1))

    def encode_scale(self, encoder: Any, buffer: Any, by: float) -> None:
        encoder.setComputePipelineState_(self.pipeline("scale"))
        encoder.setBuffer_offset_atIndex_(buffer, 0, 0)
        encoder.setBytes_length_atIndex_(np.float32(by).tobytes(), 4, 1)
        encoder.dispatchThreads_threadsPerThreadgroup_((COUNT, 1, 1), (32, 1, 1))

    # --- whole command buffers: submit(scaling(x, 2), signal(event, 1)) ----------------------------

    def submit(self, *steps: Callable[[Any], None], queue: Any = None, buffer: Any = None) -> Any:
        """A command buffer with these steps, committed."""
        with self.pool():
            buffer = buffer or (queue or self.queue).commandBuffer()
            for step in steps:
                step(buffer)
            buffer.commit()
        return buffer

    def scaling(self, memory: Any, by: float, label: str | None = None) -> Callable[[Any], None]:
        def step(buffer: Any) -> None:
            encoder = buffer.computeCommandEncoder()
            if label is not None:
                encoder.setLabel_(label)
            self.encode_scale(encoder, memory, by)
            encoder.endEncoding()

        return step

    def copying(self, source: Any, destination: Any, nbytes: int) -> Callable[[Any], None]:
        def step(buffer: Any) -> None:
            encoder = buffer.blitCommandEncoder()
            encoder.copyFromBuffer_sourceOffset_toBuffer_destinationOffset_size_(
                source, 0, destination, 0, nbytes
            )
            encoder.endEncoding()

        return step


def signal(event: Any, value: int) -> Callable[[Any], None]:
    return lambda buffer: buffer.encodeSignalEvent_value_(event, value)


def wait(event: Any, value: int) -> Callable[[Any], None]:
    return lambda buffer: buffer.encodeWaitForEvent_value_(event, value)
