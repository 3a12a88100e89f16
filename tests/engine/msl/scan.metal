#include <metal_stdlib>
using namespace metal;

// Inclusive sums within each threadgroup (Hillis and Steele), and the sum of each.
template <typename T>
kernel void scan_blocks(device const T* x [[buffer(0)]],
                        device T* out [[buffer(1)]],
                        device T* sums [[buffer(2)]],
                        constant uint& n [[buffer(3)]],
                        threadgroup T* shared [[threadgroup(0)]],
                        uint gid [[thread_position_in_grid]],
                        uint tid [[thread_position_in_threadgroup]],
                        uint size [[threads_per_threadgroup]],
                        uint group [[threadgroup_position_in_grid]]) {
  T value = gid < n ? x[gid] : T(0);
  shared[tid] = value;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  for (uint distance = 1; distance < size; distance *= 2) {
    const T before = tid >= distance ? shared[tid - distance] : T(0);
    threadgroup_barrier(mem_flags::mem_threadgroup);
    value += before;
    shared[tid] = value;
    threadgroup_barrier(mem_flags::mem_threadgroup);
  }
  if (gid < n) out[gid] = value;
  if (tid == size - 1) sums[group] = value;
}

template [[host_name("scan_blocks_float")]] kernel decltype(scan_blocks<float>) scan_blocks<float>;
template [[host_name("scan_blocks_int")]] kernel decltype(scan_blocks<int>) scan_blocks<int>;
template [[host_name("scan_blocks_half")]] kernel decltype(scan_blocks<half>) scan_blocks<half>;

// Adds to each threadgroup's part what the threadgroups before it sum to.
template <typename T>
kernel void add_before(device T* out [[buffer(0)]],
                       device const T* sums [[buffer(1)]],
                       constant uint& n [[buffer(2)]],
                       uint gid [[thread_position_in_grid]],
                       uint group [[threadgroup_position_in_grid]]) {
  T before = 0;
  for (uint i = 0; i < group; i++) before += sums[i];
  if (gid < n) out[gid] += before;
}

template [[host_name("add_before_float")]] kernel decltype(add_before<float>) add_before<float>;
template [[host_name("add_before_int")]] kernel decltype(add_before<int>) add_before<int>;
template [[host_name("add_before_half")]] kernel decltype(add_before<half>) add_before<half>;

// The same within a threadgroup by prefix sums of simdgroups.
kernel void scan_by_simdgroups(device const int* x [[buffer(0)]],
                               device int* out [[buffer(1)]],
                               constant uint& n [[buffer(2)]],
                               uint tid [[thread_position_in_threadgroup]],
                               uint lane [[thread_index_in_simdgroup]],
                               uint simdgroup [[simdgroup_index_in_threadgroup]],
                               uint size [[threads_per_threadgroup]],
                               uint simdgroups [[simdgroups_per_threadgroup]]) {
  threadgroup int ends[32];
  int carried = 0;
  for (uint start = 0; start < n; start += size) {
    const uint i = start + tid;
    const int value = i < n ? x[i] : 0;
    const int within = simd_prefix_inclusive_sum(value);
    const int total = simd_sum(value);
    if (lane == 0) ends[simdgroup] = total;
    threadgroup_barrier(mem_flags::mem_threadgroup);
    int before = carried;
    for (uint s = 0; s < simdgroups; s++) {
      if (s < simdgroup) before += ends[s];
      carried += ends[s];
    }
    if (i < n) out[i] = before + within;
    threadgroup_barrier(mem_flags::mem_threadgroup);
  }
}
