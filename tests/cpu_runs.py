"""Runs IR kernels on the CPU device, by way of their MSL: what the tests of emission compare with the interpreter."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from metal_runtime.device.launch_config import Extent, LaunchConfig
from metal_runtime.emit.ir_to_msl import ir_to_msl
from metal_runtime.ir.effects import bound_params, sized_params
from metal_runtime.ir.nodes import Kernel
from metal_runtime.msl_types import Pointer, Vector, element_of
from metal_runtime.program import CompileOptions, MslProgram

EXACT = CompileOptions(contract=False)
"""Without fused multiply-adds, which round once where the IR rounds twice."""


@functools.cache
def device() -> Any:
    from metal_runtime.backends.cpu.device import open_device

    return open_device()


def run_on_cpu(
    kernel: Kernel,
    grid: Extent,
    arguments: Mapping[str, Any],
    threadgroup: Extent = (32, 1, 1),
    program: MslProgram | None = None,
) -> None:
    """Runs the kernel and writes what it stored into the arrays of ``arguments``."""
    program = program or ir_to_msl(kernel, EXACT)
    name = program.entry_points[0].name
    pipeline = device().load(program).pipeline(name)
    allocator = device().allocator
    bindings: list[Any] = []
    arrays = []
    memory = tuple(arguments[p.name] for p in sized_params(kernel))
    for param in bound_params(kernel):
        given = arguments[param.name]
        if isinstance(param.type, Pointer):
            allocation = allocator.allocate(max(given.nbytes, 1))
            ctypes.memmove(allocation.address, given.ctypes.data, given.nbytes)
            arrays.append((allocation, given))
            bindings.append((allocation, 0))
        else:
            bindings.append(_value_bytes(param.type, given))
    try:
        device().stream.launch(pipeline, LaunchConfig(grid, threadgroup, memory), bindings)
        device().stream.synchronize()
        for allocation, given in arrays:
            ctypes.memmove(given.ctypes.data, allocation.address, given.nbytes)
    finally:
        for allocation, _ in arrays:
            allocator.free(allocation)


def _value_bytes(type_: Any, given: Any) -> bytes:
    value = np.asarray(given, element_of(type_).numpy_dtype)
    if isinstance(type_, Vector) and type_.width == 3:
        value = np.append(value, value[:1])
    return value.tobytes()


def differing(expected: np.ndarray[Any, Any], got: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Where two arrays differ in any bit; NaNs of any payload are alike."""
    if expected.dtype.kind in "iub":
        return expected != got
    both_nan = np.isnan(expected.astype(np.float32)) & np.isnan(got.astype(np.float32))
    bits = f"u{expected.itemsize}"
    return (expected.view(bits) != got.view(bits)) & ~both_nan


def ulps(expected: np.ndarray[Any, Any], got: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """How many representable values lie between; 0 for NaN and NaN, huge for NaN and a number."""
    bits = np.dtype(f"i{expected.itemsize}")

    def ordered(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        raw = values.view(bits).astype(np.int64)
        return np.where(raw < 0, np.int64(np.iinfo(bits).min) - raw, raw)

    nan_expected, nan_got = (np.isnan(v.astype(np.float32)) for v in (expected, got))
    distance = np.abs(ordered(expected) - ordered(got))
    distance = np.where(nan_expected & nan_got, 0, distance)
    return np.where(nan_expected != nan_got, np.iinfo(np.int64).max, distance)
