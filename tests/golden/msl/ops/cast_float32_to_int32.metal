#include <metal_stdlib>

using namespace metal;

kernel void cast_int32(
    device const float* a [[buffer(0)]],
    device int* out [[buffer(1)]],
    uint i [[thread_position_in_grid]])
{
    float a_value = a[i];
    out[i] = isnan(a_value) ? 0 : a_value >= 2.1474836e+09f ? 2147483647
            : a_value <= -2.1474836e+09f ? (-2147483647 - 1) : int(a_value);
}
