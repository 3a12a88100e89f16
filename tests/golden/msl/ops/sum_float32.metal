#include <metal_stdlib>

using namespace metal;

kernel void sum_float32(
    device const float* a [[buffer(0)]],
    device float* out [[buffer(1)]],
    constant uint& length [[buffer(2)]],
    uint row0 [[thread_position_in_grid]])
{
    float sum0_lanes[128] = {};
    ulong a_row = ulong(row0) * ulong(length);
    ulong out_row = row0;
    for (ulong lane = 0ul; lane < 128ul; lane++) {
        sum0_lanes[lane] = 0.0f;
    }
    ulong whole = ulong(length) - (ulong(length) % 128ul);
    for (ulong k = 0ul; k < whole; k += 128ul) {
        for (ulong lane_2 = 0ul; lane_2 < 128ul; lane_2++) {
            sum0_lanes[lane_2] += a[a_row + (k + lane_2)];
        }
    }
    for (ulong lane_3 = 0ul; lane_3 < ulong(length) - whole; lane_3++) {
        sum0_lanes[lane_3] += a[a_row + (whole + lane_3)];
    }
    for (ulong step = 0ul; step < 7ul; step++) {
        for (ulong lane_4 = 0ul; lane_4 < (64ul >> (step & 63ul)); lane_4++) {
            sum0_lanes[lane_4] += sum0_lanes[lane_4 + (64ul >> (step & 63ul))];
        }
    }
    float sum0 = sum0_lanes[0ul];
    out[out_row] = sum0;
}
