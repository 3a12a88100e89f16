"""Signatures of hand-written MSL: kernels, parameters, buffer indices, attributes."""

from __future__ import annotations

import pytest

from metal_runtime.dtype import DType
from metal_runtime.errors import MslError
from metal_runtime.msl.library import read_library
from metal_runtime.msl.signature import read_program
from metal_runtime.msl_types import AddressSpace, Pointer, Vector
from metal_runtime.program import ArgumentKind, CompileOptions, Signature

HEADER = "#include <metal_stdlib>\nusing namespace metal;\n"


def signature(parameters: str, before: str = "", attributes: str = "") -> Signature:
    program = read_program(f"{HEADER}{before}{attributes} kernel void k({parameters}) {{}}")
    return program.entry_point("k")


def indices(parameters: str) -> dict[str, int]:
    return {a.name: a.index for a in signature(parameters).arguments}


def test_types_and_kinds() -> None:
    arguments = signature(
        """device const float* a [[buffer(0)]], device half4 *b [[buffer(1)]],
        constant uint& n [[buffer(2)]], constant float* table [[buffer(3)]], device S& s [[buffer(4)]],
        const device packed_float3* p [[buffer(5)]], constant S& t [[buffer(6)]], int device* q [[buffer(7)]],
        constant float3 & v [[ buffer( 8 ) ]], device uchar const* const r [[buffer(9)]]""",
        "struct S { int x; };",
    ).arguments
    got = [(a.name, a.kind, a.type_text, a.type, a.itemsize, a.written, a.space) for a in arguments]
    device, constant = AddressSpace.DEVICE, AddressSpace.CONSTANT
    buffer, value = ArgumentKind.BUFFER, ArgumentKind.VALUE
    assert got[0] == (
        "a",
        buffer,
        "device const float*",
        Pointer(device, DType.FLOAT32, True),
        4,
        False,
        device,
    )
    assert got[1] == (
        "b",
        buffer,
        "device half4*",
        Pointer(device, Vector(DType.FLOAT16, 4)),
        8,
        True,
        device,
    )
    assert got[2] == ("n", value, "constant uint&", DType.UINT32, 4, False, constant)
    assert got[3] == (
        "table",
        buffer,
        "constant float*",
        Pointer(constant, DType.FLOAT32, True),
        4,
        False,
        constant,
    )
    assert got[4] == ("s", buffer, "device S&", None, None, True, device)
    assert got[5][:3] == ("p", buffer, "const device packed_float3*")
    assert got[5][5:] == (False, device)
    assert got[6] == ("t", value, "constant S&", None, None, False, constant)
    assert got[7][3] == Pointer(device, DType.INT32)
    assert got[8][3:5] == (Vector(DType.FLOAT32, 3), 16)
    assert got[9][5] is False


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ("device int* a, device int* b, uint i [[thread_position_in_grid]]", {"a": 0, "b": 1}),
        ("device int* a [[buffer(1)]], device int* b, device int* c", {"a": 1, "b": 0, "c": 2}),
        (
            "uint i [[thread_position_in_grid]], device int* a, device int* b [[buffer(0)]]",
            {"a": 1, "b": 0},
        ),
        ("device int* a [[buffer(30)]], constant int& b", {"a": 30, "b": 0}),
        ("device int* a [[buffer(2u)]]", {"a": 2}),
    ],
)
def test_buffer_indices(parameters: str, expected: dict[str, int]) -> None:
    assert indices(parameters) == expected


def test_arguments_come_in_order_of_index() -> None:
    assert [
        a.name
        for a in signature("device int* b [[buffer(5)]], device int* a [[buffer(2)]]").arguments
    ] == ["a", "b"]


def test_builtins_and_limit() -> None:
    got = signature(
        "uint3 p [[thread_position_in_grid]], ushort i [[thread_index_in_threadgroup]]",
        attributes="[[max_total_threads_per_threadgroup(128)]]",
    )
    assert got.builtins == ("thread_position_in_grid", "thread_index_in_threadgroup")
    assert got.max_threads == 128


@pytest.mark.parametrize(
    "source",
    [
        "kernel void k() {}",
        "[[kernel]] void k() {}",
        "[[kernel, max_total_threads_per_threadgroup(4)]] void k() {}",
        "kernel void k(void) {}",
        "static constant int c[2] = {1, 2}; struct S { int f() { return 1; } int x = {3}; }; kernel void k() {}",
        "namespace n { enum class E { a, b }; inline int g(int x = 3) { return x; } } kernel void k() {}",
        "template <typename T, int N = (3 > 2)> T g(T x) { return x; } kernel void k() {}",
        "struct V { V(int x) : a(x), b{x} {} int a, b; V operator+(V o) const { return V(a + o.a); } }; kernel void k() {}",
        "// kernel void no() { threadgroup_barrier(); }\n/* kernel void no2(texture2d<float> t) {} */ kernel void k() {}",
        "kernel void k(); kernel void k() {}",
        "namespace { kernel void k() {} }",
        'extern "C" { kernel void k() {} }',
    ],
)
def test_kernel_is_found(source: str) -> None:
    assert [s.name for s in read_program(HEADER + source).entry_points] == ["k"]


def test_several_kernels_and_places() -> None:
    program = read_program(
        HEADER + "kernel void a() {}\nkernel void b(device int* x) {}\n", "two.metal"
    )
    assert [(s.name, str(s.span)) for s in program.entry_points] == [
        ("a", "two.metal:3:13"),
        ("b", "two.metal:4:13"),
    ]


def test_kernels_out_of_reach_do_not_stand_in_the_way() -> None:
    source = (
        HEADER
        + """
        void unused(texture2d<float> t) {}
        kernel void good(device int* a) { a[0] = 1; }
        kernel void later(device int* a, texture2d<float> t [[texture(0)]]) {}
        vertex float4 drawn() { return 0; }
    """
    )
    assert [s.name for s in read_program(source).entry_points] == ["good"]
    library = read_library(source, "<msl>", CompileOptions())
    for name in ("later", "drawn"):
        with pytest.raises(MslError):
            library.kernel(name)


def test_construct_in_a_reached_helper_is_found() -> None:
    source = (
        HEADER
        + """
        void c() { sampler s; }
        void b() { c(); }
        kernel void k(device int* a) { b(); }"""
    )
    with pytest.raises(MslError, match="`sampler` is outside compute kernels"):
        read_program(source)


def test_names_of_the_users_own_are_no_constructs() -> None:
    read_program(
        HEADER
        + "float sampler(float x) { return x; } kernel void k(device float* a) { a[0] = sampler(a[1]); }"
    )
