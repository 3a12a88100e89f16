#include <metal_stdlib>

using namespace metal;

inline float whole_sum(threadgroup float* tile, float value, uint thread_index)
{
    uint t = thread_index;
    threadgroup_barrier(mem_flags::mem_threadgroup);
    tile[t] = value;
    threadgroup_barrier(mem_flags::mem_threadgroup);
    int half_ = 32;
    while (half_ > 0) {
        if (t < uint(half_)) {
            tile[t] += tile[t + uint(half_)];
        }
        threadgroup_barrier(mem_flags::mem_threadgroup);
        // half //= 2
        half_ >>= 1;
    }
    return tile[0];
}

kernel void layer_norm(
    device const float* x [[buffer(0)]],
    device const float* weight [[buffer(1)]],
    device const float* bias [[buffer(2)]],
    device float* out [[buffer(3)]],
    constant uint& columns [[buffer(4)]],
    constant float& eps [[buffer(5)]],
    uint row [[threadgroup_position_in_grid]],
    uint t [[thread_index_in_threadgroup]])
{
    threadgroup float tile[64];
    float total = 0.0f;
    for (uint k = t; k < columns; k += 64u) {
        total += x[row * columns + k];
    }
    float mean = whole_sum(tile, total, t) / float(columns);
    float square = 0.0f;
    for (uint k = t; k < columns; k += 64u) {
        float difference = x[row * columns + k] - mean;
        square += difference * difference;
    }
    float scale = rsqrt(whole_sum(tile, square, t) / float(columns) + eps);
    for (uint k = t; k < columns; k += 64u) {
        float value = (x[row * columns + k] - mean) * scale;
        out[row * columns + k] = value * weight[k] + bias[k];
    }
}
