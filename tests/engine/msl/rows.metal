#include <metal_stdlib>
using namespace metal;

// The threadgroup's sum or maximum; every thread gets it. Barriers stand in a helper on purpose.
struct Add {
  static float combine(float a, float b) { return a + b; }
  static constexpr constant float start = 0;
};
struct Max {
  static float combine(float a, float b) { return max(a, b); }
  static constexpr constant float start = -INFINITY;
};

template <typename Operation>
float over_threadgroup(float value, threadgroup float* shared, uint tid, uint size) {
  shared[tid] = value;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  for (uint left = size; left > 1;) {
    const uint half_way = (left + 1) / 2;
    if (tid + half_way < left)
      shared[tid] = Operation::combine(shared[tid], shared[tid + half_way]);
    threadgroup_barrier(mem_flags::mem_threadgroup);
    left = half_way;
  }
  const float result = shared[0];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  return result;
}

template <typename T>
kernel void softmax_rows(device const T* x [[buffer(0)]],
                         device T* out [[buffer(1)]],
                         constant uint& columns [[buffer(2)]],
                         threadgroup float* shared [[threadgroup(0)]],
                         uint tid [[thread_position_in_threadgroup]],
                         uint size [[threads_per_threadgroup]],
                         uint row [[threadgroup_position_in_grid]]) {
  x += row * columns;
  out += row * columns;
  float most = Max::start;
  for (uint i = tid; i < columns; i += size) most = max(most, float(x[i]));
  most = over_threadgroup<Max>(most, shared, tid, size);
  float sum = 0;
  for (uint i = tid; i < columns; i += size) sum += exp(float(x[i]) - most);
  sum = over_threadgroup<Add>(sum, shared, tid, size);
  for (uint i = tid; i < columns; i += size) out[i] = T(exp(float(x[i]) - most) / sum);
}

template [[host_name("softmax_float")]] kernel decltype(softmax_rows<float>) softmax_rows<float>;
template [[host_name("softmax_half")]] kernel decltype(softmax_rows<half>) softmax_rows<half>;
template [[host_name("softmax_bfloat")]] kernel
decltype(softmax_rows<bfloat>) softmax_rows<bfloat>;

// Layer norm with the barriers in the kernel's own body; the threadgroup is whole simdgroups.
template <typename T>
kernel void layer_norm(device const T* x [[buffer(0)]],
                       device const T* weight [[buffer(1)]],
                       device const T* bias [[buffer(2)]],
                       device T* out [[buffer(3)]],
                       constant uint& columns [[buffer(4)]],
                       constant float& epsilon [[buffer(5)]],
                       uint tid [[thread_position_in_threadgroup]],
                       uint size [[threads_per_threadgroup]],
                       uint row [[threadgroup_position_in_grid]],
                       uint lane [[thread_index_in_simdgroup]],
                       uint simdgroup [[simdgroup_index_in_threadgroup]],
                       uint simdgroups [[simdgroups_per_threadgroup]]) {
  threadgroup float2 partial[32];
  x += row * columns;
  out += row * columns;
  float mean = 0, variance = 0;
  for (int pass = 0; pass < 2; pass++) {
    float sum = 0;
    for (uint i = tid; i < columns; i += size) {
      const float value = float(x[i]) - mean;
      sum += pass == 0 ? value : value * value;
    }
    sum = simd_sum(sum);
    if (lane == 0) partial[simdgroup] = float2(sum, 0);
    threadgroup_barrier(mem_flags::mem_threadgroup);
    float total = 0;
    for (uint s = 0; s < simdgroups; s++) total += partial[s].x;
    threadgroup_barrier(mem_flags::mem_threadgroup);
    if (pass == 0)
      mean = total / columns;
    else
      variance = total / columns;
  }
  const float scale = rsqrt(variance + epsilon);
  for (uint i = tid; i < columns; i += size)
    out[i] = T((float(x[i]) - mean) * scale * float(weight[i]) + float(bias[i]));
}

template [[host_name("layer_norm_float")]] kernel decltype(layer_norm<float>) layer_norm<float>;
template [[host_name("layer_norm_half")]] kernel decltype(layer_norm<half>) layer_norm<half>;
template [[host_name("layer_norm_bfloat")]] kernel decltype(layer_norm<bfloat>) layer_norm<bfloat>;
