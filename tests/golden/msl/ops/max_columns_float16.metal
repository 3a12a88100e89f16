#include <metal_stdlib>

using namespace metal;

inline float maximum(float a, float b)
{
    return isnan(a) ? a : a > b ? a : b;
}

kernel void max_columns_float16(
    device const half* a [[buffer(0)]],
    device half* out [[buffer(1)]],
    constant uint& rows [[buffer(2)]],
    constant uint& columns [[buffer(3)]],
    constant uint& blocks [[buffer(4)]],
    uint3 gid [[thread_position_in_grid]])
{
    ulong line = ulong(gid.z) * ulong(rows);
    ulong row = ulong(gid.y) * 256ul;
    ulong end = min(row + 256ul, ulong(rows));
    ulong place = ulong(gid.z * blocks + gid.y) * ulong(columns);
    ulong column = ulong(gid.x) * 16ul;
    if (column + 16ul <= ulong(columns)) {
        float4 total0 = float4(-INFINITY);
        float4 total1 = float4(-INFINITY);
        float4 total2 = float4(-INFINITY);
        float4 total3 = float4(-INFINITY);
        for (ulong r = row; r < end; r++) {
            total0 = float4(maximum(total0.x, a[(line + r) * ulong(columns) + column]),
                    maximum(total0.y, a[(line + r) * ulong(columns) + (column + 1ul)]),
                    maximum(total0.z, a[(line + r) * ulong(columns) + (column + 2ul)]),
                    maximum(total0.w, a[(line + r) * ulong(columns) + (column + 3ul)]));
            total1 = float4(maximum(total1.x, a[(line + r) * ulong(columns) + (column + 4ul)]),
                    maximum(total1.y, a[(line + r) * ulong(columns) + (column + 5ul)]),
                    maximum(total1.z, a[(line + r) * ulong(columns) + (column + 6ul)]),
                    maximum(total1.w, a[(line + r) * ulong(columns) + (column + 7ul)]));
            total2 = float4(maximum(total2.x, a[(line + r) * ulong(columns) + (column + 8ul)]),
                    maximum(total2.y, a[(line + r) * ulong(columns) + (column + 9ul)]),
                    maximum(total2.z, a[(line + r) * ulong(columns) + (column + 10ul)]),
                    maximum(total2.w, a[(line + r) * ulong(columns) + (column + 11ul)]));
            total3 = float4(maximum(total3.x, a[(line + r) * ulong(columns) + (column + 12ul)]),
                    maximum(total3.y, a[(line + r) * ulong(columns) + (column + 13ul)]),
                    maximum(total3.z, a[(line + r) * ulong(columns) + (column + 14ul)]),
                    maximum(total3.w, a[(line + r) * ulong(columns) + (column + 15ul)]));
        }
        out[place + column] = half(total0.x);
        out[place + (column + 1ul)] = half(total0.y);
        out[place + (column + 2ul)] = half(total0.z);
        out[place + (column + 3ul)] = half(total0.w);
        out[place + (column + 4ul)] = half(total1.x);
        out[place + (column + 5ul)] = half(total1.y);
        out[place + (column + 6ul)] = half(total1.z);
        out[place + (column + 7ul)] = half(total1.w);
        out[place + (column + 8ul)] = half(total2.x);
        out[place + (column + 9ul)] = half(total2.y);
        out[place + (column + 10ul)] = half(total2.z);
        out[place + (column + 11ul)] = half(total2.w);
        out[place + (column + 12ul)] = half(total3.x);
        out[place + (column + 13ul)] = half(total3.y);
        out[place + (column + 14ul)] = half(total3.z);
        out[place + (column + 15ul)] = half(total3.w);
    } else {
        for (ulong c = column; c < ulong(columns); c++) {
            float total = -INFINITY;
            for (ulong r = row; r < end; r++) {
                total = maximum(total, a[(line + r) * ulong(columns) + c]);
            }
            out[place + c] = half(total);
        }
    }
}
