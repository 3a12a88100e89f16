#include <metal_stdlib>

using namespace metal;

kernel void where_bool_float32_scalar(
    device const bool* a [[buffer(0)]],
    device const float* b [[buffer(1)]],
    constant float& c [[buffer(2)]],
    device float* out [[buffer(3)]],
    uint i [[thread_position_in_grid]])
{
    bool a_i = a[i];
    float b_i = b[i];
    out[i] = a_i ? b_i : c;
}
