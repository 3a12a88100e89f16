"""Runs Metal Shading Language written by hand, registered by name as in the original iris."""

import numpy as np

from metal_runtime import api

SOURCE = """
#include <metal_stdlib>
using namespace metal;

template <typename T>
T clipped(T value, T limit) {
    return clamp(value, -limit, limit);
}

kernel void clipped_saxpy(device const float* x [[buffer(0)]],
                          device float*       y [[buffer(1)]],
                          constant float&     a [[buffer(2)]],
                          constant int&       n [[buffer(3)]],
                          uint i [[thread_position_in_grid]]) {
    if (int(i) < n) {
        y[i] = clipped(fma(a, x[i], y[i]), 2.0f);
    }
}
"""


def main() -> None:
    n = 100_003
    rng = np.random.default_rng()
    x = rng.standard_normal(n).astype(np.float32)
    y = rng.standard_normal(n).astype(np.float32)
    x_buf, y_buf = api.asarray(x), api.asarray(y)

    api.register_kernel("clipped_saxpy", SOURCE, "clipped_saxpy")
    api.launch_kernel("clipped_saxpy", grid=(n,), block=(256,), args=(x_buf, y_buf, 1.5, n))
    result = api.to_numpy(y_buf)

    expected = np.clip(1.5 * x.astype(np.float64) + y, -2, 2)
    np.testing.assert_allclose(result, expected, rtol=1e-6, atol=1e-6)
    print(f"raw_msl: {n:,} elements of a hand-written kernel equal NumPy's")


if __name__ == "__main__":
    main()
