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
    float3 total = float3(0.0f);
    for (uint j = 0u; j < n; j++) {
        float4 bodies_j = bodies[j];
        float3 delta = bodies_j.xyz - me.xyz;
        float inverse = 1.0f / sqrt(dot(delta, delta) + softening);
        total += delta * (bodies_j.w * inverse * inverse * inverse);
    }
    forces[i] = float4(total, 0.0f);
}
