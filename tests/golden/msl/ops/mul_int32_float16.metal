#include <metal_stdlib>

using namespace metal;

kernel void mul_float32(
    device const int* a [[buffer(0)]],
    device const half* b [[buffer(1)]],
    device float* out [[buffer(2)]],
    uint i [[thread_position_in_grid]])
{
    out[i] = float(a[i]) * float(b[i]);
}
