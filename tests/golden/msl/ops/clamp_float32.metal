#include <metal_stdlib>

using namespace metal;

inline float maximum(float a, float b)
{
    return isnan(a) ? a : a > b ? a : b;
}

inline float minimum(float a, float b)
{
    return isnan(a) ? a : a < b ? a : b;
}

kernel void clamp_float32(
    device const float* a [[buffer(0)]],
    constant float& k0 [[buffer(1)]],
    constant float& k1 [[buffer(2)]],
    device float* out [[buffer(3)]],
    uint i [[thread_position_in_grid]])
{
    out[i] = minimum(maximum(a[i], k0), k1);
}
