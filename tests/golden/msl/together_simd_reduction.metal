#include <metal_stdlib>

using namespace metal;

kernel void simd_reduction(
    device const float* x [[buffer(0)]],
    device float* partial [[buffer(1)]],
    constant uint& n [[buffer(2)]],
    uint gid [[thread_position_in_grid]],
    uint group_id [[threadgroup_position_in_grid]],
    uint grid_size [[threads_per_grid]],
    uint lane_ [[thread_index_in_simdgroup]],
    uint simd_id [[simdgroup_index_in_threadgroup]])
{
    threadgroup float sums[2];
    float total = 0.0f;
    for (uint k = gid; k < n; k += grid_size) {
        total += x[k];
    }
    total = simd_sum(total);
    if (simd_is_first()) {
        sums[simd_id] = total;
    }
    threadgroup_barrier(mem_flags::mem_threadgroup);
    if (simd_id == 0u) {
        uint lane = lane_;
        float whole = simd_sum(lane < 2u ? sums[lane] : 0.0f);
        if (lane == 0u) {
            partial[group_id] = whole;
        }
    }
}
