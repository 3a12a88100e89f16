#include <metal_stdlib>

using namespace metal;

inline float maximum(float a, float b)
{
    return isnan(a) ? a : a > b ? a : b;
}

kernel void max_float16(
    device const half* a [[buffer(0)]],
    device half* out [[buffer(1)]],
    constant uint& length [[buffer(2)]],
    constant uint& columns [[buffer(3)]],
    uint tile [[thread_position_in_grid]])
{
    float max0_lanes[128] = {};
    ulong column = ulong(tile) * 128ul;
    if (column + 128ul <= ulong(columns)) {
        for (ulong lane = 0ul; lane < 128ul; lane++) {
            max0_lanes[lane] = -INFINITY;
        }
        for (ulong r = 0ul; r < ulong(length); r++) {
            for (ulong lane_2 = 0ul; lane_2 < 128ul; lane_2++) {
                max0_lanes[lane_2] = maximum(max0_lanes[lane_2],
                        a[r * ulong(columns) + (column + lane_2)]);
            }
        }
        for (ulong lane_3 = 0ul; lane_3 < 128ul; lane_3++) {
            out[column + lane_3] = half(max0_lanes[lane_3]);
        }
    } else {
        ulong left = ulong(columns) - column;
        for (ulong lane_4 = 0ul; lane_4 < 128ul; lane_4++) {
            max0_lanes[lane_4] = -INFINITY;
        }
        for (ulong r_2 = 0ul; r_2 < ulong(length); r_2++) {
            for (ulong lane_5 = 0ul; lane_5 < left; lane_5++) {
                max0_lanes[lane_5] = maximum(max0_lanes[lane_5],
                        a[r_2 * ulong(columns) + (column + lane_5)]);
            }
        }
        for (ulong lane_6 = 0ul; lane_6 < left; lane_6++) {
            out[column + lane_6] = half(max0_lanes[lane_6]);
        }
    }
}
