"""Address spaces are erased only where that cannot choose another overload."""

from __future__ import annotations

import numpy as np
import pytest

import metal_runtime
from metal_runtime.errors import MslError
from metal_runtime.msl.address_spaces import merged_overloads
from metal_runtime.msl.library import Library, read_library
from metal_runtime.msl.signature import read_program
from metal_runtime.program import CompileOptions
from tests.backends.cpu.device_runs import HEADER, device, pipeline, run

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
        "struct S { float x; S(device float* p) { x = 1; } S(thread float* p) { x = 2; } };",
        "struct S { float x; }; float operator+(device S& a, float b) { return 1; } float operator+(thread S& a, float b) { return 2; }",
        "float max(device float* p) { return 1; } float max(thread float* p) { return 2; }",
        "template <class T> float g(device T* p) { return 1; } template <class T> float g(thread T* p) { return 2; } template <> float g<int>(thread int* p) { return 3; }",
    ],
)
def test_refused(text: str) -> None:
    with pytest.raises(MslError, match="that differ by address space must do the same"):
        merged_overloads(library(text))


_OVERLOADS = """
int f(device const float* p) { return 1; } int f(thread const float* p) { return 2; }
int f(threadgroup float* p) { return 3; } int f(constant float* p) { return 4; }
int f(int n) { return 9; }
int r(device const float& x) { return 1; } int r(const thread float& x) { return 2; }
int two(device float* a, thread float* b, int n = 1) { return 1; } int two(thread float* a, device float* b, int n = 2) { return 2 * n; }
int half_of(device float* p, int n) { return n * 2; } int half_of(thread float* p, float n) { return n * 2; }
template <typename P> int g(P p) { return 10 * f(p); }
template <typename T> int h(device const T* p) { return 100 + f(p); } template <typename T> int h(thread const T* p) { return 100 + f(p); }
template <typename T> int t(device T* p) { return 1; } template <typename T> int t(T p) { return 2; }
struct S { int x; int m() device { return 5; } int m() thread { return 6; } int n() const device { return f(&table[0]) + 20; } };
struct V { device float* at; };
constant float table[2] = {1, 2};
""".replace("f(&table[0]) + 20", "20")


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("f(a)", 1), ("f(own)", 2), ("f(shared)", 3), ("f(table)", 4), ("f(7)", 9),
        ("f(a + i)", 1), ("f(&a[i])", 1), ("f(&own[1])", 2), ("f(&shared[1])", 3), ("f(q)", 1), ("f(o)", 2),
        ("f((device const float*)q)", 1), ("f(v.at)", 1), ("f(v.at + 1)", 1), ("f(&v.at[1])", 1),
        ("f(true ? a : q)", 1), ("r(a[i])", 1), ("r(own[1])", 2), ("r(2.0)", 2), ("r(*q)", 1),
        ("two(a, own)", 1), ("two(own, a)", 4), ("two(own, a, 3)", 6),
        ("g(a)", 10), ("g(own)", 20), ("g(shared)", 30), ("g(table)", 40), ("g(7)", 90), ("g(&own[1])", 20),
        ("h(a)", 101), ("h(own)", 102), ("h(q + 1)", 101), ("t(a)", 1), ("t(own)", 2), ("t(3)", 2),
        ("s[i].m()", 5), ("local.m()", 6), ("(&local)->m()", 6), ("(s + i)->m()", 5),
        ("half_of(a, 3.5f)", 6), ("half_of(own, 3.5f)", 7), ("f(own) + 10 * f(a)", 12), ("f(f(own))", 9), ("own[0] > 0 || f(a) == 1 ? f(own) : f(a)", 2),
    ],
)  # fmt: skip
def test_the_right_overload_runs(expression: str, expected: int) -> None:
    compiled = pipeline(
        _OVERLOADS
        + f"""
        kernel void k(device float* a, device int* out, device S* s, uint i [[thread_position_in_grid]]) {{
            threadgroup float shared[4];
            float own[3] = {{1.0, 1.0, 2.0}}; S local; V v; v.at = a;
            auto q = a + i; thread float* o = &own[1];
            out[i] = {expression};
        }}""",
        "k",
    )
    out = np.full(4, -1, np.int32)
    run(compiled, (4,), np.ones(8, np.float32), out, np.zeros(4, np.int32))
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize(
    "body",
    [
        "auto l = [&](device float* p) { return f(p); }; out[i] = l(a);",
        "W<device float*> w; out[i] = f(w.at);",
    ],
)
def test_undecided(body: str) -> None:
    text = "template <typename P> struct W { P at; };" + _OVERLOADS
    text += f"kernel void k(device float* a, device int* out, uint i [[thread_position_in_grid]]) {{ {body} }}"
    with pytest.raises(MslError, match="which overload of `f` is meant depends") as caught:
        pipeline(text, "k")
    assert caught.value.span is not None
    assert caught.value.hint is not None


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


@pytest.mark.parametrize("strategy", ["regions", "fibers"])
def test_across_barriers(strategy: str) -> None:
    source = (
        HEADER
        + _OVERLOADS
        + """
        kernel void k(device float* a, device int* out, uint i [[thread_index_in_threadgroup]]) {
            threadgroup float shared[32];
            shared[i] = a[i];
            threadgroup_barrier(mem_flags::mem_threadgroup);
            out[i] = 100 * f(shared) + g(a) + f(&shared[31 - i]);
        }"""
    )
    program = read_program(source, options=CompileOptions(strategy=strategy))
    compiled = device().load(program).pipeline("k")
    out = np.full(32, -1, np.int32)
    run(compiled, (32,), np.ones(32, np.float32), out)
    np.testing.assert_array_equal(out, 313)


def test_members_without_a_body_are_declared_once():
    source = """#include <metal_stdlib>
using namespace metal;
struct Plain {
    float s;
    Plain() thread = default;
    Plain() threadgroup = default;
    Plain() device = default;
    Plain() constant = default;
    float twice() const thread;
    float twice() const device;
};
template <typename T> struct Pair {
    T m;
    float d;
    constexpr Pair<T>() = default;
    constexpr Pair<T>() threadgroup = default;
};
kernel void k(device float* x [[buffer(0)]], uint i [[thread_position_in_grid]]) {
    Plain a;
    Pair<float> b;
    a.s = 3;
    b.m = 4;
    x[i] = a.s + b.m;
}
"""
    out = np.zeros(5, np.float32)
    metal_runtime.compile(source).k(out, threads=5)
    assert out.tolist() == [7] * 5
