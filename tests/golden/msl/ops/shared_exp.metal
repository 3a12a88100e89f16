#include <metal_stdlib>

using namespace metal;

kernel void fused_exp_mul_add(
    device const float* a [[buffer(0)]],
    device float* out [[buffer(1)]],
    uint i [[thread_position_in_grid]])
{
    float exp_value = exp(a[i]);
    out[i] = exp_value + exp_value * exp_value;
}
