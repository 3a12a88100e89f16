#include <metal_stdlib>

using namespace metal;

kernel void sub_float32(
    device const float* a [[buffer(0)]],
    constant float& k0 [[buffer(1)]],
    device float* out [[buffer(2)]],
    uint i [[thread_position_in_grid]])
{
    out[i] = k0 - a[i];
}
