#include <metal_stdlib>

using namespace metal;

kernel void add_float32_4d_row_column(
    device const float* a [[buffer(0)]],
    device const float* b [[buffer(1)]],
    device float* out [[buffer(2)]],
    constant uint& size0 [[buffer(3)]],
    constant uint& size1 [[buffer(4)]],
    constant uint& size2 [[buffer(5)]],
    constant uint& a_stride1 [[buffer(6)]],
    constant uint& a_stride2 [[buffer(7)]],
    constant uint& a_stride3 [[buffer(8)]],
    constant uint& b_stride1 [[buffer(9)]],
    constant uint& b_stride2 [[buffer(10)]],
    constant uint& b_stride3 [[buffer(11)]],
    uint3 gid [[thread_position_in_grid]])
{
    uint i2 = gid.z % size2;
    uint rest2 = gid.z / size2;
    out[(gid.z * size1 + gid.y) * size0 + gid.x] = a[rest2 * a_stride3 + i2 * a_stride2
            + gid.y * a_stride1 + gid.x]
            + b[rest2 * b_stride3 + i2 * b_stride2 + gid.y * b_stride1];
}
