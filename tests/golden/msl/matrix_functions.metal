#include <metal_stdlib>

using namespace metal;

inline simdgroup_half8x8 row_of(device const half* x, uint k, uint n)
{
    simdgroup_half8x8 matrix_;
    simdgroup_load(matrix_, &x[k * 8u], n);
    return matrix_;
}

inline simdgroup_float8x8 step_(simdgroup_half8x8 a, simdgroup_half8x8 b, simdgroup_float8x8 c)
{
    simdgroup_float8x8 matrix_;
    simdgroup_multiply_accumulate(matrix_, a, b, c);
    return matrix_;
}

inline simdgroup_float8x8 doubled(simdgroup_float8x8 c)
{
    simdgroup_float8x8 matrix_ = simdgroup_float8x8(2.0f);
    simdgroup_float8x8 matrix_2;
    simdgroup_multiply_accumulate(matrix_2, c, matrix_, simdgroup_float8x8(0.0f));
    return matrix_2;
}

inline void kept(simdgroup_float8x8 c, threadgroup float (*tile)[9], uint row)
{
    simdgroup_store(c, &tile[row][0], 9);
}

inline float total(threadgroup float (*tile)[9], uint row, uint lane)
{
    float sum = 0.0f;
    if (lane < 8u) {
        for (int k = 0; k < 8; k++) {
            sum += tile[row + lane][k];
        }
    }
    return sum;
}

kernel void sums_of_product(
    device const half* x [[buffer(0)]],
    device const half* y [[buffer(1)]],
    device float* out [[buffer(2)]],
    constant uint& n [[buffer(3)]],
    uint lane [[thread_index_in_simdgroup]])
{
    threadgroup float tile[8][9];
    simdgroup_float8x8 c = simdgroup_float8x8(0.0f);
    // for k in range(n // 8)
    const uint k_stop = n / 8u;
    for (uint k = 0u; k < k_stop; k++) {
        simdgroup_half8x8 matrix_ = row_of(x, k, n);
        simdgroup_half8x8 matrix_2;
        simdgroup_load(matrix_2, &y[k * 64u], 8);
        c = step_(matrix_, matrix_2, c);
    }
    simdgroup_float8x8 matrix_3 = doubled(c);
    kept(matrix_3, tile, 0u);
    threadgroup_barrier(mem_flags::mem_threadgroup);
    float row = total(tile, 0u, lane);
    if (lane < 8u) {
        out[lane] = row;
    }
}
