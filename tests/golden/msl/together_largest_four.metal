#include <metal_stdlib>

using namespace metal;

kernel void largest_four(
    device const float* x [[buffer(0)]],
    device float* out [[buffer(1)]],
    constant uint& n [[buffer(2)]],
    uint i [[thread_position_in_grid]],
    uint count [[threads_per_grid]])
{
    float best[4] = {};
    // for k in range(i, n, count)
    for (uint k = i; count > 0u && k < n; k += count) {
        float value = x[k];
        for (int place = 0; place < 4; place++) {
            float best_place = best[place];
            if (value > best_place) {
                float next = value;
                value = best_place;
                best[place] = next;
            }
        }
    }
    for (int place = 0; place < 4; place++) {
        out[i * 4u + uint(place)] = best[place];
    }
}
