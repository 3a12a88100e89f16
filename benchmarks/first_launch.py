"""Run in a new process by host_costs.py: the first launches are timed and printed as JSON."""

from __future__ import annotations

import importlib
import json
import sys
import time

import numpy as np

import metal_runtime
from metal_runtime import api
from metal_runtime.decorator import kernel, metal


def first_launches() -> dict[str, float]:
    """Seconds: importing what loads on demand, opening the device, and two kernels from decoration to result."""
    begin = time.perf_counter()
    importlib.import_module("metal_runtime.runtime.compile")
    importlib.import_module("metal_runtime.backends.cpu.device")
    imported = time.perf_counter()
    buffer = api.asarray(np.zeros(1, np.float32))
    opened = time.perf_counter()
    _one(buffer)
    first = time.perf_counter()
    _two(buffer)
    second = time.perf_counter()
    assert api.to_numpy(buffer)[0] == np.float32(3), "the kernels computed something else"
    return {
        "import": imported - begin,
        "open": opened - imported,
        "first": first - opened,
        "second": second - first,
    }


def _one(buffer: metal_runtime.runtime.MetalBuffer) -> None:
    @kernel(param_types={"x": "device float*", "n": "uint"})
    def increment(x, n):
        i = metal.thread_id()
        if i < n:
            x[i] = x[i] + 1.0

    increment(buffer, 1, threads=1)
    api.synchronize()


def _two(buffer: metal_runtime.runtime.MetalBuffer) -> None:
    @kernel(param_types={"x": "device float*", "n": "uint"})
    def affine(x, n):
        i = metal.thread_id()
        if i < n:
            x[i] = x[i] * 2.0 + 1.0

    affine(buffer, 1, threads=1)
    api.synchronize()


if __name__ == "__main__":
    json.dump(first_launches(), sys.stdout)
