#include <metal_stdlib>

using namespace metal;

kernel void golden_functions(
    device const float* x [[buffer(0)]],
    device bfloat2* h [[buffer(1)]],
    device int* k [[buffer(2)]],
    device uint* out [[buffer(3)]],
    uint i [[thread_position_in_grid]])
{
    float x_i = x[i];
    uint pattern = as_type<uint>(x_i);
    out[i] = select(pattern, ~pattern, x_i < 0.0f);
    k[i] = extract_bits(as_type<int>(pattern), 4u, 8u);
    bfloat2 h_i = h[i];
    h[i] = bfloat2(select(float2(h_i), float2(as_type<bfloat2>(x[i])), isnan(float2(h_i))));
    float x_2 = x[i];
    float s = sin(x_2);
    float c = cos(x_2);
    float x_3 = s * c;
    float whole = trunc(x_3);
    float part = copysign(select(x_3 - whole, 0.0f, isinf(x_3)), x_3);
    float whole_2 = whole;
    out[i] += pack_float_to_snorm4x8(float4(s, c, part, whole_2));
}
