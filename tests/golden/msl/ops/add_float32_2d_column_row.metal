#include <metal_stdlib>

using namespace metal;

kernel void add_float32(
    device const float* a [[buffer(0)]],
    device const float* b [[buffer(1)]],
    device float* out [[buffer(2)]],
    constant uint& out_stride1 [[buffer(3)]],
    uint2 gid [[thread_position_in_grid]])
{
    uint i0 = gid.x;
    uint i1 = gid.y;
    out[i1 * out_stride1 + i0] = a[i1] + b[i0];
}
