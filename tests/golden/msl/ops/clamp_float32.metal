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

kernel void clamp_float32_scalar_scalar(
    device const float* a [[buffer(0)]],
    constant float& b [[buffer(1)]],
    constant float& c [[buffer(2)]],
    device float* out [[buffer(3)]],
    uint i [[thread_position_in_grid]])
{
    out[i] = minimum(maximum(a[i], b), c);
}
