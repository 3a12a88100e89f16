"""Kernel templates and their instances: every form in which texts in the world write them."""

from __future__ import annotations

import textwrap

import pytest

from metal_runtime.dtype import DType
from metal_runtime.errors import MslError
from metal_runtime.msl.library import Library, read_library
from metal_runtime.msl_types import AddressSpace, Pointer, Vector
from metal_runtime.program import ArgumentKind, CompileOptions

HEADER = "#include <metal_stdlib>\nusing namespace metal;\n"
ADD = """
template <typename T, int N = 2>
[[kernel]] void add(
    device const T* a [[buffer(0)]],
    device T* out [[buffer(N)]],
    constant uint& n [[buffer(1)]],
    uint i [[thread_position_in_grid]]) { out[i] = a[i] + T(N); }
"""


def library(text: str, **options: object) -> Library:
    return read_library(HEADER + textwrap.dedent(text), "t.metal", CompileOptions(**options))  # type: ignore[arg-type]


def types(lib: Library, name: str) -> list[str]:
    return [argument.type_text for argument in lib.kernel(name).signature.arguments]


FORMS = {
    "decltype": 'template [[host_name("x")]] [[kernel]] decltype(add<float>) add<float>;',
    "keyword": 'template [[host_name("x")]] kernel void add<float>(device const float* a [[buffer(0)]], '
    "device float* out [[buffer(2)]], constant uint& n [[buffer(1)]], uint i [[thread_position_in_grid]]);",
    "unnamed": 'template [[host_name("x")]] [[kernel]] void add<float>(device const float*, device float*, '
    "constant uint&, uint);",
    "deduced": 'template [[host_name("x")]] kernel void add(device const float* a, device float* o, constant uint& n, uint i);',
    "alias": 'typedef decltype(add<float>) add_t;\ntemplate [[host_name("x")]] kernel add_t add<float>;',
    "using": 'using add_t = decltype(add<float>);\ntemplate [[host_name("x")]] kernel add_t add<float>;',
    "macro": "#define INSTANCE(name, func, ...) template [[host_name(name)]] [[kernel]] decltype(func<__VA_ARGS__>) func<__VA_ARGS__>;\n"
    'INSTANCE("x", add, float)',
    "pasted name": '#define INSTANCE(n, T) template [[host_name(#n "")]] kernel void add<T>(device const T*, device T*, constant uint&, uint);\n'
    "INSTANCE(x, float)",
    "attributes together": 'template [[host_name("x"), kernel]] decltype(add<float>) add<float>;',
    "kernel first": 'template [[kernel]] [[host_name("x")]] decltype(add<float>) add<float>;',
    "typedef of the argument": 'typedef float real;\ntemplate [[host_name("x")]] kernel void add<real>(device const real*, device real*, constant uint&, uint);',
    "global qualification": 'template [[host_name("x")]] kernel void ::add<float>(device const float*, device float*, constant uint&, uint);',
    "several lines": 'template\n[[host_name("x")]]\n[[kernel]]\nvoid\nadd<\n float\n>(device const float*,\n device float*, constant uint&, uint);',
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_instantiation(form: str) -> None:
    lib = library(ADD + FORMS[form])
    assert lib.names == ("x",)
    signature = lib.kernel("x").signature
    assert signature.name == "x"
    got = [(a.name, a.index, a.kind, a.type, a.written) for a in signature.arguments]
    device = AddressSpace.DEVICE
    assert got == [
        ("a", 0, ArgumentKind.BUFFER, Pointer(device, DType.FLOAT32, True), False),
        ("n", 1, ArgumentKind.VALUE, DType.UINT32, False),
        ("out", 2, ArgumentKind.BUFFER, Pointer(device, DType.FLOAT32), True),
    ]
    assert signature.builtins == ("thread_position_in_grid",)


def test_arguments_of_templates() -> None:
    lib = library(
        ADD
        + """
        template [[host_name("a")]] kernel decltype(add<half4>) add<half4>;
        template [[host_name("b")]] kernel decltype(add<float, 3 + 2>) add<float, 3 + 2>;
        template [[host_name("c")]] kernel decltype(add<metal::uchar, 4>) add<metal::uchar, 4>;
        struct pair { int x, y; };
        template [[host_name("d")]] kernel decltype(add<pair, (5 > 3) ? 7 : 8>) add<pair, (5 > 3) ? 7 : 8>;
        """
    )
    assert lib.names == ("a", "b", "c", "d")
    assert lib.kernel("a").signature.arguments[0].type == Pointer(
        AddressSpace.DEVICE, Vector(DType.FLOAT16, 4), True
    )
    assert [[a.index for a in lib.kernel(n).signature.arguments] for n in "abcd"] == [
        [0, 1, 2], [0, 1, 5], [0, 1, 4], [0, 1, 7],
    ]  # fmt: skip
    assert types(lib, "d") == ["device const pair*", "constant uint&", "device pair*"]
    assert [a.type for a in lib.kernel("d").signature.arguments] == [None, DType.UINT32, None]


def test_limit_and_threadgroup_memory_of_an_instance() -> None:
    lib = library(
        """
        template <typename T, short WM, short WN>
        [[kernel, max_total_threads_per_threadgroup(WM * WN * 32)]] void gemm(
            device T* a [[buffer(0)]],
            threadgroup T* shared [[threadgroup(0)]],
            uint3 tid [[threadgroup_position_in_grid]],
            uint lane [[thread_index_in_simdgroup]]) {
          constexpr int rows = WM * 8;
          threadgroup T tile[rows][WN + 1];
          threadgroup float one, two[2];
          threadgroup T* pointer = tile[0];
          threadgroup_barrier(mem_flags::mem_threadgroup);
          a[tid.x] = simd_sum(*pointer);
        }
        template [[host_name("g")]] kernel decltype(gemm<half, 2, 3>) gemm<half, 2, 3>;
        """
    )
    kernel = lib.kernel("g")
    assert kernel.signature.max_threads == 192
    assert kernel.signature.threadgroup_bytes == 16 * 4 * 2 + 4 + 8
    assert [(v.name, v.nbytes) for v in kernel.threadgroup_variables] == [
        ("tile", 128), ("one", 4), ("two", 8),
    ]  # fmt: skip
    (memory,) = kernel.signature.threadgroup_arguments
    assert (memory.name, memory.index, memory.type_text, memory.itemsize) == (
        "shared", 0, "threadgroup half*", 2,
    )  # fmt: skip
    assert [(m.name, m.kind.value) for m in kernel.meetings] == [
        ("threadgroup_barrier", "threadgroup"), ("simd_sum", "simdgroup"),
    ]  # fmt: skip


def test_namespaces() -> None:
    lib = library(
        """
        namespace outer { namespace inner {
        template <typename T> kernel void f(device T* x [[buffer(0)]]) {}
        template [[host_name("within")]] kernel void f<int>(device int*);
        } }
        template [[host_name("named")]] kernel void ::outer::inner::f<float>(device float*);
        namespace outer { kernel void plain(device int* x) {} }
        """
    )
    assert lib.names == ("within", "named", "plain")
    assert types(lib, "within") == ["device int*"]
    assert types(lib, "named") == ["device float*"]
    assert lib.kernel("plain").function.scope == ("outer",)


def test_overloaded_templates_are_told_apart_by_their_parameters() -> None:
    lib = library(
        """
        template <typename T> kernel void f(device T* x [[buffer(0)]]) {}
        template <typename T> kernel void f(device T* x [[buffer(4)]], device T* y [[buffer(5)]]) {}
        template [[host_name("one")]] kernel void f<int>(device int*);
        template [[host_name("two")]] kernel void f<int>(device int*, device int*);
        """
    )
    assert [a.index for a in lib.kernel("one").signature.arguments] == [0]
    assert [a.index for a in lib.kernel("two").signature.arguments] == [4, 5]


def test_what_an_instance_reaches() -> None:
    lib = library(
        """
        template <typename T> T twice(T x) { threadgroup_barrier(mem_flags::mem_none); return x + x; }
        struct Square { float operator()(float x) { return x * simd_max(x); } };
        struct Same { float operator()(float x) { return x; } };
        template <typename T, typename Op> kernel void f(device T* x [[buffer(0)]]) { x[0] = Op()(x[0]); }
        template <float (*op)(float)> kernel void g(device float* x [[buffer(0)]]) { x[0] = op(x[0]); }
        template [[host_name("square")]] kernel decltype(f<float, Square>) f<float, Square>;
        template [[host_name("same")]] kernel decltype(f<float, Same>) f<float, Same>;
        template [[host_name("called")]] kernel decltype(g<twice>) g<twice>;
        """
    )
    meetings = {name: [m.name for m in lib.kernel(name).meetings] for name in lib.names}
    assert meetings["called"] == ["threadgroup_barrier"]
    assert "simd_max" in meetings["square"]
    assert meetings["same"] == []


def test_host_names_of_plain_kernels_and_specialisations() -> None:
    lib = library(
        """
        [[host_name("first")]] kernel void a(device int* x) {}
        kernel void b [[host_name("second")]] (device int* x) {}
        [[kernel]] [[host_name("third")]] void c(device int* x) {}
        template <typename T> kernel void f(device T* x) {}
        template <> [[host_name("fourth")]] kernel void f<int>(device int* x) {}
        kernel void d(device int* x) [[max_total_threads_per_threadgroup(64)]] {}
        """
    )
    assert lib.names == ("first", "second", "third", "fourth", "d")
    assert lib.kernel("second").function.name == "b"
    assert lib.kernel("d").signature.max_threads == 64


def test_templates_without_an_instance_are_no_kernels() -> None:
    lib = library(
        "template <typename T> kernel void f(device T* x) {}\nkernel void k(device int* x) {}"
    )
    assert lib.names == ("k",)
    assert lib.problems == {}
    lib = library("template <typename T> kernel void f(device T* x) {}")
    with pytest.raises(MslError, match="is a template: it has no instance to run"):
        lib.kernel("f")


def test_wrong_instances() -> None:
    lib = library('template [[host_name("x")]] kernel void nothing<float>(device float*);')
    with pytest.raises(MslError, match="no kernel template `nothing`") as caught:
        lib.kernel("x")
    assert str(caught.value.span) == "t.metal:3:41"
    lib = library(ADD + FORMS["decltype"] + FORMS["unnamed"])
    with pytest.raises(MslError, match="kernel `x` is defined twice"):
        lib.kernel("x")
    lib = library(ADD + FORMS["decltype"])
    with pytest.raises(MslError, match="its instances have names of their own") as caught:
        lib.kernel("add")
    assert caught.value.hint == "it has `x`"


def test_place_of_an_instance_is_its_instantiation() -> None:
    lib = library(ADD + FORMS["decltype"])
    assert str(lib.kernel("x").signature.span) == "t.metal:10:61"


def test_parameters_of_all_kinds() -> None:
    lib = library(
        """
        enum { first, second = 4, third };
        constant constexpr int base = 2;
        struct S { float x; };
        kernel void k(
            device atomic_uint* counter [[buffer(third)]],
            const device atomic<float>* sums [[buffer(base + 1)]],
            volatile coherent(system) device uint* flag [[buffer(7)]],
            constant const int64_t shape[3] [[buffer(8)]],
            device metal::float4* const __restrict v [[buffer(9)]],
            constant packed_float3* p [[buffer(10)]],
            constant float4x4& m [[buffer(11)]],
            threadgroup S* s [[threadgroup(1)]],
            threadgroup float& total,
            device void* anything [[buffer(12)]],
            ushort2 lane [[thread_position_in_threadgroup]],
            uint width [[threads_per_simdgroup]],
            uint quad [[quadgroup_index_in_threadgroup]]) {}
        """
    )
    signature = lib.kernel("k").signature
    device, constant = AddressSpace.DEVICE, AddressSpace.CONSTANT
    assert [(a.name, a.index, a.type, a.itemsize) for a in signature.arguments] == [
        ("sums", 3, Pointer(device, DType.FLOAT32, True), 4),
        ("counter", 5, Pointer(device, DType.UINT32), 4),
        ("flag", 7, Pointer(device, DType.UINT32), 4),
        ("shape", 8, Pointer(constant, DType.INT64, True), 8),
        ("v", 9, Pointer(device, Vector(DType.FLOAT32, 4)), 16),
        ("p", 10, None, 12),
        ("m", 11, None, 64),
        ("anything", 12, None, None),
    ]
    assert [(a.name, a.index, a.itemsize) for a in signature.threadgroup_arguments] == [
        ("total", 0, 4), ("s", 1, None),
    ]  # fmt: skip
    assert signature.builtins == (
        "thread_position_in_threadgroup", "threads_per_simdgroup", "quadgroup_index_in_threadgroup",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ("threadgroup float* a [[threadgroup(1)]], threadgroup int* b [[threadgroup(1)]]", "threadgroup index 1 is given twice"),
        ("threadgroup float* a [[threadgroup(31)]]", "threadgroup index 31 is over Metal's limit of 30"),
        ("threadgroup float a [[threadgroup(0)]]", "must point to threadgroup memory"),
        ("device float* a [[threadgroup(0)]]", "must point to threadgroup memory"),
        ("device float* a [[buffer(unknown)]]", "a buffer index must be a constant integer"),
    ],
)  # fmt: skip
def test_wrong_parameters(parameters: str, message: str) -> None:
    with pytest.raises(MslError, match=message):
        library(f"kernel void k({parameters}) {{}}").kernel("k")


@pytest.mark.parametrize(
    "text",
    [
        "kernel void k(texture2d<float, access::read> t [[texture(0)]]) {}",
        "kernel void k(device float* a) { constexpr sampler s(coord::normalized); }",
        "kernel void k(raytracing::instance_acceleration_structure s [[buffer(0)]]) {}",
        "kernel void k(device float* a) { raytracing::intersector<> i; }",
        "kernel void k(imageblock<float> b) {}",
        "kernel void k(device float* a) { tensor_ops::matmul2d<> m; }",
    ],
)
def test_outside_compute(text: str) -> None:
    with pytest.raises(MslError, match="is outside compute kernels over buffers"):
        library(text).kernel("k")


@pytest.mark.parametrize("stage", ["vertex", "fragment", "[[vertex]]", "[[fragment]]", "[[mesh]]", "[[object]]"])  # fmt: skip
def test_render_stages(stage: str) -> None:
    lib = library(
        f"{stage} float4 f(uint i [[vertex_id]]) {{ return 0; }}\nkernel void k(device int* a) {{}}"
    )
    with pytest.raises(MslError, match="only compute kernels run here"):
        lib.kernel("f")
    assert list(lib.kernels) == ["k"]
