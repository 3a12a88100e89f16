#include <metal_stdlib>

using namespace metal;

kernel void sum_by_blocks_float32(
    device const float* a [[buffer(0)]],
    device float* out [[buffer(1)]],
    constant uint& length [[buffer(2)]],
    constant uint& block_size [[buffer(3)]],
    constant uint& blocks [[buffer(4)]],
    uint block [[thread_position_in_grid]])
{
    float sum0_lanes[128] = {};
    ulong first = ulong(block) * ulong(block_size);
    ulong end = min(first + ulong(block_size), ulong(length));
    for (ulong lane = 0ul; lane < 128ul; lane++) {
        sum0_lanes[lane] = 0.0f;
    }
    ulong whole = end - ((end - first) % 128ul);
    for (ulong k = first; k < whole; k += 128ul) {
        for (ulong lane_2 = 0ul; lane_2 < 128ul; lane_2++) {
            sum0_lanes[lane_2] += a[k + lane_2];
        }
    }
    for (ulong lane_3 = 0ul; lane_3 < end - whole; lane_3++) {
        sum0_lanes[lane_3] += a[whole + lane_3];
    }
    for (ulong step = 0ul; step < 7ul; step++) {
        for (ulong lane_4 = 0ul; lane_4 < (64ul >> (step & 63ul)); lane_4++) {
            sum0_lanes[lane_4] += sum0_lanes[lane_4 + (64ul >> (step & 63ul))];
        }
    }
    out[block] = sum0_lanes[0ul];
}

#include <metal_stdlib>

using namespace metal;

kernel void sum_float32(
    device const float* a [[buffer(0)]],
    device float* out [[buffer(1)]],
    constant uint& length [[buffer(2)]])
{
    float sum1_lanes[128] = {};
    for (ulong lane = 0ul; lane < 128ul; lane++) {
        sum1_lanes[lane] = 0.0f;
    }
    ulong whole = ulong(length) - (ulong(length) % 128ul);
    for (ulong k = 0ul; k < whole; k += 128ul) {
        for (ulong lane_2 = 0ul; lane_2 < 128ul; lane_2++) {
            sum1_lanes[lane_2] += a[k + lane_2];
        }
    }
    for (ulong lane_3 = 0ul; lane_3 < ulong(length) - whole; lane_3++) {
        sum1_lanes[lane_3] += a[whole + lane_3];
    }
    for (ulong step = 0ul; step < 7ul; step++) {
        for (ulong lane_4 = 0ul; lane_4 < (64ul >> (step & 63ul)); lane_4++) {
            sum1_lanes[lane_4] += sum1_lanes[lane_4 + (64ul >> (step & 63ul))];
        }
    }
    float sum1 = sum1_lanes[0ul];
    out[0ul] = sum1;
}
