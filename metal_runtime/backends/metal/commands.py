"""What a stream does, in order: launches, copies, signals and waits, as values that are encoded later."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass

from metal_runtime.backends.metal.memory import MetalAllocation
from metal_runtime.backends.metal.program import MetalPipeline
from metal_runtime.backends.metal.protocols import MTLSharedEvent
from metal_runtime.device.launch_config import LaunchConfig
from metal_runtime.device.protocol import Binding


@dataclass(frozen=True, slots=True)
class Launch:
    """One launch. It holds its memory: Metal is told not to (commandBufferDescriptor.retainedReferences)."""

    pipeline: MetalPipeline
    config: LaunchConfig
    bindings: Sequence[Binding]
    times: int = 0
    """The address of two words for its beginning and its end (see ``Stream.launch``)."""

    @property
    def kernel(self) -> str:
        return self.pipeline.signature.name

    def __str__(self) -> str:
        """Kernel, shape and arguments, as an error names them."""
        arguments = ", ".join(
            f"{argument.name}: {_described(binding)}"
            for argument, binding in zip(
                self.pipeline.signature.arguments, self.bindings, strict=False
            )
        )
        grid, threadgroup = self.config.grid, self.config.threadgroup
        return f"`{self.kernel}` with threads={grid}, threadgroup={threadgroup}, ({arguments})"


@dataclass(frozen=True, slots=True)
class Copy:
    """Bytes from one memory to another, of which either may be private."""

    source: tuple[MetalAllocation, int]
    destination: tuple[MetalAllocation, int]
    nbytes: int


@dataclass(frozen=True, slots=True)
class Signal:
    """The event takes the value when all before it is done."""

    event: MTLSharedEvent
    value: int


@dataclass(frozen=True, slots=True)
class Wait:
    """What follows begins when the event has the value."""

    event: MTLSharedEvent
    value: int


def write_times(commands: Sequence[Command], begin: int, end: int) -> None:
    """Tells who wants to know when the launches among the commands began and ended, in nanoseconds."""
    for command in commands:
        if isinstance(command, Launch) and command.times:
            words = (ctypes.c_uint64 * 2).from_address(command.times)
            words[0], words[1] = begin, end


Command = Launch | Copy | Signal | Wait


def _described(binding: Binding) -> str:
    if isinstance(binding, bytes):
        return f"{len(binding)} bytes {binding[:16].hex()}{'…' if len(binding) > 16 else ''}"
    allocation, offset = binding
    where = f" from byte {offset}" if offset else ""
    return f"buffer of {allocation.nbytes} bytes{where}" if allocation.nbytes else "nothing bound"
