#include <metal_stdlib>

using namespace metal;

kernel void add_float32(
    device const float* a [[buffer(0)]],
    device const float* b [[buffer(1)]],
    device float* out [[buffer(2)]],
    constant uint& a_stride0 [[buffer(3)]],
    constant uint& last0 [[buffer(4)]],
    constant uint& b_stride1 [[buffer(5)]],
    uint2 gid [[thread_position_in_grid]])
{
    uint i0 = gid.x;
    uint i1 = gid.y;
    out[i1 * b_stride1 + i0] = a[i1 + i0 * a_stride0] + b[i1 * b_stride1 + (last0 - i0)];
}
