#include <metal_stdlib>

using namespace metal;

kernel void cast_float32_to_int32(
    device const float* a [[buffer(0)]],
    device int* out [[buffer(1)]],
    uint i [[thread_position_in_grid]])
{
    float a_i = a[i];
    out[i] = isnan(a_i) ? 0 : a_i >= 2.1474836e+09f ? 2147483647 : a_i <= -2.1474836e+09f
            ? (-2147483647 - 1) : int(a_i);
}
