#include <metal_stdlib>

using namespace metal;

kernel void add_float32(
    device const float* a [[buffer(0)]],
    device const float* b [[buffer(1)]],
    device float* out [[buffer(2)]],
    constant uint& size_i2 [[buffer(3)]],
    constant uint& a_stride1 [[buffer(4)]],
    constant uint& a_stride3 [[buffer(5)]],
    constant uint& b_stride2 [[buffer(6)]],
    constant uint& out_stride3 [[buffer(7)]],
    uint3 gid [[thread_position_in_grid]])
{
    uint i0 = gid.x;
    uint i1 = gid.y;
    uint i2 = gid.z % size_i2;
    uint rest_i2 = gid.z / size_i2;
    uint i3 = rest_i2;
    out[i3 * out_stride3 + i2 * a_stride3 + i1 * a_stride1 + i0] = a[i3 * a_stride3
            + i1 * a_stride1 + i0] + b[i2 * b_stride2 + i1];
}
