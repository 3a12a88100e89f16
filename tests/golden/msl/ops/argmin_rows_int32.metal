#include <metal_stdlib>

using namespace metal;

kernel void argmin_int64(
    device const int* a [[buffer(0)]],
    device long* out [[buffer(1)]],
    constant uint& length [[buffer(2)]],
    uint row0 [[thread_position_in_grid]])
{
    int argmin0_lanes[128] = {};
    uint argmin0_places[128] = {};
    ulong a_row = ulong(row0) * ulong(length);
    ulong out_row = row0;
    for (ulong lane = 0ul; lane < 128ul; lane++) {
        argmin0_lanes[lane] = 2147483647;
        argmin0_places[lane] = 4294967295u;
    }
    ulong whole = ulong(length) - (ulong(length) % 128ul);
    for (ulong k = 0ul; k < whole; k += 128ul) {
        for (ulong lane_2 = 0ul; lane_2 < 128ul; lane_2++) {
            int element = a[a_row + (k + lane_2)];
            uint argmin0_places_lane_2 = argmin0_places[lane_2];
            int argmin0_lanes_lane_2 = argmin0_lanes[lane_2];
            int next0 = (argmin0_places_lane_2 == 4294967295u) | (element < argmin0_lanes_lane_2)
                    ? element : argmin0_lanes_lane_2;
            uint next1 = (argmin0_places_lane_2 == 4294967295u) | (element < argmin0_lanes_lane_2)
                    ? uint(k + lane_2) : argmin0_places_lane_2;
            argmin0_lanes[lane_2] = next0;
            argmin0_places[lane_2] = next1;
        }
    }
    for (ulong lane_3 = 0ul; lane_3 < ulong(length) - whole; lane_3++) {
        int element_2 = a[a_row + (whole + lane_3)];
        uint argmin0_places_lane_3 = argmin0_places[lane_3];
        int argmin0_lanes_lane_3 = argmin0_lanes[lane_3];
        int next0_2 = (argmin0_places_lane_3 == 4294967295u) | (element_2 < argmin0_lanes_lane_3)
                ? element_2 : argmin0_lanes_lane_3;
        uint next1_2 = (argmin0_places_lane_3 == 4294967295u) | (element_2 < argmin0_lanes_lane_3)
                ? uint(whole + lane_3) : argmin0_places_lane_3;
        argmin0_lanes[lane_3] = next0_2;
        argmin0_places[lane_3] = next1_2;
    }
    for (ulong step = 0ul; step < 7ul; step++) {
        for (ulong lane_4 = 0ul; lane_4 < (64ul >> (step & 63ul)); lane_4++) {
            uint argmin0_places_value = argmin0_places[lane_4 + (64ul >> (step & 63ul))];
            uint argmin0_places_lane_4 = argmin0_places[lane_4];
            int argmin0_lanes_value = argmin0_lanes[lane_4 + (64ul >> (step & 63ul))];
            int argmin0_lanes_lane_4 = argmin0_lanes[lane_4];
            bool common = (argmin0_places_value != 4294967295u)
                    & ((argmin0_places_lane_4 == 4294967295u)
                    | ((argmin0_lanes_value < argmin0_lanes_lane_4)
                    | ((argmin0_lanes_lane_4 == argmin0_lanes_value)
                    & (argmin0_places_value < argmin0_places_lane_4))));
            int next0_3 = common ? argmin0_lanes_value : argmin0_lanes_lane_4;
            uint next1_3 = common ? argmin0_places_value : argmin0_places_lane_4;
            argmin0_lanes[lane_4] = next0_3;
            argmin0_places[lane_4] = next1_3;
        }
    }
    long argmin0 = argmin0_places[0ul];
    out[out_row] = argmin0;
}
