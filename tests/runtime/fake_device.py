"""A device without a compiler: memory from NumPy, and kernels that are Python functions over the bound bytes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from metal_runtime.device.launch_config import LaunchConfig
from metal_runtime.device.protocol import DeviceTraits
from metal_runtime.errors import DeviceMemoryError
from metal_runtime.msl_types import Pointer, parse_type, type_name
from metal_runtime.program import Argument, ArgumentKind, MslProgram, Signature
from metal_runtime.runtime.session import Session


class FakeAllocation:
    def __init__(self, nbytes: int) -> None:
        self.memory = np.full(nbytes + 4096, 0xAB, np.uint8)
        self.nbytes = nbytes
        self.address = -(-self.memory.ctypes.data // 4096) * 4096
        self.freed = False

    def bytes(self, offset: int = 0) -> np.ndarray:
        start = self.address - self.memory.ctypes.data + offset
        return self.memory[start : start + self.nbytes - offset]


class FakeAllocator:
    """Counts what is live, refuses to free twice, and runs out of memory at ``capacity``."""

    def __init__(self, capacity: int = 2**40) -> None:
        self.capacity = capacity
        self.live = 0
        self.made = 0

    def allocate(self, nbytes: int) -> FakeAllocation:
        if self.live + nbytes > self.capacity:
            raise DeviceMemoryError("the fake device is full")
        self.live += nbytes
        self.made += 1
        return FakeAllocation(nbytes)

    def free(self, allocation: FakeAllocation) -> None:
        assert not allocation.freed, "freed twice"
        allocation.freed = True
        self.live -= allocation.nbytes

    def adopt(self, memory: np.ndarray) -> FakeAllocation:
        made = FakeAllocation.__new__(FakeAllocation)
        made.memory, made.nbytes = memory, memory.nbytes
        made.address, made.freed = memory.ctypes.data, False
        return made


class FakePipeline:
    def __init__(self, signature: Signature, run: Callable[..., None] | None = None) -> None:
        self.signature = signature
        self.max_threads_per_threadgroup = signature.max_threads or 1024
        self.run = run


class FakeStream:
    def __init__(self) -> None:
        self.launches: list[tuple[FakePipeline, LaunchConfig, list[Any]]] = []

    number = 0

    def launch(
        self, pipeline: FakePipeline, config: LaunchConfig, bindings: Sequence[Any], times: int = 0
    ) -> None:
        self.launches.append((pipeline, config, list(bindings)))
        if pipeline.run is not None:
            pipeline.run(config, *bindings)

    def synchronize(self) -> None:
        pass


class FakeLoaded:
    def __init__(self, program: MslProgram) -> None:
        self.program = program

    def pipeline(self, name: str) -> FakePipeline:
        return FakePipeline(self.program.entry_point(name))


class FakeDevice:
    def __init__(self, capacity: int = 2**40) -> None:
        self.traits = DeviceTraits(name="a fake", backend="cpu")
        self.allocator = FakeAllocator(capacity)
        self.stream = FakeStream()
        self.loads = 0
        self.closed = 0

    def load(self, program: MslProgram) -> FakeLoaded:
        self.loads += 1
        return FakeLoaded(program)

    def synchronize(self) -> None:
        self.stream.synchronize()

    def launched(self) -> int:
        return len(self.stream.launches)

    ended = launched

    def close(self) -> None:
        self.closed += 1


def fake_session(capacity: int = 2**40) -> Session:
    """A session of its own over a fake device."""
    session = Session("fake")
    session._device = FakeDevice(capacity)
    return session


def signature(name: str, **types: str) -> Signature:
    """``signature("saxpy", x="device const float*", n="uint")``; pointers are written unless const."""
    arguments = []
    for index, (parameter, text) in enumerate(types.items()):
        type_ = parse_type(text)
        if isinstance(type_, Pointer):
            argument = Argument(
                parameter, index, ArgumentKind.BUFFER, text, type_,
                type_.element.itemsize, written=not type_.const, space=type_.space,
            )  # fmt: skip
        elif type_ is not None:
            text = f"constant {type_name(type_)}&"
            argument = Argument(
                parameter, index, ArgumentKind.VALUE, text, type_, type_.itemsize, written=False
            )
        else:
            argument = Argument(parameter, index, ArgumentKind.BUFFER, text, None, None)
        arguments.append(argument)
    return Signature(name, tuple(arguments))
