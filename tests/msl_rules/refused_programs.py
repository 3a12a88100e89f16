"""Programs that Metal refuses, each beside its nearest valid twin: they differ in the one line at ``@``."""

from __future__ import annotations

from dataclasses import dataclass

HEAD = "#include <metal_stdlib>\nusing namespace metal;\n"
GRID = "uint i [[thread_position_in_grid]]"


@dataclass(frozen=True)
class Case:
    """``text`` with ``wrong`` in place of its line ``@`` breaks ``rule`` at that line; with ``right`` it is valid."""

    rule: str
    text: str
    wrong: str
    right: str
    family: str = "apple7"

    @property
    def line(self) -> int:
        return (HEAD + self.text).split("\n").index("@") + 1

    def program(self, line: str) -> str:
        return HEAD + self.text.replace("\n@\n", f"\n{line}\n") + "\n"


def _body(before: str = "", parameters: str = "device float* a [[buffer(0)]]") -> str:
    """A program whose kernel has one line that matters."""
    return f"{before}\nkernel void k({parameters}, {GRID}) {{\n@\n}}"


def _top(body: str = "a[i] = 1;") -> str:
    """A program with one declaration before its kernel that matters."""
    return f"\n@\nkernel void k(device float* a [[buffer(0)]], {GRID}) {{\n{body}\n}}"


def _kernel(body: str = "") -> str:
    """A program of which the kernel's own line matters."""
    return f"struct S {{ float x; }};\n@\n{{ {body} }}"


_STRUCT = "struct S { device float* p; float x[4]; };"
_HELPERS = (
    "float read(thread const float* p) { return *p; }\n"
    "void put(thread float& to, float x) { to = x; }\n"
    "device float* at(device float* p, uint i) { return p + i; }\n"
    "template <typename T> T head_of(threadgroup T* p) { return *p; }\n"
    "constant float table[4] = {1, 2, 3, 4};"
)

