#include <metal_stdlib>

using namespace metal;

kernel void where_float32(
    device const bool* a [[buffer(0)]],
    device const float* b [[buffer(1)]],
    constant float& k0 [[buffer(2)]],
    device float* out [[buffer(3)]],
    uint i [[thread_position_in_grid]])
{
    bool a_value = a[i];
    float b_value = b[i];
    out[i] = a_value ? b_value : k0;
}
