#include <metal_stdlib>

using namespace metal;

kernel void transpose(
    device const float* x [[buffer(0)]],
    device float* out [[buffer(1)]],
    constant uint& width [[buffer(2)]],
    constant uint& height [[buffer(3)]],
    uint2 gid [[thread_position_in_grid]],
    uint2 tid [[thread_position_in_threadgroup]],
    uint2 group_id [[threadgroup_position_in_grid]])
{
    threadgroup float tile[16][17];
    uint column = gid.x;
    uint row = gid.y;
    uint t = tid.x;
    uint s = tid.y;
    if (row < height && column < width) {
        tile[s][t] = x[row * width + column];
    }
    threadgroup_barrier(mem_flags::mem_threadgroup);
    column = group_id.y * 16u + t;
    row = group_id.x * 16u + s;
    if (row < width && column < height) {
        out[row * height + column] = tile[t][s];
    }
}
