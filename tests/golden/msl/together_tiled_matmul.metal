#include <metal_stdlib>

using namespace metal;

kernel void tiled_matmul(
    device const float* A [[buffer(0)]],
    device const float* B [[buffer(1)]],
    device float* C [[buffer(2)]],
    constant uint& m [[buffer(3)]],
    constant uint& n [[buffer(4)]],
    constant uint& k [[buffer(5)]],
    uint2 gid [[thread_position_in_grid]],
    uint2 tid [[thread_position_in_threadgroup]])
{
    threadgroup float a[16][16];
    threadgroup float b[16][17];
    uint column = gid.x;
    uint row = gid.y;
    uint x = tid.x;
    uint y = tid.y;
    float total = 0.0f;
    for (uint start = 0u; start < k; start += 16u) {
        a[y][x] = row < m && start + x < k ? A[row * k + start + x] : 0.0f;
        b[y][x] = start + y < k && column < n ? B[(start + y) * n + column] : 0.0f;
        threadgroup_barrier(mem_flags::mem_threadgroup);
        for (int t = 0; t < 16; t++) {
            total += a[y][t] * b[t][x];
        }
        threadgroup_barrier(mem_flags::mem_threadgroup);
    }
    if (row < m && column < n) {
        C[row * n + column] = total;
    }
}
