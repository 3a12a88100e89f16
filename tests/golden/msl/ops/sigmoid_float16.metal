#include <metal_stdlib>

using namespace metal;

kernel void sigmoid_float16(
    device const half* a [[buffer(0)]],
    device half* out [[buffer(1)]],
    uint i [[thread_position_in_grid]])
{
    half a_value = a[i];
    float exp_value = exp(-abs(float(a_value)));
    out[i] = half((float(a_value) >= 0.0f ? 1.0f : exp_value) / (1.0f + exp_value));
}
