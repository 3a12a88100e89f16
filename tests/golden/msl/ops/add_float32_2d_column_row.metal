#include <metal_stdlib>

using namespace metal;

kernel void add_float32_2d_column_row(
    device const float* a [[buffer(0)]],
    device const float* b [[buffer(1)]],
    device float* out [[buffer(2)]],
    constant uint& size0 [[buffer(3)]],
    constant uint& a_stride1 [[buffer(4)]],
    constant uint& b_stride1 [[buffer(5)]],
    uint2 gid [[thread_position_in_grid]])
{
    out[gid.y * size0 + gid.x] = a[gid.y * a_stride1] + b[gid.y * b_stride1 + gid.x];
}
