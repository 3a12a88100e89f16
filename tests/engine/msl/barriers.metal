#include <metal_stdlib>
using namespace metal;

// A barrier in a branch that all threads take or none.
kernel void in_branch(device const int* x [[buffer(0)]],
                      device int* out [[buffer(1)]],
                      constant int& mode [[buffer(2)]],
                      threadgroup int* shared [[threadgroup(0)]],
                      uint tid [[thread_position_in_threadgroup]],
                      uint gid [[thread_position_in_grid]],
                      uint size [[threads_per_threadgroup]]) {
  int value = x[gid];
  if (mode > 0) {
    shared[tid] = value;
    threadgroup_barrier(mem_flags::mem_threadgroup);
    value = shared[size - 1 - tid];
    if (mode > 1) {
      threadgroup_barrier(mem_flags::mem_threadgroup);
      shared[tid] = value * 2;
      threadgroup_barrier(mem_flags::mem_threadgroup);
      value += shared[(tid + 1) % size];
    }
  } else {
    value = -value;
  }
  out[gid] = value;
}

// Loops of every kind, one in the other, with break and continue that all threads take together.
kernel void in_loops(device const int* x [[buffer(0)]],
                     device int* out [[buffer(1)]],
                     constant int& rounds [[buffer(2)]],
                     threadgroup int* shared [[threadgroup(0)]],
                     uint tid [[thread_position_in_threadgroup]],
                     uint gid [[thread_position_in_grid]],
                     uint size [[threads_per_threadgroup]]) {
  int value = x[gid];
  for (int i = 0; i < rounds; i++) {
    if (i == 3) continue;
    if (i == 7) break;
    int j = i;
    while (j > 0) {
      shared[tid] = value;
      threadgroup_barrier(mem_flags::mem_threadgroup);
      const int neighbour = shared[(tid + j) % size];
      threadgroup_barrier(mem_flags::mem_threadgroup);
      value = value * 3 + neighbour;
      j -= 2;
    }
    int k = 0;
    do {
      shared[tid] = value;
      threadgroup_barrier(mem_flags::mem_threadgroup);
      value ^= shared[(tid + size - 1) % size];
      threadgroup_barrier(mem_flags::mem_threadgroup);
    } while (++k < 2);
  }
  out[gid] = value;
}

// Helpers below helpers, called from different places, each with barriers of its own.
static int exchange(threadgroup int* shared, uint tid, uint from, int value) {
  shared[tid] = value;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  const int got = shared[from];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  return got;
}

static int rotate_by(threadgroup int* shared, uint tid, uint size, uint steps, int value) {
  for (uint i = 0; i < steps; i++) value = exchange(shared, tid, (tid + 1) % size, value) + 1;
  return value;
}

template <int depth>
static int nested(threadgroup int* shared, uint tid, uint size, int value) {
  const int below = nested<depth - 1>(shared, tid, size, value);
  return exchange(shared, tid, size - 1 - tid, below) * 2 + value;
}
template <>
int nested<0>(threadgroup int* shared, uint tid, uint size, int value) {
  return exchange(shared, tid, (tid + 1) % size, value);
}

kernel void in_helpers(device const int* x [[buffer(0)]],
                       device int* out [[buffer(1)]],
                       constant uint& steps [[buffer(2)]],
                       threadgroup int* shared [[threadgroup(0)]],
                       uint tid [[thread_position_in_threadgroup]],
                       uint gid [[thread_position_in_grid]],
                       uint size [[threads_per_threadgroup]]) {
  const int turned = rotate_by(shared, tid, size, steps, x[gid]);
  out[gid] = nested<3>(shared, tid, size, turned) + exchange(shared, tid, tid, 1);
}

// Half of the threads end before the barrier that the others wait at.
kernel void divergent(device int* out [[buffer(0)]],
                      uint tid [[thread_position_in_threadgroup]],
                      uint size [[threads_per_threadgroup]]) {
  if (tid < size / 2) {
    threadgroup_barrier(mem_flags::mem_threadgroup);
    out[tid] = 1;
  }
}

// Its twin: whatever the branch, every thread waits.
kernel void convergent(device int* out [[buffer(0)]],
                       uint tid [[thread_position_in_threadgroup]],
                       uint size [[threads_per_threadgroup]]) {
  if (tid < size / 2) out[tid] = 1;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  if (tid >= size / 2) out[tid] = 2;
}

kernel void endless(device int* out [[buffer(0)]],
                    uint tid [[thread_position_in_threadgroup]]) {
  int i = 0;
  while (out[0] != 12345) i++;
  out[tid] = i;
}

kernel void endless_waiting(device volatile int* out [[buffer(0)]],
                            uint tid [[thread_position_in_threadgroup]]) {
  int i = 0;
  while (out[0] != 12345) {
    threadgroup_barrier(mem_flags::mem_device);
    i++;
  }
  out[tid] = i;
}

// A simdgroup that ends early does not keep the others from meeting in simdgroups.
kernel void early_simdgroups(device const int* x [[buffer(0)]],
                             device int* out [[buffer(1)]],
                             uint gid [[thread_position_in_grid]],
                             uint simdgroup [[simdgroup_index_in_threadgroup]]) {
  if (simdgroup % 2 == 1) {
    out[gid] = -1;
    return;
  }
  out[gid] = simd_sum(x[gid]);
}

// Loops whose length differs from simdgroup to simdgroup.
kernel void uneven_simdgroups(device const int* x [[buffer(0)]],
                              device int* out [[buffer(1)]],
                              uint gid [[thread_position_in_grid]],
                              uint simdgroup [[simdgroup_index_in_threadgroup]]) {
  int value = x[gid];
  for (uint i = 0; i <= simdgroup; i++) value = simd_shuffle_xor(value, 1 << (i % 5)) + int(i);
  out[gid] = value;
}

// A varying branch with a simd function in it: only the lanes that take it meet.
kernel void lanes_of_branch(device const int* x [[buffer(0)]],
                            device int* out [[buffer(1)]],
                            uint gid [[thread_position_in_grid]]) {
  const int value = x[gid];
  if (value % 2 == 0)
    out[gid] = simd_sum(value);
  else
    out[gid] = simd_max(value);
}
