"""Views that are not in C order, given to kernels: each has a copy of its own, in memory that nobody else gets meanwhile."""

from __future__ import annotations

import numpy as np

from metal_runtime import api, kernel, metal, ops


@kernel
def differences(a: "device const float*", b: "device const float*", out: "device float*"):
    i = metal.thread_position_in_grid.x
    out[i] = a[i] - b[i]


def test_a_kernel_of_several_views() -> None:
    values = np.random.default_rng().normal(size=(48, 64)).astype(np.float32)
    a = api.asarray(values)
    out = api.empty((64, 48))
    differences(a.T, a.T[::-1], out, threads=64 * 48)
    np.testing.assert_array_equal(out.numpy(), values.T - values.T[::-1])


def test_products_of_views() -> None:
    values = np.random.default_rng().integers(-9, 9, (40, 40)).astype(np.float32)
    a = api.asarray(values)
    np.testing.assert_array_equal(ops.matmul(a.T, a.T[::-1]).numpy(), values.T @ values.T[::-1])
    np.testing.assert_array_equal((a @ a.T).numpy(), values @ values.T)
    same = a.T
    np.testing.assert_array_equal((same @ same).numpy(), values.T @ values.T)


def test_an_operator_with_a_kernel_of_its_own() -> None:
    values = np.random.default_rng().normal(size=(30, 50)).astype(np.float32)
    places = np.argsort(values, axis=0)
    taken = ops.take_along_axis(api.asarray(values).T, api.asarray(places).T, 1)
    np.testing.assert_array_equal(taken.numpy(), np.sort(values, axis=0).T)
