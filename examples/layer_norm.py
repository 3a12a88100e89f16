"""Layer normalisation of every row of a matrix: mean and variance by a tree in threadgroup memory."""

import sys

import numpy as np

from metal_runtime import kernel, metal

THREADS = 128


def over_threadgroup(tile, own):
    """The sum of ``own`` over the threadgroup, in every thread."""
    t = metal.thread_index_in_threadgroup
    metal.threadgroup_barrier()
    tile[t] = own
    metal.threadgroup_barrier()
    half = THREADS // 2
    while half > 0:
        if t < half:
            tile[t] += tile[t + half]
        metal.threadgroup_barrier()
        half //= 2
    return tile[0]


@kernel
def layer_norm(
    x: "device const float*",
    weight: "device const float*",
    bias: "device const float*",
    out: "device float*",
    columns: "uint",
    epsilon: "float",
):
    tile = metal.threadgroup_array(metal.float, THREADS)
    t = metal.thread_index_in_threadgroup
    first = metal.threadgroup_id() * columns
    total = 0.0
    for i in range(t, columns, THREADS):
        total += x[first + i]
    mean = over_threadgroup(tile, total) / columns
    total = 0.0
    for i in range(t, columns, THREADS):
        total += (x[first + i] - mean) ** 2
    scale = metal.rsqrt(over_threadgroup(tile, total) / columns + epsilon)
    for i in range(t, columns, THREADS):
        out[first + i] = (x[first + i] - mean) * scale * weight[i] + bias[i]


def main(rows: int = 31, columns: int = 777) -> None:
    rng = np.random.default_rng()
    x = (3 + 2 * rng.standard_normal((rows, columns))).astype(np.float32)
    weight, bias = rng.standard_normal((2, columns)).astype(np.float32)
    out = np.full_like(x, np.nan)

    layer_norm(x, weight, bias, out, columns, 1e-5, threads=rows * THREADS, threadgroup=THREADS)

    wide = x.astype(np.float64)
    centred = wide - wide.mean(axis=1, keepdims=True)
    expected = centred / np.sqrt(wide.var(axis=1, keepdims=True) + 1e-5) * weight + bias
    np.testing.assert_allclose(out, expected, atol=1e-4)
    worst = np.abs(out - expected).max()
    print(f"layer_norm: {rows} rows of {columns}, at most {worst:.1e} from NumPy's float64")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
