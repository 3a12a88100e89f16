"""Outputs that bypass the caches: which kernels qualify, and that they store the same as any other way."""

from __future__ import annotations

import numpy as np
import pytest

from metal_runtime.backends.cpu import entry
from metal_runtime.backends.cpu.device import open_device
from metal_runtime.device.launch_config import LaunchConfig
from metal_runtime.msl.library import read_library
from metal_runtime.msl.msl_to_cpp import translate
from metal_runtime.msl.signature import read_program
from metal_runtime.program import CompileOptions

HEAD = """
#include <metal_stdlib>
using namespace metal;
"""
PARAMETERS = "device const float* a [[buffer(0)]], device float* o [[buffer(1)]], constant uint& n [[buffer(2)]], uint i [[thread_position_in_grid]]"


def kernel(body: str, parameters: str = PARAMETERS, before: str = "") -> str:
    return f"{HEAD}{before}\nkernel void k({parameters}) {{ {body} }}\n"


def streamed(text: str) -> tuple[int, ...]:
    library = read_library(text, "<msl>", CompileOptions())
    return tuple(output.number for output in translate(library, "k").streamed)


@pytest.mark.parametrize(
    "body",
    [
        "o[i] = a[i] * 2;",
        "if (i < n) o[i] = a[i];",
        "if (i >= n) return; float x = a[i]; o[i] = x > 0 ? x : -x;",
        "if (a[i] > 0) { o[i] = 1; }",
    ],
)
def test_one_store_a_thread_qualifies(body):
    assert streamed(kernel(body)) == (1,)


@pytest.mark.parametrize(
    "body",
    [
        "o[i] += a[i];",
        "o[i] = o[i] + a[i];",
        "o[i + 1] = a[i];",
        "o[n] = a[i];",
        "o[i] = a[i]; o[i] = 0;",
        "for (int j = 0; j < 2; j++) o[i] = a[j];",
        "i += 1; o[i] = a[i];",
        "device float4& p = (device float4&)a[i]; o[i] = p.x;",
        "if (a[i] > 0) i++; o[i] = 1;",
        "thread uint& j = i; j = 3; o[i] = 1;",
        "device float* p = o; p[i] = a[i];",
        "((device float*)a)[i] = 1; o[i] = 2;",
        "if (a[i] == 0) o[i] == 3;",
        "*(o + i) = a[i];",
        "float x = (o[i] = a[i]); o[0] = x;",
    ],
)
def test_anything_else_does_not(body):
    assert streamed(kernel(body)) == ()


def test_other_indices_outputs_and_helpers():
    assert streamed(kernel("o[i.x] = a[i.x];", PARAMETERS.replace("uint i", "uint2 i"))) == ()
    two = PARAMETERS.replace("device const float* a", "device float4* a")
    assert streamed(kernel("a[i] = float4(1); o[i] = 2;", two)) == (0, 1)
    assert streamed(kernel("o[i] = 2;", two)) == ()
    change = "void change(thread uint& x) { x = 3; }"
    assert streamed(kernel("change(i); o[i] = 1;", before=change)) == ()
    helper = "void put(device float* p) { p[0] = 1; }"
    assert streamed(kernel("put(o); o[i] = 1;", before=helper)) == ()
    twice = "inline float twice(float x) { return 2 * x; }"
    assert streamed(kernel("o[i] = twice(a[i]);", before=twice)) == (1,)


@pytest.fixture(params=["streamed", "cached"])
def threshold(request, monkeypatch):
    limit = 0 if request.param == "streamed" else 2**60
    monkeypatch.setattr(entry, "last_level_cache_bytes", lambda: limit)


@pytest.mark.parametrize("count", [1, 15, 1023, 1024, 1025, 100_003])
@pytest.mark.parametrize("offset", [0, 4, 60])
@pytest.mark.usefixtures("threshold")
def test_every_element_is_stored_and_no_other(count, offset):
    """Guards leave gaps, outputs begin anywhere, and what lies around them stays."""
    rng = np.random.default_rng()
    body = "if (i < n && a[i] != 0) o[i] = a[i] * 2 + 1;"
    device = open_device()
    values = rng.standard_normal(count).astype(np.float32)
    values[rng.random(count) < 0.0005] = 0
    bound = max(count - 3, 0)
    source, target = (
        device.allocator.allocate(values.nbytes),
        device.allocator.allocate(values.nbytes + 128),
    )
    try:
        view(source, count)[:] = values
        whole = view(target, count + 32)
        whole[:] = -7
        pipeline = device.load(read_program(kernel(body))).pipeline("k")
        bindings = [(source, 0), (target, offset), np.uint32(bound).tobytes()]
        device.stream.launch(pipeline, LaunchConfig((count, 1, 1), (32, 1, 1)), bindings)
        device.stream.synchronize()
        expected = np.full(count + 32, -7, np.float32)
        written = np.flatnonzero((np.arange(count) < bound) & (values != 0))
        expected[offset // 4 + written] = np.float32(2) * values[written] + np.float32(1)
        np.testing.assert_allclose(whole, expected, rtol=3e-7)
    finally:
        device.allocator.free(source)
        device.allocator.free(target)
        device.close()


@pytest.mark.usefixtures("threshold")
def test_several_outputs_of_several_types_over_rows():
    text = kernel(
        "c[i] = a[i].x > 0; o[i] = a[i].wzyx;",
        "device const float4* a [[buffer(0)]], device half4* o [[buffer(1)]], "
        "device bool* c [[buffer(2)]], uint i [[thread_position_in_grid]]",
    ).replace("a[i].wzyx", "half4(a[i].wzyx)")
    assert streamed(text) == (1, 2)
    count = 3001
    values = np.random.default_rng().standard_normal((count, 4)).astype(np.float32)
    device = open_device()
    memory = [device.allocator.allocate(n) for n in (values.nbytes, count * 8, count)]
    try:
        view(memory[0], count * 4)[:] = values.reshape(-1)
        pipeline = device.load(read_program(text)).pipeline("k")
        config = LaunchConfig((count, 2, 1), (64, 1, 1))
        device.stream.launch(pipeline, config, [(m, 0) for m in memory])
        device.stream.synchronize()
        halves = view(memory[1], count * 4, np.float16).reshape(count, 4)
        np.testing.assert_array_equal(halves, values[:, ::-1].astype(np.float16))
        np.testing.assert_array_equal(view(memory[2], count, np.bool_), values[:, 0] > 0)
    finally:
        for allocation in memory:
            device.allocator.free(allocation)
        device.close()


def view(allocation, count, dtype=np.float32):
    import ctypes

    nbytes = count * np.dtype(dtype).itemsize
    return np.frombuffer((ctypes.c_char * nbytes).from_address(allocation.address), dtype)
