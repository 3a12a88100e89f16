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
    float max0_lanes[128] = {};
    float sum3_lanes[128] = {};
    ulong a_row = ulong(row0) * ulong(length);
    ulong out_row = ulong(row0) * ulong(length);
    for (ulong lane = 0ul; lane < 128ul; lane++) {
        max0_lanes[lane] = -INFINITY;
    }
    ulong rest = ulong(length) % 128ul;
    ulong whole = ulong(length) - rest;
    for (ulong k = 0ul; k < whole; k += 128ul) {
        for (ulong lane_2 = 0ul; lane_2 < 128ul; lane_2++) {
            max0_lanes[lane_2] = maximum(max0_lanes[lane_2], a[a_row + (k + lane_2)]);
        }
    }
    for (ulong lane_3 = 0ul; lane_3 < ulong(length) - whole; lane_3++) {
        max0_lanes[lane_3] = maximum(max0_lanes[lane_3], a[a_row + (whole + lane_3)]);
    }
    for (ulong step = 0ul; step < 7ul; step++) {
        for (ulong lane_4 = 0ul; lane_4 < (64ul >> (step & 63ul)); lane_4++) {
            max0_lanes[lane_4] = maximum(max0_lanes[lane_4],
                    max0_lanes[lane_4 + (64ul >> (step & 63ul))]);
        }
    }
    float max0 = max0_lanes[0ul];
    for (ulong lane_5 = 0ul; lane_5 < 128ul; lane_5++) {
        sum3_lanes[lane_5] = 0.0f;
    }
    ulong whole_2 = ulong(length) - rest;
    for (ulong k_2 = 0ul; k_2 < whole_2; k_2 += 128ul) {
        for (ulong lane_6 = 0ul; lane_6 < 128ul; lane_6++) {
            float exp_value = exp(a[a_row + (k_2 + lane_6)] - max0);
            sum3_lanes[lane_6] += exp_value;
            out[out_row + (k_2 + lane_6)] = exp_value;
        }
    }
    for (ulong lane_7 = 0ul; lane_7 < ulong(length) - whole_2; lane_7++) {
        float exp_value_2 = exp(a[a_row + (whole_2 + lane_7)] - max0);
        sum3_lanes[lane_7] += exp_value_2;
        out[out_row + (whole_2 + lane_7)] = exp_value_2;
    }
    for (ulong step_2 = 0ul; step_2 < 7ul; step_2++) {
        for (ulong lane_8 = 0ul; lane_8 < (64ul >> (step_2 & 63ul)); lane_8++) {
            sum3_lanes[lane_8] += sum3_lanes[lane_8 + (64ul >> (step_2 & 63ul))];
        }
    }
    float sum3 = sum3_lanes[0ul];
    for (ulong k_3 = 0ul; k_3 < ulong(length); k_3++) {
        out[out_row + k_3] /= sum3;
    }
}
