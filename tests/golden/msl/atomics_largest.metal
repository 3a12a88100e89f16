#include <metal_stdlib>

using namespace metal;

// Stores desired if the bits of expected stand there; gives what stood there. Metal's own function
// may fail without a cause, so that one tries again.
template <typename Object, typename T>
inline T compare_exchange(Object object, T expected, T desired)
{
    T found = expected;
    while (!atomic_compare_exchange_weak_explicit(
        object, &found, desired, memory_order_relaxed, memory_order_relaxed)) {
        if (as_type<uint>(found) != as_type<uint>(expected)) {
            break;
        }
    }
    return found;
}

kernel void largest(
    device const float* x [[buffer(0)]],
    device float* best [[buffer(1)]],
    uint gid [[thread_position_in_grid]])
{
    float value = x[gid];
    float seen = atomic_load_explicit((device atomic_float*)best, memory_order_relaxed);
    while (value > seen) {
        float found = compare_exchange((device atomic_float*)best, seen, value);
        bool next_swapped = as_type<uint>(found) == as_type<uint>(seen);
        seen = found;
        bool swapped = next_swapped;
        if (swapped) {
            break;
        }
    }
}
