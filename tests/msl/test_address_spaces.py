"""Address spaces are erased only where that cannot choose another overload."""

from __future__ import annotations

import numpy as np
import pytest

from metal_runtime.errors import MslError
from metal_runtime.msl.address_spaces import merged_overloads
from metal_runtime.msl.library import Library, read_library
from metal_runtime.program import CompileOptions
from tests.backends.cpu.device_runs import pipeline, run

KERNEL = "\nkernel void f(device float* a, uint i [[thread_position_in_grid]]) { a[i] = 1; }"


def library(text: str) -> Library:
    return read_library(text + KERNEL, "<msl>", CompileOptions())


@pytest.mark.parametrize(
    ("text", "merged"),
    [
        ("float g(device float* p) { return *p; } float g(thread float* p) { return *p; }", 1),
        ("float g(device float* p) { return *p; } float g(constant float* p) { return *p; }", 0),
        (
            "struct S { int x; int g() const device { return x; } int g() const thread { return x; } };",
            1,
        ),
        (
            "template <class T> T g(device T* p) { return *p; } template <class T> T g(thread T* p) { return *p; }",
            1,
        ),
        ("float g(device float* p) { return 1; } float g(thread int* p) { return 2; }", 0),
        (
            "struct A {}; struct B {}; int g(device A* p) { return 1; } int g(thread B* p) { return 2; }",
            0,
        ),
        ("float g(device float* p) { return 1; } float h(thread float* p) { return 2; }", 0),
        (
            "float g(device packed_float3* p) { return 1; } float g(thread float* p) { return 2; }",
            0,
        ),
        ("float g(float p) { return 1; } float g(thread float* p) { return 2; }", 0),
        (
            "namespace n { float g(device float* p) { return 1; } } float g(thread float* p) { return 2; }",
            0,
        ),
        ("float g(device float* p); float g(device float* p) { return 1; }", 0),
    ],
)
def test_harmless(text: str, merged: int) -> None:
    assert len(merged_overloads(library(text))) == merged


@pytest.mark.parametrize(
    "text",
    [
        "float g(device float* p) { return 1; } float g(thread float* p) { return 2; }",
        "float g(device float* p) { return 1; } float g(const thread float* p) { return 2; }",
        "float g(device float* p, int n) { return 1; } float g(thread float* p, float n) { return 2; }",
        "float g(device float& p) { return 1; } float g(constant float& p) { return 2; }",
        "template <class T> float g(device T* p) { return 1; } float g(thread float* p) { return 2; }",
        "template <class T> float g(device vec<T, 4>* p) { return 1; } float g(thread float4* p) { return 2; }",
        "typedef float real; float g(device float* p) { return 1; } float g(thread real* p) { return 2; }",
        "template <class T> float g(T p) { return 1; } float g(device float* p) { return 2; }",
        "struct S { int g() device { return 1; } int g() thread { return 2; } };",
    ],
)
def test_ambiguous(text: str) -> None:
    with pytest.raises(MslError, match="overloads of `g` that differ by address space"):
        merged_overloads(library(text))


def test_merged_overload_runs(rng: np.random.Generator) -> None:
    compiled = pipeline("""
        float sum(device const float* p, int n) { float s = 0; for (int k = 0; k < n; ++k) s += p[k]; return s; }
        float sum(thread const float* p, int n) { float s = 0; for (int k = 0; k < n; ++k) s += p[k]; return s; }
        kernel void f(device const float* a, device float* out, uint i [[thread_position_in_grid]]) {
            float own[3] = {a[i], 1.0, 2.0};
            out[i] = sum(own, 3) + sum(a + i, 2);
        }""")
    a = rng.integers(-9, 9, 101).astype(np.float32)
    out = np.full(100, np.nan, np.float32)
    run(compiled, (100,), a, out)
    np.testing.assert_array_equal(out, a[:100] + 3 + a[:100] + a[1:])
