#include <metal_stdlib>

using namespace metal;

kernel void sum_float32(
    device const float* a [[buffer(0)]],
    device float* out [[buffer(1)]],
    constant uint& length [[buffer(2)]],
    constant uint& blocks [[buffer(3)]],
    uint2 gid [[thread_position_in_grid]])
{
    ulong line = ulong(gid.y) * ulong(length);
    ulong first = ulong(gid.x) * 4096ul;
    ulong end = min(first + 4096ul, ulong(length));
    ulong whole = end - ((end - first) % 16ul);
    float4 total0 = float4(0.0f);
    float4 total1 = float4(0.0f);
    float4 total2 = float4(0.0f);
    float4 total3 = float4(0.0f);
    for (ulong k = first; k < whole; k += 16ul) {
        total0 += float4(a[line + k], a[line + (k + 1ul)], a[line + (k + 2ul)],
                a[line + (k + 3ul)]);
        total1 += float4(a[line + (k + 4ul)], a[line + (k + 5ul)], a[line + (k + 6ul)],
                a[line + (k + 7ul)]);
        total2 += float4(a[line + (k + 8ul)], a[line + (k + 9ul)], a[line + (k + 10ul)],
                a[line + (k + 11ul)]);
        total3 += float4(a[line + (k + 12ul)], a[line + (k + 13ul)], a[line + (k + 14ul)],
                a[line + (k + 15ul)]);
    }
    float total = total0.x + total2.x + (total1.x + total3.x)
            + (total0.z + total2.z + (total1.z + total3.z))
            + (total0.y + total2.y + (total1.y + total3.y)
            + (total0.w + total2.w + (total1.w + total3.w)));
    for (ulong k = whole; k < end; k++) {
        total += a[line + k];
    }
    out[gid.y * blocks + gid.x] = total;
}
