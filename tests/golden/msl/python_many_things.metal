#include <metal_stdlib>

using namespace metal;

// Python's a % b: has the sign of b, where MSL's a % b has the sign of a.
template <typename T>
inline T floor_mod(T a, T b)
{
    T rest = a % b;
    return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

// base to an integer power, by repeated squaring. A negative power is 1, -1 or 0.
template <typename T>
inline T int_pow(T base, T exponent)
{
    if (exponent < 0) {
        return base == 1 ? 1 : base == T(-1) ? ((exponent & 1) != 0 ? -1 : 1) : 0;
    }
    T result = 1;
    while (exponent > 0) {
        if ((exponent & 1) != 0) {
            result *= base;
        }
        base *= base;
        exponent >>= 1;
    }
    return result;
}

inline float shade(float value, float low, float high)
{
    if (value < low) {
        return low;
    } else if (value > high) {
        return high;
    }
    return value;
}

kernel void many_things(
    device uchar* image [[buffer(0)]],
    constant float* levels [[buffer(1)]],
    constant int& width [[buffer(2)]],
    constant int& height [[buffer(3)]],
    constant int& step [[buffer(4)]],
    uint2 gid [[thread_position_in_grid]])
{
    int x = gid.x;
    int y = gid.y;
    if (!(x < width && y < height)) {
        return;
    }
    // tile = x // 16 + (y // 16) * (width // 16)
    int tile = (x >> 4) + (y >> 4) * (width >> 4);
    // phase = (x - y) % 7
    int phase = floor_mod(x - y, 7);
    float total = 0.0f;
    // for k in range(0, 64, step)
    for (int k = 0; (step > 0 && k < 64) || (step < 0 && k > 64); k += step) {
        // if k % 2 == 0 or (phase == 3 and k > 8)
        if ((k & 1) == 0 || (phase == 3 && k > 8)) {
            continue;
        }
        float quotient = 6.2831855f * float(k) / 64.0f;
        total += levels[k] * sin(quotient) + levels[63 - k] * cos(quotient);
        if (total > 1000000.0f) {
            break;
        }
    }
    // scale = 2 ** (phase & 3)
    int scale = int_pow(2, phase & 3);
    image[y * width + x] = uchar(int(shade(total * float(scale) + float(tile), 0.0f, 255.0f)));
}
