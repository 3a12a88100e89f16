#include <metal_stdlib>

using namespace metal;

kernel void fused_add_mul_relu(
    device const float* a [[buffer(0)]],
    device const float* b [[buffer(1)]],
    constant float& k0 [[buffer(2)]],
    device float* out [[buffer(3)]],
    uint i [[thread_position_in_grid]])
{
    float a_value = a[i];
    float b_value = b[i];
    float mul_value = (a_value + b_value) * k0;
    out[i] = mul_value < 0.0f ? 0.0f : mul_value;
}
