#include <metal_stdlib>

using namespace metal;

kernel void gather_rows_float32(
    device const float* a [[buffer(0)]],
    device const uint* indices [[buffer(1)]],
    device float* out [[buffer(2)]],
    constant uint& length [[buffer(3)]],
    constant uint& count [[buffer(4)]],
    constant uint& inner [[buffer(5)]],
    uint3 gid [[thread_position_in_grid]])
{
    out[(gid.z * count + gid.y) * inner + gid.x] = a[(gid.z * length + indices[gid.y]) * inner
            + gid.x];
}
