#include <metal_stdlib>

using namespace metal;

kernel void simdgroup_matmul_bfloat(
    device const bfloat* A [[buffer(0)]],
    device const bfloat* B [[buffer(1)]],
    device bfloat* C [[buffer(2)]],
    constant uint& n [[buffer(3)]],
    uint group_id [[threadgroup_position_in_grid]],
    uint lane [[thread_index_in_simdgroup]],
    uint simd_ [[simdgroup_index_in_threadgroup]],
    uint simd_count [[simdgroups_per_threadgroup]])
{
    threadgroup bfloat tile[4][8][8];
    uint block = group_id * simd_count + simd_;
    uint quotient = n / 8u;
    uint row = block / quotient * 8u;
    uint column = (block % quotient) * 8u;
    if (row >= n) {
        return;
    }
    simdgroup_bfloat8x8 total = simdgroup_bfloat8x8(bfloat(0.0f));
    for (uint k = 0u; k < n; k += 8u) {
        for (uint e = lane; e < 64u; e += 32u) {
            uint quotient_2 = e / 8u;
            uint rest = e % 8u;
            tile[simd_][quotient_2][rest] = A[(row + quotient_2) * n + k + rest];
        }
        simdgroup_barrier(mem_flags::mem_threadgroup);
        simdgroup_bfloat8x8 a;
        simdgroup_load(a, &tile[simd_][0][0], 8);
        simdgroup_bfloat8x8 b;
        simdgroup_load(b, &B[k * n + column], n);
        simdgroup_multiply_accumulate(total, a, b, total);
        simdgroup_barrier(mem_flags::mem_threadgroup);
    }
    simdgroup_store(total, &C[row * n + column], n);
}
