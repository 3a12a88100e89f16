"""Adds two vectors with the array operators; the result stays on the device until it is asked for."""

import numpy as np

from metal_runtime import api, ops

N = 1_000_000
rng = np.random.default_rng()
a = rng.standard_normal(N).astype(np.float32)
b = rng.standard_normal(N).astype(np.float32)

a_buf = api.asarray(a, persistent=True)
b_buf = api.asarray(b, persistent=True)
out_buf = api.empty_like(a_buf, persistent=True)

ops.add(a_buf, b_buf, out_buf)
result = api.to_numpy(out_buf)

np.testing.assert_array_equal(result, a + b)
print(f"vector_add: {N:,} sums equal NumPy's; the first are {result[:4]}")
