#include <metal_stdlib>

using namespace metal;

kernel void mandelbrot(
    device int* counts [[buffer(0)]],
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
    float re = -2.0f + 3.0f * float(x) / float(width);
    float im = -1.5f + 3.0f * float(y) / float(height);
    float zr = 0.0f;
    float zi = 0.0f;
    int n = 0;
    while (zr * zr + zi * zi <= 4.0f && n < limit) {
        float next_zi = 2.0f * zr * zi + im;
        zr = zr * zr - zi * zi + re;
        zi = next_zi;
        n += 1;
    }
    counts[y * width + x] = n;
}
