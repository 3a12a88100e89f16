#include <metal_stdlib>

using namespace metal;

kernel void mandelbrot(
    device int* out [[buffer(0)]],
    constant uint& width [[buffer(1)]],
    constant uint& height [[buffer(2)]],
    constant int& limit [[buffer(3)]],
    uint2 gid [[thread_position_in_grid]])
{
    uint x = gid.x;
    uint y = gid.y;
    if (x >= width || y >= height) {
        return;
    }
    float cr = -2.0f + 3.0f * float(x) / float(width);
    float ci = -1.5f + 3.0f * float(y) / float(height);
    float zr = 0.0f;
    float zi = 0.0f;
    int count = 0;
    while (zr * zr + zi * zi <= 4.0f && count < limit) {
        float t = zr * zr - zi * zi + cr;
        zi = 2.0f * zr * zi + ci;
        zr = t;
        count += 1;
    }
    out[y * width + x] = count;
}
