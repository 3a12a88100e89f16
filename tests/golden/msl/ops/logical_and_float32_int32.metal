#include <metal_stdlib>

using namespace metal;

kernel void logical_and_bool(
    device const float* a [[buffer(0)]],
    device const int* b [[buffer(1)]],
    device bool* out [[buffer(2)]],
    uint i [[thread_position_in_grid]])
{
    out[i] = (a[i] != 0.0f) & (b[i] != 0);
}
