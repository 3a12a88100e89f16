#include <metal_stdlib>

using namespace metal;

inline float maximum(float a, float b)
{
    return isnan(a) ? a : a > b ? a : b;
}

kernel void fused_sub_exp_div_max_sum(
    device const float* a [[buffer(0)]],
    device float* out [[buffer(1)]],
    constant uint& length [[buffer(2)]],
    uint row0 [[thread_position_in_grid]])
{
    float max0_lanes[32] = {};
    float sum3_lanes[32] = {};
    ulong a_row = ulong(row0) * ulong(length);
    ulong out_row = ulong(row0) * ulong(length);
    for (ulong lane = 0ul; lane < 32ul; lane++) {
        max0_lanes[lane] = -INFINITY;
    }
    ulong rest = ulong(length) % 32ul;
    ulong whole = ulong(length) - rest;
    for (ulong k = 0ul; k < whole; k += 32ul) {
        for (ulong lane_2 = 0ul; lane_2 < 32ul; lane_2++) {
            max0_lanes[lane_2] = maximum(max0_lanes[lane_2], a[a_row + (k + lane_2)]);
        }
    }
    for (ulong lane_3 = 0ul; lane_3 < ulong(length) - whole; lane_3++) {
        max0_lanes[lane_3] = maximum(max0_lanes[lane_3], a[a_row + (whole + lane_3)]);
    }
    for (ulong step = 0ul; step < 5ul; step++) {
        for (ulong lane_4 = 0ul; lane_4 < (16ul >> (step & 63ul)); lane_4++) {
            max0_lanes[lane_4] = maximum(max0_lanes[lane_4],
                    max0_lanes[lane_4 + (16ul >> (step & 63ul))]);
        }
    }
    float max0 = max0_lanes[0ul];
    for (ulong lane_5 = 0ul; lane_5 < 32ul; lane_5++) {
        sum3_lanes[lane_5] = 0.0f;
    }
    ulong whole_2 = ulong(length) - rest;
    for (ulong k_2 = 0ul; k_2 < whole_2; k_2 += 32ul) {
        for (ulong lane_6 = 0ul; lane_6 < 32ul; lane_6++) {
            sum3_lanes[lane_6] += exp(a[a_row + (k_2 + lane_6)] - max0);
        }
    }
    for (ulong lane_7 = 0ul; lane_7 < ulong(length) - whole_2; lane_7++) {
        sum3_lanes[lane_7] += exp(a[a_row + (whole_2 + lane_7)] - max0);
    }
    for (ulong step_2 = 0ul; step_2 < 5ul; step_2++) {
        for (ulong lane_8 = 0ul; lane_8 < (16ul >> (step_2 & 63ul)); lane_8++) {
            sum3_lanes[lane_8] += sum3_lanes[lane_8 + (16ul >> (step_2 & 63ul))];
        }
    }
    float sum3 = sum3_lanes[0ul];
    for (ulong k_3 = 0ul; k_3 < ulong(length); k_3++) {
        out[out_row + k_3] = exp(a[a_row + k_3] - max0) / sum3;
    }
}
