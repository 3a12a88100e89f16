#include <metal_stdlib>
using namespace metal;

// Sorts each threadgroup's part, padded with the largest value; the threadgroup's size is a power of two.
template <typename T>
kernel void sort_blocks(device T* x [[buffer(0)]],
                        constant uint& n [[buffer(1)]],
                        threadgroup T* keys [[threadgroup(0)]],
                        uint gid [[thread_position_in_grid]],
                        uint tid [[thread_position_in_threadgroup]],
                        uint size [[threads_per_threadgroup]]) {
  keys[tid] = gid < n ? x[gid] : numeric_limits<T>::max();
  threadgroup_barrier(mem_flags::mem_threadgroup);
  for (uint run = 2; run <= size; run *= 2) {
    for (uint distance = run / 2; distance > 0; distance /= 2) {
      const uint other = tid ^ distance;
      if (other > tid) {
        const bool rising = (tid & run) == 0;
        const T mine = keys[tid], theirs = keys[other];
        if ((mine > theirs) == rising) {
          keys[tid] = theirs;
          keys[other] = mine;
        }
      }
      threadgroup_barrier(mem_flags::mem_threadgroup);
    }
  }
  if (gid < n) x[gid] = keys[tid];
}

template [[host_name("sort_float")]] kernel decltype(sort_blocks<float>) sort_blocks<float>;
template [[host_name("sort_int")]] kernel decltype(sort_blocks<int>) sort_blocks<int>;
template [[host_name("sort_ushort")]] kernel decltype(sort_blocks<ushort>) sort_blocks<ushort>;
template [[host_name("sort_half")]] kernel decltype(sort_blocks<half>) sort_blocks<half>;
