#include <metal_stdlib>
using namespace metal;

// Each threadgroup leaves the sum of its part of x in out. The threadgroup may have any size.
template <typename T>
kernel void tree_sum(device const T* x [[buffer(0)]],
                     device T* out [[buffer(1)]],
                     constant uint& n [[buffer(2)]],
                     threadgroup T* shared [[threadgroup(0)]],
                     uint gid [[thread_position_in_grid]],
                     uint tid [[thread_position_in_threadgroup]],
                     uint size [[threads_per_threadgroup]],
                     uint group [[threadgroup_position_in_grid]]) {
  shared[tid] = gid < n ? x[gid] : T(0);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  for (uint left = size; left > 1;) {
    const uint half_way = (left + 1) / 2;
    if (tid + half_way < left) shared[tid] += shared[tid + half_way];
    threadgroup_barrier(mem_flags::mem_threadgroup);
    left = half_way;
  }
  if (tid == 0) out[group] = shared[0];
}

template [[host_name("tree_sum_float")]] kernel decltype(tree_sum<float>) tree_sum<float>;
template [[host_name("tree_sum_half")]] kernel decltype(tree_sum<half>) tree_sum<half>;
template [[host_name("tree_sum_bfloat")]] kernel decltype(tree_sum<bfloat>) tree_sum<bfloat>;
template [[host_name("tree_sum_int")]] kernel decltype(tree_sum<int>) tree_sum<int>;
template [[host_name("tree_sum_ulong")]] kernel decltype(tree_sum<ulong>) tree_sum<ulong>;

// The same through simdgroups: one partial sum a simdgroup, then the first simdgroup adds those.
template <typename T>
kernel void simd_tree_sum(device const T* x [[buffer(0)]],
                          device T* out [[buffer(1)]],
                          constant uint& n [[buffer(2)]],
                          uint gid [[thread_position_in_grid]],
                          uint lane [[thread_index_in_simdgroup]],
                          uint simdgroup [[simdgroup_index_in_threadgroup]],
                          uint simdgroups [[simdgroups_per_threadgroup]],
                          uint group [[threadgroup_position_in_grid]]) {
  threadgroup T partial[32];
  T sum = simd_sum(gid < n ? x[gid] : T(0));
  if (lane == 0) partial[simdgroup] = sum;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  if (simdgroup == 0) {
    sum = simd_sum(lane < simdgroups ? partial[lane] : T(0));
    if (lane == 0) out[group] = sum;
  }
}

template [[host_name("simd_sum_float")]] kernel decltype(simd_tree_sum<float>) simd_tree_sum<float>;
template [[host_name("simd_sum_half")]] kernel decltype(simd_tree_sum<half>) simd_tree_sum<half>;
template [[host_name("simd_sum_int")]] kernel decltype(simd_tree_sum<int>) simd_tree_sum<int>;

// Where a float's extremes are, with ties won by the first.
kernel void arg_max(device const float* x [[buffer(0)]],
                    device uint* out [[buffer(1)]],
                    constant uint& n [[buffer(2)]],
                    uint tid [[thread_index_in_threadgroup]],
                    uint3 size [[threads_per_threadgroup]]) {
  struct Best { float value; uint index; };
  threadgroup Best best[1024];
  const uint threads = size.x * size.y * size.z;
  Best mine = {-INFINITY, 0xffffffffu};
  for (uint i = tid; i < n; i += threads)
    if (x[i] > mine.value) mine = {x[i], i};
  best[tid] = mine;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  for (uint step = 512; step > 0; step /= 2) {
    if (tid < step && tid + step < threads) {
      const Best other = best[tid + step];
      const bool better = other.value > best[tid].value ||
                          (other.value == best[tid].value && other.index < best[tid].index);
      if (better) best[tid] = other;
    }
    threadgroup_barrier(mem_flags::mem_threadgroup);
  }
  if (tid == 0) *out = best[0].index;
}
