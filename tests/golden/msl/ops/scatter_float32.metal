#include <metal_stdlib>

using namespace metal;

kernel void scatter_float32(
    device const float* a [[buffer(0)]],
    device const uint* sources [[buffer(1)]],
    device const float* values [[buffer(2)]],
    device float* out [[buffer(3)]],
    constant uint& length [[buffer(4)]],
    constant uint& count [[buffer(5)]],
    constant uint& inner [[buffer(6)]],
    uint2 gid [[thread_position_in_grid]])
{
    uint source = sources[gid.x];
    uint place = gid.y * length + gid.x;
    out[place] = source == 4294967295u ? a[place] : values[gid.y * count + source];
}
