#include <metal_stdlib>
using namespace metal;

constant uint bins [[function_constant(0)]];

// Counts of values in each bin; the threadgroup counts in its own memory first. bins is at most 1024.
kernel void histogram(device const float* x [[buffer(0)]],
                      device atomic_uint* counts [[buffer(1)]],
                      constant uint& n [[buffer(2)]],
                      uint gid [[thread_position_in_grid]],
                      uint threads [[threads_per_grid]],
                      uint tid [[thread_position_in_threadgroup]],
                      uint size [[threads_per_threadgroup]]) {
  threadgroup atomic_uint local_counts[1024];
  for (uint i = tid; i < bins; i += size)
    atomic_store_explicit(&local_counts[i], 0, memory_order_relaxed);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  for (uint i = gid; i < n; i += threads) {
    const uint bin = min(uint(max(x[i], 0.0f) * bins), bins - 1);
    atomic_fetch_add_explicit(&local_counts[bin], 1, memory_order_relaxed);
  }
  threadgroup_barrier(mem_flags::mem_threadgroup);
  for (uint i = tid; i < bins; i += size) {
    const uint count = atomic_load_explicit(&local_counts[i], memory_order_relaxed);
    if (count > 0) atomic_fetch_add_explicit(&counts[i], count, memory_order_relaxed);
  }
}

// Without threadgroup memory: no barrier at all.
kernel void histogram_direct(device const float* x [[buffer(0)]],
                             device atomic_uint* counts [[buffer(1)]],
                             uint gid [[thread_position_in_grid]]) {
  const uint bin = min(uint(max(x[gid], 0.0f) * bins), bins - 1);
  atomic_fetch_add_explicit(counts + bin, 1u, memory_order_relaxed);
}
