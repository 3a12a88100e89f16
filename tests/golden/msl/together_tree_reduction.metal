#include <metal_stdlib>

using namespace metal;

kernel void tree_reduction(
    device const float* x [[buffer(0)]],
    device float* partial [[buffer(1)]],
    constant uint& n [[buffer(2)]],
    uint gid [[thread_position_in_grid]],
    uint group_id [[threadgroup_position_in_grid]],
    uint grid_size [[threads_per_grid]],
    uint t [[thread_index_in_threadgroup]])
{
    threadgroup float tile[64];
    float total = 0.0f;
    for (uint k = gid; k < n; k += grid_size) {
        total += x[k];
    }
    tile[t] = total;
    threadgroup_barrier(mem_flags::mem_threadgroup);
    int half_ = 32;
    while (half_ > 0) {
        if (t < uint(half_)) {
            tile[t] += tile[t + uint(half_)];
        }
        threadgroup_barrier(mem_flags::mem_threadgroup);
        // half //= 2
        half_ >>= 1;
    }
    if (t == 0u) {
        partial[group_id] = tile[0];
    }
}
