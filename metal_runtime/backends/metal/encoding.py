"""Commands -> messages to one command buffer, as few as will do: what an encoder already knows is not said again."""

from __future__ import annotations

from collections.abc import Iterable

from metal_runtime.backends.metal.commands import Command, Copy, Launch, Signal, Wait
from metal_runtime.backends.metal.constants import MTLDispatchTypeSerial
from metal_runtime.backends.metal.memory import MetalAllocation
from metal_runtime.backends.metal.protocols import (
    MTLCommandBuffer,
    MTLComputeCommandEncoder,
    MTLComputePipelineState,
)
from metal_runtime.device.protocol import UNBOUND, Binding
from metal_runtime.errors import DeviceError


class ComputeEncoding:
    """One compute encoder and what it has been told. Its launches run one after another (serial dispatch)."""

    def __init__(self, buffer: MTLCommandBuffer) -> None:
        encoder = buffer.computeCommandEncoderWithDispatchType_(MTLDispatchTypeSerial)
        if encoder is None:
            raise DeviceError("Metal makes no compute encoder")
        self._encoder: MTLComputeCommandEncoder = encoder
        self._state: MTLComputePipelineState | None = None
        self._bound: dict[int, Binding] = {}
        self._memory: dict[int, int] = {}

    def label(self, text: str) -> None:
        self._encoder.setLabel_(text)

    def launch(self, launch: Launch) -> None:
        pipeline = launch.pipeline
        if pipeline.state is not self._state:
            self._encoder.setComputePipelineState_(pipeline.state)
            self._state = pipeline.state
        # No `strict`: the stream has compared the lengths.
        for index, binding in zip(pipeline.indices, launch.bindings):  # noqa: B905
            if self._bound.get(index) != binding:
                self._bind(index, binding)
        self._set_memory(pipeline.memory_indices, launch.config.threadgroup_memory)
        self._encoder.dispatchThreads_threadsPerThreadgroup_(
            launch.config.grid, launch.config.threadgroup
        )

    def end(self) -> None:
        self._encoder.endEncoding()

    def _bind(self, index: int, binding: Binding) -> None:
        before = self._bound.get(index)
        self._bound[index] = binding
        if isinstance(binding, bytes):
            self._encoder.setBytes_length_atIndex_(binding, len(binding), index)
            return
        allocation, offset = binding
        if binding is UNBOUND:
            self._encoder.setBuffer_offset_atIndex_(None, 0, index)
            return
        assert isinstance(allocation, MetalAllocation)
        if isinstance(before, tuple) and before[0] is allocation:
            self._encoder.setBufferOffset_atIndex_(offset, index)
        else:
            self._encoder.setBuffer_offset_atIndex_(allocation.buffer, offset, index)

    def _set_memory(self, indices: tuple[int, ...], lengths: tuple[int, ...]) -> None:
        """Threadgroup memory, and none where the launch before had some: all of it counts against the limit."""
        wanted = dict(zip(indices, lengths, strict=True))
        for index in self._memory.keys() - wanted.keys():
            wanted[index] = 0
        for index, length in wanted.items():
            if self._memory.get(index, 0) != length:
                self._encoder.setThreadgroupMemoryLength_atIndex_(length, index)
                self._memory[index] = length


def encode(commands: Iterable[Command], buffer: MTLCommandBuffer, *, apart: bool) -> None:
    """Encodes commands in their order.

    ``apart``: each launch gets an encoder of its own with its number as label, so that Metal tells which failed.

    Raises DeviceError when Metal makes no encoder.
    """
    encoding: ComputeEncoding | None = None
    for number, command in enumerate(commands):
        if encoding is not None and (apart or not isinstance(command, Launch)):
            encoding.end()
            encoding = None
        if isinstance(command, Launch):
            if encoding is None:
                encoding = ComputeEncoding(buffer)
                if apart:
                    encoding.label(launch_label(number))
            encoding.launch(command)
        else:
            _encode_other(command, buffer)
    if encoding is not None:
        encoding.end()


def launch_label(number: int) -> str:
    """What the encoder of the batch's command ``number`` is called in debug mode."""
    return f"iris {number}"


def _encode_other(command: Copy | Signal | Wait, buffer: MTLCommandBuffer) -> None:
    if isinstance(command, Signal):
        buffer.encodeSignalEvent_value_(command.event, command.value)
    elif isinstance(command, Wait):
        buffer.encodeWaitForEvent_value_(command.event, command.value)
    else:
        encoder = buffer.blitCommandEncoder()
        if encoder is None:
            raise DeviceError("Metal makes no blit encoder")
        (source, start), (destination, to) = command.source, command.destination
        encoder.copyFromBuffer_sourceOffset_toBuffer_destinationOffset_size_(
            source.buffer, start, destination.buffer, to, command.nbytes
        )
        encoder.endEncoding()
