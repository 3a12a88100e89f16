"""MSL texts that are refused, by name: each has its golden error text."""

from __future__ import annotations

GRID = "uint i [[thread_position_in_grid]]"


def _kernel(body: str, before: str = "", parameters: str = "device float* a") -> str:
    head = "#include <metal_stdlib>\nusing namespace metal;\n\n"
    return f"{head}{before}kernel void k({parameters}, {GRID}) {{\n{body}\n}}\n"


WRONG_PROGRAMS: dict[str, str] = {
    # refused when the text is read
    "no_kernel": "float f(float x) { return x; }\n",
    "empty": "// nothing here\n",
    "returns_a_value": "kernel float k(device float* a) { return a[0]; }\n",
    "template_kernel": "template <typename T> kernel void k(device T* a) {}\n",
    "defined_twice": "kernel void k(device int* a) {}\nkernel void k(device float* a) {}\n",
    "duplicate_index": _kernel("", parameters="device float* a [[buffer(1)]], device int* b [[buffer(1)]]"),
    "index_over_limit": _kernel("", parameters="device float* a [[buffer(31)]]"),
    "index_no_literal": _kernel("", parameters="device float* a [[buffer(N)]]"),
    "value_parameter": _kernel("", parameters="device float* a, float x"),
    "buffer_by_value": _kernel("", parameters="float x [[buffer(0)]]"),
    "no_address_space": _kernel("", parameters="float* a [[buffer(0)]]"),
    "id_as_float": "kernel void k(device float* a, float i [[thread_position_in_grid]]) {}\n",
    "index_as_vector": "kernel void k(device float* a, uint2 i [[thread_index_in_threadgroup]]) {}\n",
    "unknown_attribute": "kernel void k(device float* a, uint i [[thread_position_in_gird]]) {}\n",
    "stage_in": "struct V { float x; };\nkernel void k(device float* a, V v [[stage_in]]) {}\n",
    "texture": _kernel("", parameters="texture2d<float> t [[texture(0)]]"),
    "sampler": _kernel("", parameters="sampler s [[sampler(0)]]"),
    "function_constant": "constant int n [[function_constant(0)]];\nkernel void k(device int* a) { a[0] = n; }\n",
    "vertex_function": "vertex float4 v(uint i [[vertex_id]]) { return float4(0); }\n",
    "double": _kernel("    double x = a[i];\n    a[i] = x;"),
    # refused by address spaces
    "space_in_lambda": _kernel("    auto l = [&](device float* p) { return f(p); };\n    a[i] = l(a);", "float f(device float* p) { return 1; }\nfloat f(thread float* p) { return 2; }\n"),
    "space_of_class_template": _kernel("    W<device float*> w;\n    a[i] = f(w.at);", "template <typename P> struct W { P at; };\nfloat f(device float* p) { return 1; }\nfloat f(thread float* p) { return 2; }\n"),
    "constructors_by_space": _kernel("", "struct S {\n    float x;\n    S(device float* p) { x = 1; }\n    S(thread float* p) { x = 2; }\n};\n"),
    # refused by the compiler
    "undeclared": _kernel("    a[i] = missing + 1;"),
    "no_semicolon": _kernel("    float x = 1.0\n    a[i] = x;"),
    "wrong_call": _kernel("    a[i] = helper(a, 1);", "float helper(float x) { return x; }\n"),
    "write_to_const": _kernel("    a[i] = 1;", parameters="device const float* a"),
    "write_to_constant": _kernel("    a[i] = 1;", parameters="constant float* a"),
    "vector_mismatch": _kernel("    float4 v = float4(a[i]);\n    float3 w = v;\n    a[i] = w.x;"),
    "no_such_component": _kernel("    float2 v = float2(a[i]);\n    a[i] = v.z;"),
    "divide_by_zero_literal": _kernel("    a[i] = int(i) / 0;"),
    "missing_return": _kernel("    a[i] = f();", "float f() { }\n"),
    "unclosed_brace": _kernel("    if (i > 0) {"),
    "inside_a_template": _kernel("    a[i] = f(a[i]);", "template <typename T> T f(T x) {\n    return x.nothing;\n}\n"),
    "after_a_macro": "#define PLUS(x) ((x) + nothing)\n" + _kernel("    int   b = 1;  a[i] = PLUS(b);"),
    "beside_a_macro": "#define ONE 1\n" + _kernel("    a[i] = ONE +   wrong;"),
    "undeclared_type": _kernel("    flaot x = a[i];"),
    "redefinition": _kernel("    int x = 1;\n    float x = 2;"),
    "half_and_bfloat": _kernel("    half h = 1.0h;\n    bfloat b = h;\n    a[i] = float(b);"),
}  # fmt: skip
