#include <metal_stdlib>

using namespace metal;

kernel void add_3d(
    device const float* A [[buffer(0)]],
    device const float* B [[buffer(1)]],
    device float* C [[buffer(2)]],
    constant uint& D [[buffer(3)]],
    constant uint& H [[buffer(4)]],
    constant uint& W [[buffer(5)]],
    uint3 gid [[thread_position_in_grid]])
{
    uint x = gid.x;
    uint y = gid.y;
    uint z = gid.z;
    if (x < W && y < H && z < D) {
        uint idx = z * H * W + y * W + x;
        C[idx] = A[idx] + B[idx];
    }
}