CASES: dict[str, Case] = {
    # --- what C++ has and Metal has not
    "double_variable": Case("double", _body(), "double x = a[i];", "float x = a[i];"),
    "double_vector": Case("double", _top(), "struct V { double4 v; };", "struct V { float4 v; };"),
    "long_double_literal": Case("double", _body(), "a[i] = 1.5L;", "a[i] = 1.5;"),
    "new": Case("memory", _body(), "thread float* p = new float[4]; a[i] = p[0];", "float p[4] = {}; a[i] = p[0];"),
    "delete": Case("memory", _body(), "delete a;", "(void)a;"),
    "virtual": Case("virtual", _top(), "struct A { virtual float f() { return 1; } };", "struct A { float f() { return 1; } };"),
    "throw": Case("exceptions", _body(), "if (i > 9) throw 1;", "if (i > 9) return;"),
    "try": Case("exceptions", _body(), "try { a[i] = 1; } catch (...) {}", "{ a[i] = 1; }"),
    "dynamic_cast": Case("type-identification", _body(), "a[i] = dynamic_cast<float>(1);", "a[i] = static_cast<float>(1);"),
    "typeid": Case("type-identification", _body(), "a[i] = sizeof(typeid(float));", "a[i] = sizeof(float);"),
    "goto": Case("goto", _body(), "if (i) goto out; a[i] = 1; out: ;", "if (i) return; a[i] = 1;"),
    "thread_local": Case("storage", _body(), "thread_local float x = 1; a[i] = x;", "float x = 1; a[i] = x;"),
    "register": Case("storage", _body(), "register float x = 1; a[i] = x;", "float x = 1; a[i] = x;"),
    "static_local": Case("storage", _body(), "static int count = 0; a[i] = count;", "int count = 0; a[i] = count;"),
    "assembly": Case("assembly", _body(), 'asm("nop");', "a[i] = 1;"),
    "standard_library": Case("standard-library", _body(), "a[i] = std::max(a[i], 0.0f);", "a[i] = metal::max(a[i], 0.0f);"),
    "recursion": Case("recursion", _top("a[i] = factorial(3);"), "int factorial(int n) { return n < 2 ? 1 : n * factorial(n - 1); }", "int factorial(int n) { int r = 1; for (; n > 1; --n) r *= n; return r; }"),
    "mutual_recursion": Case("recursion", "\nint odd(int n);\nint even(int n) { return n == 0 ? 1 : odd(n - 1); }\n@\nkernel void k(device int* a [[buffer(0)]]) { a[0] = even(4); }", "int odd(int n) { return n == 0 ? 0 : even(n - 1); }", "int odd(int n) { return n & 1; }"),
    "variadic": Case("variadic", _top(), "float sum(int n, ...) { return n; }", "template <typename... T> float sum(int n, T... x) { return n; }"),
    "function_pointer": Case("function-pointer", _body("float twice(float x) { return 2 * x; }"), "float (*f)(float) = twice; a[i] = f(a[i]);", "auto f = [](float x) { return twice(x); }; a[i] = f(a[i]);"),
    # --- address spaces that are missing
    "pointer_parameter": Case("address-space-missing", _top(), "float f(const float* p) { return p[0]; }", "float f(thread const float* p) { return p[0]; }"),
    "reference_parameter": Case("address-space-missing", _top(), "void f(float& x) { x = 1; }", "void f(thread float& x) { x = 1; }"),
    "pointer_member": Case("address-space-missing", _top(), "struct V { float* p; uint n; };", "struct V { device float* p; uint n; };"),
    "pointer_variable": Case("address-space-missing", _body(), "float* p = a; p[i] = 1;", "device float* p = a; p[i] = 1;"),
    "pointer_to_struct": Case("address-space-missing", _top().replace("\n@", "struct S { float x; };\n@"), "float f(S* s) { return s->x; }", "float f(thread S* s) { return s->x; }"),
    "pointer_cast": Case("address-space-missing", _body(), "a[i] = *((int*)a + i);", "a[i] = *((device int*)a + i);"),
    "pointer_result": Case("address-space-missing", _top(), "float* f(device float* p) { return p; }", "device float* f(device float* p) { return p; }"),
    "pointer_typedef": Case("address-space-missing", _top(), "typedef float* P;", "typedef device float* P;"),
    "pointer_alias": Case("address-space-missing", _top(), "using P = const float*;", "using P = device const float*;"),
    "reference_variable": Case("address-space-missing", _body(), "float x = a[i]; float& y = x; y = 1;", "float x = a[i]; thread float& y = x; y = 1;"),
    "pointer_static_cast": Case("address-space-missing", _body(), "a[i] = *reinterpret_cast<int*>(a);", "a[i] = *reinterpret_cast<device int*>(a);"),
    "kernel_pointer": Case("address-space-missing", _kernel(), f"kernel void k(float* a [[buffer(0)]], {GRID})", f"kernel void k(device float* a [[buffer(0)]], {GRID})"),
    "kernel_reference": Case("address-space-missing", _kernel(), f"kernel void k(device float* a [[buffer(0)]], S& s [[buffer(1)]], {GRID})", f"kernel void k(device float* a [[buffer(0)]], constant S& s [[buffer(1)]], {GRID})"),
    "program_scope": Case("program-scope", _top(), "const float pi = 3.14;", "constant float pi = 3.14;"),
    "program_scope_array": Case("program-scope", _top(), "constexpr int primes[3] = {2, 3, 5};", "constant constexpr int primes[3] = {2, 3, 5};"),
    "program_scope_threadgroup": Case("program-scope", _top(), "threadgroup float shared[32];", "constant float shared[32] = {};"),
    "device_variable": Case("variable-space", _body(), "device float x = 1; a[i] = x;", "thread float x = 1; a[i] = x;"),
    # --- address spaces that are wrong
    "initial_value": Case("address-space", _body(), "thread float* p = a; a[i] = *p;", "device float* p = a; a[i] = *p;"),
    "initial_offset": Case("address-space", _body(parameters="device float* a [[buffer(0)]], constant float* c [[buffer(1)]]"), "device float* p = c + 2 * i; a[i] = *p;", "constant float* p = c + 2 * i; a[i] = *p;"),
    "address_of_local": Case("address-space", _body(), "float x = 1; device float* p = &x; a[i] = *p;", "float x = 1; thread float* p = &x; a[i] = *p;"),
    "address_of_element": Case("address-space", _body(), "thread float* p = &a[i]; *p = 1;", "device float* p = &a[i]; *p = 1;"),
    "assignment": Case("address-space", _body(), "threadgroup float t[8]; device float* p = a; p = t; *p = 1;", "threadgroup float t[8]; threadgroup float* p = t; p = t; *p = 1;"),
    "reference": Case("address-space", _body(), "thread float& x = a[i]; x = 1;", "device float& x = a[i]; x = 1;"),
    "call_pointer": Case("address-space", _body(_HELPERS), "a[i] = read(a);", "float x = a[i]; a[i] = read(&x);"),
    "call_reference": Case("address-space", _body(_HELPERS), "put(a[i], 1);", "float x; put(x, 1); a[i] = x;"),
    "call_template": Case("address-space", _body(_HELPERS), "a[i] = head_of(a);", "threadgroup float t[4]; t[0] = 1; a[i] = head_of(t);"),
    "call_result": Case("address-space", _body(_HELPERS), "thread float* p = at(a, i); *p = 1;", "device float* p = at(a, i); *p = 1;"),
    "constant_table": Case("address-space", _body(_HELPERS), "device const float* p = table; a[i] = *p;", "constant const float* p = table; a[i] = *p;"),
    "member": Case("address-space", _body(_STRUCT, "device S* s [[buffer(0)]]"), "thread float* p = s[i].p; *p = 1;", "device float* p = s[i].p; *p = 1;"),
    "member_array": Case("address-space", _body(_STRUCT, "device S* s [[buffer(0)]]"), "S own; device float* p = own.x; *p = 1;", "S own; thread float* p = own.x; *p = 1;"),
    "cast": Case("address-space", _body(), "thread int* p = (thread int*)a; a[i] = *p;", "device int* p = (device int*)a; a[i] = *p;"),
    "reinterpret_cast": Case("address-space", _body(), "a[i] = *reinterpret_cast<threadgroup int*>(a);", "a[i] = *reinterpret_cast<device int*>(a);"),
    "returned": Case("address-space", _top(), "thread float* f(device float* p) { return p + 1; }", "device float* f(device float* p) { return p + 1; }"),
    "auto_variable": Case("address-space", _body(), "auto p = a + i; float x[4]; p = x; *p = 1;", "auto p = a + i; p = p + 1; *p = 1;"),
    "modf": Case("address-space", _body(), "float x = modf(a[i], a[0]); a[i] = x;", "float n; float x = modf(a[i], n); a[i] = x + n;"),
    # --- kernels
    "result": Case("kernel-result", _kernel("return 1;").replace("return 1;", ""), f"kernel int k(device float* a [[buffer(0)]], {GRID})", f"kernel void k(device float* a [[buffer(0)]], {GRID})"),
    "overloaded_kernel": Case("kernel-name", f"kernel void k(device float* a [[buffer(0)]], {GRID}) {{ a[i] = 1; }}\n@\n{{ a[0] = 1; }}", "kernel void k(device int* a [[buffer(0)]])", "kernel void k2(device int* a [[buffer(0)]])"),
    "called_kernel": Case("kernel-call", "kernel void one(device float* a [[buffer(0)]]) { a[0] = 1; }\nkernel void two(device float* a [[buffer(0)]]) {\n@\n}", "one(a);", "a[0] = 2;"),
    "value_parameter": Case("kernel-parameter", _kernel(), f"kernel void k(device float* a, float x, {GRID})", f"kernel void k(device float* a, constant float& x, {GRID})"),
    "buffer_by_value": Case("kernel-parameter", _kernel(), f"kernel void k(device float* a [[buffer(0)]], S s [[buffer(1)]], {GRID})", f"kernel void k(device float* a [[buffer(0)]], constant S& s [[buffer(1)]], {GRID})"),
    "thread_parameter": Case("kernel-parameter", _kernel(), "kernel void k(thread float* a [[buffer(0)]])", "kernel void k(device float* a [[buffer(0)]])"),
    "threadgroup_as_buffer": Case("kernel-parameter", _kernel(), "kernel void k(threadgroup float* t [[buffer(0)]])", "kernel void k(threadgroup float* t [[threadgroup(0)]])"),
    "buffer_as_threadgroup": Case("kernel-parameter", _kernel(), "kernel void k(device float* a [[threadgroup(0)]])", "kernel void k(device float* a [[buffer(0)]])"),
    "index_twice": Case("resource-index", _kernel(), "kernel void k(device float* a [[buffer(1)]], device int* b [[buffer(1)]])", "kernel void k(device float* a [[buffer(1)]], device int* b [[buffer(0)]])"),
    "index_over_limit": Case("resource-index", _kernel(), "kernel void k(device float* a [[buffer(31)]])", "kernel void k(device float* a [[buffer(30)]])"),
    "index_missing": Case("resource-index", _kernel(), "kernel void k(device float* a [[buffer]])", "kernel void k(device float* a [[buffer(0)]])"),
    "too_many_buffers": Case("parameter-count", _kernel(), "kernel void k(" + ", ".join(f"device float* a{n}" for n in range(32)) + ")", "kernel void k(" + ", ".join(f"device float* a{n}" for n in range(31)) + ")"),
    "two_attributes": Case("attribute", _kernel(), "kernel void k(device float* a [[buffer(0)]], uint i [[thread_position_in_grid, thread_index_in_threadgroup]])", "kernel void k(device float* a [[buffer(0)]], uint i [[thread_position_in_grid]])"),
    "unknown_attribute": Case("attribute", _kernel(), "kernel void k(device float* a [[buffer(0)]], uint i [[thread_position_in_gird]])", "kernel void k(device float* a [[buffer(0)]], uint i [[thread_position_in_grid]])"),
    "float_position": Case("builtin-type", _kernel(), "kernel void k(device float* a [[buffer(0)]], float i [[thread_position_in_grid]])", "kernel void k(device float* a [[buffer(0)]], ushort i [[thread_position_in_grid]])"),
    "vector_index": Case("builtin-type", _kernel(), "kernel void k(device float* a [[buffer(0)]], uint2 i [[thread_index_in_threadgroup]])", "kernel void k(device float* a [[buffer(0)]], uint i [[thread_index_in_threadgroup]])"),
    "mixed_widths": Case("builtin-type", _kernel(), "kernel void k(device float* a [[buffer(0)]], uint2 i [[thread_position_in_grid]], uint3 j [[thread_position_in_threadgroup]])", "kernel void k(device float* a [[buffer(0)]], uint2 i [[thread_position_in_grid]], ushort2 j [[thread_position_in_threadgroup]])"),
    # --- the compiler's own
    "write_to_constant": Case("compiler", _body(parameters="device float* a [[buffer(0)]], constant float& c [[buffer(1)]]"), "c = a[i];", "a[i] = c;"),
    "write_to_const": Case("compiler", _body(parameters="device const float* a [[buffer(0)]], device float* b [[buffer(1)]]"), "a[i] = b[i];", "b[i] = a[i];"),
    "write_to_table": Case("compiler", _body("constant int table[2] = {1, 2};"), "table[0] = i; a[i] = 1;", "a[i] = table[0];"),
    "vector_width": Case("compiler", _body(), "float4 v = float3(a[i]); a[i] = v.x;", "float4 v = float4(a[i]); a[i] = v.x;"),
    "vector_component": Case("compiler", _body(), "float2 v = float2(a[i]); a[i] = v.z;", "float2 v = float2(a[i]); a[i] = v.y;"),
    "vector_sum": Case("compiler", _body(), "a[i] = (float2(1) + float3(2)).x;", "a[i] = (float3(1) + float3(2)).x;"),
    "undeclared": Case("compiler", _body(), "a[i] = missing;", "int missing = 1; a[i] = missing;"),
    "wrong_arguments": Case("compiler", _body("float f(float x, float y) { return x + y; }"), "a[i] = f(a[i]);", "a[i] = f(a[i], 1);"),
    # --- families and limits
    "threadgroup_memory": Case("limit", "\n@\n", "kernel void k(device float* a [[buffer(0)]]) { threadgroup float t[9000]; t[0] = 1; a[0] = t[0]; }", "kernel void k(device float* a [[buffer(0)]]) { threadgroup float t[8192]; t[0] = 1; a[0] = t[0]; }"),
    "too_many_threads": Case("limit", _kernel(), "[[max_total_threads_per_threadgroup(2048)]] kernel void k(device float* a [[buffer(0)]])", "[[max_total_threads_per_threadgroup(1024)]] kernel void k(device float* a [[buffer(0)]])"),
    "simd_sum_on_apple6": Case("family", _body(), "a[i] = simd_sum(a[i]);", "a[i] = simd_shuffle(a[i], 0);", "apple6"),
    "bfloat_on_apple5": Case("family", _body(), "bfloat b = bfloat(a[i]); a[i] = b;", "half b = half(a[i]); a[i] = b;", "apple5"),
    "simdgroup_matrix_on_metal3": Case("family", _body(), "simdgroup_float8x8 m; simdgroup_load(m, a); simdgroup_store(m, a);", "a[i] = simd_sum(a[i]);", "metal3"),
    "atomic_ulong_on_apple7": Case("family", _body(parameters="device atomic_uint* n [[buffer(0)]], device void* p [[buffer(1)]]"), "atomic_max_explicit((device atomic_ulong*)p, 1ul, memory_order_relaxed);", "atomic_fetch_max_explicit(n, 1u, memory_order_relaxed);"),
    "float_atomic_on_apple6": Case("family", _body(parameters="device void* n [[buffer(0)]]"), "atomic_fetch_add_explicit((device atomic_float*)n, 1.0f, memory_order_relaxed);", "atomic_fetch_add_explicit((device atomic_uint*)n, 1u, memory_order_relaxed);", "apple6"),
}  # fmt: skip
