#include <metal_stdlib>
using namespace metal;

struct Shape {
  uint m, n, k;
};

// C = A B by square tiles in threadgroup memory; the threadgroup is tile by tile threads.
template <typename T, typename Accumulator, int tile>
kernel void tiled(device const T* a [[buffer(0)]],
                  device const T* b [[buffer(1)]],
                  device T* c [[buffer(2)]],
                  constant Shape& shape [[buffer(3)]],
                  uint2 gid [[thread_position_in_grid]],
                  uint2 tid [[thread_position_in_threadgroup]]) {
  threadgroup T a_tile[tile][tile + 1];
  threadgroup T b_tile[tile][tile + 1];
  Accumulator sum = 0;
  for (uint start = 0; start < shape.k; start += tile) {
    const uint column = start + tid.x, row = start + tid.y;
    a_tile[tid.y][tid.x] =
        gid.y < shape.m && column < shape.k ? a[gid.y * shape.k + column] : T(0);
    b_tile[tid.y][tid.x] = row < shape.k && gid.x < shape.n ? b[row * shape.n + gid.x] : T(0);
    threadgroup_barrier(mem_flags::mem_threadgroup);
    for (int i = 0; i < tile; i++)
      sum += Accumulator(a_tile[tid.y][i]) * Accumulator(b_tile[i][tid.x]);
    threadgroup_barrier(mem_flags::mem_threadgroup);
  }
  if (gid.y < shape.m && gid.x < shape.n) c[gid.y * shape.n + gid.x] = T(sum);
}

#define TILED(name, type, accumulator, tile)  \
  template [[host_name(name)]] kernel         \
  decltype(tiled<type, accumulator, tile>) tiled<type, accumulator, tile>;

TILED("tiled_float_8", float, float, 8)
TILED("tiled_float_16", float, float, 16)
TILED("tiled_float_32", float, float, 32)
TILED("tiled_half_16", half, float, 16)
TILED("tiled_bfloat_16", bfloat, float, 16)
TILED("tiled_int_16", int, int, 16)

// One simdgroup makes 16 by 16 of C out of four 8 by 8 products; m, n and k are multiples of 16, 16 and 8.
template <typename T>
kernel void by_simdgroups(device const T* a [[buffer(0)]],
                          device const T* b [[buffer(1)]],
                          device float* c [[buffer(2)]],
                          constant Shape& shape [[buffer(3)]],
                          uint2 group [[threadgroup_position_in_grid]],
                          uint simdgroup [[simdgroup_index_in_threadgroup]],
                          uint simdgroups [[simdgroups_per_threadgroup]]) {
  const uint row = 16 * (group.y * simdgroups + simdgroup), column = 16 * group.x;
  if (row >= shape.m) return;  // the whole simdgroup
  simdgroup_matrix<float, 8, 8> sums[2][2];
  for (int i = 0; i < 2; i++)
    for (int j = 0; j < 2; j++) sums[i][j] = make_filled_simdgroup_matrix<float, 8, 8>(0.0f);
  for (uint step = 0; step < shape.k; step += 8) {
    simdgroup_matrix<T, 8, 8> left[2], right[2];
    for (int i = 0; i < 2; i++) {
      simdgroup_load(left[i], a + (row + 8 * i) * shape.k + step, shape.k);
      simdgroup_load(right[i], b + step * shape.n + column + 8 * i, shape.n);
    }
    for (int i = 0; i < 2; i++)
      for (int j = 0; j < 2; j++)
        simdgroup_multiply_accumulate(sums[i][j], left[i], right[j], sums[i][j]);
  }
  for (int i = 0; i < 2; i++)
    for (int j = 0; j < 2; j++)
      simdgroup_store(sums[i][j], c + (row + 8 * i) * shape.n + column + 8 * j, shape.n);
}

template [[host_name("simdgroups_float")]] kernel
decltype(by_simdgroups<float>) by_simdgroups<float>;
template [[host_name("simdgroups_half")]] kernel decltype(by_simdgroups<half>) by_simdgroups<half>;
template [[host_name("simdgroups_bfloat")]] kernel
decltype(by_simdgroups<bfloat>) by_simdgroups<bfloat>;
