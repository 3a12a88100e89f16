#include <metal_stdlib>

using namespace metal;

kernel void fused_cast_div_sub_mul_add_rsqrt_and_1_more(
    device const half* a [[buffer(0)]],
    device const half* b [[buffer(1)]],
    constant float& k0 [[buffer(2)]],
    constant float& k1 [[buffer(3)]],
    constant float& k2 [[buffer(4)]],
    device half* out [[buffer(5)]],
    constant uint& length [[buffer(6)]],
    uint row0 [[thread_position_in_grid]])
{
    float sum1_lanes[128] = {};
    float sum5_lanes[128] = {};
    ulong a_row = ulong(row0) * ulong(length);
    ulong out_row = ulong(row0) * ulong(length);
    for (ulong lane = 0ul; lane < 128ul; lane++) {
        sum1_lanes[lane] = 0.0f;
    }
    ulong rest = ulong(length) % 128ul;
    ulong whole = ulong(length) - rest;
    for (ulong k = 0ul; k < whole; k += 128ul) {
        for (ulong lane_2 = 0ul; lane_2 < 128ul; lane_2++) {
            sum1_lanes[lane_2] += float(a[a_row + (k + lane_2)]);
        }
    }
    for (ulong lane_3 = 0ul; lane_3 < ulong(length) - whole; lane_3++) {
        sum1_lanes[lane_3] += float(a[a_row + (whole + lane_3)]);
    }
    for (ulong step = 0ul; step < 7ul; step++) {
        for (ulong lane_4 = 0ul; lane_4 < (64ul >> (step & 63ul)); lane_4++) {
            sum1_lanes[lane_4] += sum1_lanes[lane_4 + (64ul >> (step & 63ul))];
        }
    }
    float sum1 = sum1_lanes[0ul];
    for (ulong lane_5 = 0ul; lane_5 < 128ul; lane_5++) {
        sum5_lanes[lane_5] = 0.0f;
    }
    ulong whole_2 = ulong(length) - rest;
    float quotient = sum1 / k0;
    for (ulong k_2 = 0ul; k_2 < whole_2; k_2 += 128ul) {
        for (ulong lane_6 = 0ul; lane_6 < 128ul; lane_6++) {
            float sub_value = float(a[a_row + (k_2 + lane_6)]) - quotient;
            sum5_lanes[lane_6] += sub_value * sub_value;
        }
    }
    float quotient_2 = quotient;
    for (ulong lane_7 = 0ul; lane_7 < ulong(length) - whole_2; lane_7++) {
        float sub_value_2 = float(a[a_row + (whole_2 + lane_7)]) - quotient_2;
        sum5_lanes[lane_7] += sub_value_2 * sub_value_2;
    }
    for (ulong step_2 = 0ul; step_2 < 7ul; step_2++) {
        for (ulong lane_8 = 0ul; lane_8 < (64ul >> (step_2 & 63ul)); lane_8++) {
            sum5_lanes[lane_8] += sum5_lanes[lane_8 + (64ul >> (step_2 & 63ul))];
        }
    }
    float sum5 = sum5_lanes[0ul];
    float quotient_3 = quotient;
    float rsqrt_value = rsqrt(sum5 / k1 + k2);
    for (ulong k_3 = 0ul; k_3 < ulong(length); k_3++) {
        out[out_row + k_3] = half((float(a[a_row + k_3]) - quotient_3) * rsqrt_value
                * float(b[k_3]));
    }
}
