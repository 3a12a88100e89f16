#include <metal_stdlib>

using namespace metal;

// Python's a // b: rounds down, where MSL's a / b rounds toward zero.
template <typename T>
inline T floor_div(T a, T b)
{
    T quotient = a / b;
    return a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient;
}

kernel void floordiv_int32(
    device const int* a [[buffer(0)]],
    device const int* b [[buffer(1)]],
    device int* out [[buffer(2)]],
    uint i [[thread_position_in_grid]])
{
    int a_value = a[i];
    int b_value = b[i];
    out[i] = b_value == -1 ? -a_value : floor_div(a_value, b_value);
}
