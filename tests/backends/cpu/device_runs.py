"""Runs MSL text on the CPU device with NumPy arrays: what the tests of this folder share."""

from __future__ import annotations

import ctypes
import functools
import threading
from typing import Any

import numpy as np

from metal_runtime.backends.cpu.device import CpuDevice, open_device
from metal_runtime.backends.cpu.pipeline import CpuPipeline
from metal_runtime.backends.cpu.stream import CpuStream
from metal_runtime.device.launch_config import LaunchConfig
from metal_runtime.msl.signature import read_program

HEADER = "#include <metal_stdlib>\nusing namespace metal;\n"


@functools.cache
def device() -> CpuDevice:
    return open_device()


def stream_here() -> CpuStream:
    """A stream of this thread's own: what fails on another one is none of its business."""
    if not hasattr(_here, "stream"):
        _here.stream = device().new_stream()
    return _here.stream


_here = threading.local()


def pipeline(source: str, name: str = "f") -> CpuPipeline:
    return device().load(read_program(HEADER + source)).pipeline(name)


def memory_of(allocation: Any, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """The array that lies at the start of an allocation."""
    nbytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
    raw = (ctypes.c_char * nbytes).from_address(allocation.address)
    return np.frombuffer(raw, dtype).reshape(shape)


def run(
    compiled: CpuPipeline, grid: tuple[int, ...], *arguments: Any, group: tuple[int, ...] = (256,)
) -> None:
    """One launch. Arrays are copied to the device and back in place; scalars of NumPy are values."""
    allocations, bindings = [], []
    for argument in arguments:
        if isinstance(argument, np.ndarray):
            allocation = device().allocator.allocate(max(argument.nbytes, 1))
            memory_of(allocation, argument.shape, argument.dtype)[...] = argument
            allocations.append((argument, allocation))
            bindings.append((allocation, 0))
        else:
            bindings.append(argument if isinstance(argument, bytes) else argument.tobytes())
    try:
        stream = stream_here()
        stream.launch(compiled, LaunchConfig(three(grid), three(group)), bindings)
        stream.synchronize()
        for array, allocation in allocations:
            array[...] = memory_of(allocation, array.shape, array.dtype)
    finally:
        for _, allocation in allocations:
            device().allocator.free(allocation)


def three(extent: tuple[int, ...]) -> tuple[int, int, int]:
    padded = (*extent, 1, 1)
    return padded[0], padded[1], padded[2]
