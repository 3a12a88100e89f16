#include <metal_stdlib>

using namespace metal;

kernel void published(
    device uint* x [[buffer(0)]],
    device atomic_uint* ready [[buffer(1)]],
    device uint* out [[buffer(2)]],
    uint i [[thread_position_in_grid]])
{
    x[i] = i + 5u;
    atomic_thread_fence(mem_flags::mem_device, memory_order_seq_cst);
    atomic_store_explicit(&ready[i], 1u, memory_order_relaxed);
    atomic_thread_fence(mem_flags::mem_device | mem_flags::mem_threadgroup, memory_order_seq_cst);
    out[i] = x[i] * atomic_load_explicit(&ready[i], memory_order_relaxed);
}
