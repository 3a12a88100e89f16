#include <metal_stdlib>

using namespace metal;

kernel void n_body(
    device const float4* bodies [[buffer(0)]],
    device float4* forces [[buffer(1)]],
    constant uint& n [[buffer(2)]],
    constant float& softening [[buffer(3)]],
    uint i [[thread_position_in_grid]])
{
    if (i >= n) {
        return;
    }
    float4 me = bodies[i];
    float4 total = float4(0.0f);
    for (uint j = 0u; j < n; j++) {
        float4 other = bodies[j];
        float4 delta = other - me;
        float squared = dot(delta.xyz, delta.xyz) + softening;
        float inverse = rsqrt(squared);
        total += delta * (other.w * inverse * inverse * inverse);
    }
    total.w = 0.0f;
    forces[i] = total;
}
