"""The golden MSL of Python kernels: front end, passes and emission together."""

from __future__ import annotations

import inspect
import math

import pytest

from metal_runtime import metal
from metal_runtime.emit.ir_to_msl import ir_to_msl
from metal_runtime.frontend.translate import declared_types, translate
from metal_runtime.ir.printer import print_kernel
from metal_runtime.passes.pipeline import optimize


def saxpy(x, y, a, n):
    i = metal.thread_id()
    if i < n:
        y[i] = a * x[i] + y[i]


def add_3d(A, B, C, D, H, W):
    x = metal.thread_id_x()
    y = metal.thread_id_y()
    z = metal.thread_id_z()

    if x < W and y < H and z < D:
        idx = (z * H * W) + (y * W) + x
        C[idx] = A[idx] + B[idx]


def mandelbrot(counts, width, height, limit):
    x = metal.thread_id_x()
    y = metal.thread_id_y()
    if x >= width or y >= height:
        return
    re = -2.0 + 3.0 * x / width
    im = -1.5 + 3.0 * y / height
    zr = zi = 0.0
    n = 0
    while zr * zr + zi * zi <= 4.0 and n < limit:
        zr, zi = zr * zr - zi * zi + re, 2.0 * zr * zi + im
        n += 1
    counts[y * width + x] = n


def n_body(bodies, forces, n, softening):
    i = metal.thread_id()
    if i >= n:
        return
    me = bodies[i]
    total = metal.float3(0.0)
    for j in range(n):
        delta = bodies[j].xyz - me.xyz
        inverse = 1.0 / math.sqrt(metal.dot(delta, delta) + softening)
        total += delta * (bodies[j].w * inverse * inverse * inverse)
    forces[i] = metal.float4(total, 0.0)


def shade(value: float, low: float, high: float) -> float:
    if value < low:
        return low
    elif value > high:
        return high
    return value


def many_things(image, levels, width, height, step):
    x = int(metal.thread_id_x())
    y = int(metal.thread_id_y())
    if not (x < width and y < height):
        return
    tile = x // 16 + (y // 16) * (width // 16)
    phase = (x - y) % 7
    total = 0.0
    for k in range(0, 64, step):
        if k % 2 == 0 or (phase == 3 and k > 8):
            continue
        total += levels[k] * math.sin(2.0 * math.pi * k / 64.0) + levels[63 - k] * math.cos(
            2.0 * math.pi * k / 64.0
        )
        if total > 1e6:
            break
    scale = 2 ** (phase & 3)
    image[y * width + x] = int(shade(total * scale + tile, 0.0, 255.0))


CASES = {
    "saxpy": (saxpy, "device const float*, device float*, float, uint"),
    "add_3d": (add_3d, "device const float*, device const float*, device float*, uint, uint, uint"),
    "mandelbrot": (mandelbrot, "device int*, uint, uint, int"),
    "n_body": (n_body, "device const float4*, device float4*, uint, float"),
    "many_things": (many_things, "device uchar*, constant float*, int, int, int"),
}


@pytest.mark.parametrize("name", CASES)
def test_golden(name, golden):
    function, types = CASES[name]
    names = inspect.signature(function).parameters
    declared = declared_types(function, dict(zip(names, types.split(", "), strict=True)))
    kernel = optimize(translate(function, declared))
    golden(f"ir/python_{name}.ir", print_kernel(kernel))
    golden(f"msl/python_{name}.metal", ir_to_msl(kernel).source)
