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

kernel void inserted(
    device const uint* keys [[buffer(0)]],
    device atomic_uint* table [[buffer(1)]],
    device atomic_uint* counts [[buffer(2)]],
    constant uint& mask [[buffer(3)]],
    uint gid [[thread_position_in_grid]])
{
    uint key = keys[gid];
    uint slot = (key * 2654435761u) & mask;
    while (true) {
        uint found = compare_exchange(&table[slot], 4294967295u, key);
        uint found_2 = found;
        bool swapped = found == 4294967295u;
        if (swapped || found_2 == key) {
            break;
        }
        slot = (slot + 1u) & mask;
    }
    atomic_fetch_add_explicit(&counts[slot], 1u, memory_order_relaxed);
}
