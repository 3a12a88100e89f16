#include <metal_stdlib>

using namespace metal;

kernel void histogram(
    device const uint* x [[buffer(0)]],
    device uint* bins [[buffer(1)]],
    constant uint& n [[buffer(2)]],
    uint i [[thread_position_in_grid]],
    uint t [[thread_index_in_threadgroup]])
{
    threadgroup atomic_uint local[64];
    for (uint k = t; k < 64u; k += 64u) {
        atomic_store_explicit(&local[k], 0u, memory_order_relaxed);
    }
    threadgroup_barrier(mem_flags::mem_threadgroup);
    if (i < n) {
        atomic_fetch_add_explicit(&local[x[i]], 1u, memory_order_relaxed);
    }
    threadgroup_barrier(mem_flags::mem_threadgroup);
    for (uint k = t; k < 64u; k += 64u) {
        atomic_fetch_add_explicit((device atomic_uint*)&bins[k],
                atomic_load_explicit(&local[k], memory_order_relaxed), memory_order_relaxed);
    }
}
