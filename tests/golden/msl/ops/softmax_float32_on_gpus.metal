#include <metal_stdlib>

using namespace metal;

inline float maximum(float a, float b)
{
    return isnan(a) ? a : a > b ? a : b;
}

kernel void fused_sub_exp_div_max_sum(
    device const float* a [[buffer(0)]],
    device float* out [[buffer(1)]],
    constant uint& length [[buffer(2)]],
    uint2 gid [[thread_position_in_grid]],
    uint2 group_size [[threads_per_threadgroup]],
    uint lane [[thread_index_in_simdgroup]],
    uint simd_id [[simdgroup_index_in_threadgroup]],
    uint simd_count [[simdgroups_per_threadgroup]])
{
    threadgroup float max0_parts[32];
    threadgroup float sum3_parts[32];
    uint worker = gid.x;
    uint row0 = gid.y;
    ulong a_row = ulong(row0) * ulong(length);
    ulong out_row = ulong(row0) * ulong(length);
    float max0 = -INFINITY;
    for (ulong k = worker; k < ulong(length); k += group_size.x) {
        max0 = maximum(max0, a[a_row + k]);
    }
    for (uint step = 0u; step < 5u; step++) {
        ushort distance = ushort(16u >> (step & 31u));
        float max0_other = simd_shuffle_down(max0, distance);
        max0 = maximum(max0, max0_other);
    }
    if (lane == 0u) {
        max0_parts[simd_id] = max0;
    }
    threadgroup_barrier(mem_flags::mem_threadgroup);
    max0 = max0_parts[0u];
    for (uint part = 1u; part < simd_count; part++) {
        max0 = maximum(max0, max0_parts[part]);
    }
    float sum3 = 0.0f;
    for (ulong k_2 = worker; k_2 < ulong(length); k_2 += group_size.x) {
        float exp_value = exp(a[a_row + k_2] - max0);
        sum3 += exp_value;
        out[out_row + k_2] = exp_value;
    }
    sum3 = simd_sum(sum3);
    if (lane == 0u) {
        sum3_parts[simd_id] = sum3;
    }
    threadgroup_barrier(mem_flags::mem_threadgroup);
    sum3 = sum3_parts[0u];
    for (uint part_2 = 1u; part_2 < simd_count; part_2++) {
        sum3 += sum3_parts[part_2];
    }
    for (ulong k_3 = worker; k_3 < ulong(length); k_3 += group_size.x) {
        out[out_row + k_3] /= sum3;
    }
}
