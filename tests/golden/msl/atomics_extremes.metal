#include <metal_stdlib>

using namespace metal;

kernel void extremes(
    device const ulong* x [[buffer(0)]],
    device ulong* out [[buffer(1)]],
    uint i [[thread_position_in_grid]])
{
    atomic_min_explicit((device atomic_ulong*)out, x[i], memory_order_relaxed);
    atomic_max_explicit((device atomic_ulong*)&out[1], x[i], memory_order_relaxed);
}
