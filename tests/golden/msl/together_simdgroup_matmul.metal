#include <metal_stdlib>

using namespace metal;

kernel void simdgroup_matmul(
    device const float* A [[buffer(0)]],
    device const float* B [[buffer(1)]],
    device float* C [[buffer(2)]],
    constant uint& n [[buffer(3)]],
    uint group_id [[threadgroup_position_in_grid]],
    uint simd_id [[simdgroup_index_in_threadgroup]],
    uint simd_count [[simdgroups_per_threadgroup]])
{
    uint block = group_id * simd_count + simd_id;
    uint quotient = n / 8u;
    uint row = block / quotient * 8u;
    uint column = (block % quotient) * 8u;
    if (row >= n) {
        return;
    }
    simdgroup_float8x8 total = simdgroup_float8x8(0.0f);
    for (uint k = 0u; k < n; k += 8u) {
        simdgroup_float8x8 a;
        simdgroup_load(a, &A[row * n + k], n);
        simdgroup_float8x8 b;
        simdgroup_load(b, &B[k * n + column], n);
        simdgroup_multiply_accumulate(total, a, b, total);
    }
    simdgroup_store(total, &C[row * n + column], n);
}
