"""Operators on operands of different shapes and dtypes, on the device, against NumPy."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes

from metal_runtime import ops

DTYPES = [np.int8, np.uint32, np.float32]


@settings(max_examples=60, deadline=None)
@given(mutually_broadcastable_shapes(num_shapes=2, max_dims=4, max_side=5), st.sampled_from(DTYPES))
def test_two_operands(shapes, dtype: type) -> None:
    rng = np.random.default_rng()
    a, b = (rng.integers(0, 100, s).astype(dtype) for s in shapes.input_shapes)
    np.testing.assert_array_equal(ops.sub(a, b).to_numpy(), a - b, strict=True)


@settings(max_examples=30, deadline=None)
@given(mutually_broadcastable_shapes(num_shapes=3, max_dims=3, max_side=4))
def test_three_operands(shapes) -> None:
    rng = np.random.default_rng()
    a, b, c = (rng.normal(size=s).astype(np.float32) for s in shapes.input_shapes)
    np.testing.assert_array_equal(
        ops.where(a > 0, b, c).to_numpy(), np.where(a > 0, b, c), strict=True
    )


def test_eight_alternating_axes() -> None:
    rng = np.random.default_rng()
    a = rng.normal(size=(2, 1, 3, 1, 2, 1, 2, 1)).astype(np.float32)
    b = rng.normal(size=(1, 3, 1, 2, 1, 2, 1, 5)).astype(np.float32)
    np.testing.assert_array_equal(ops.mul(a, b).to_numpy(), a * b, strict=True)


def test_long_rows_and_columns() -> None:
    rng = np.random.default_rng()
    row = rng.normal(size=(1, 2053)).astype(np.float32)
    column = rng.normal(size=(1031, 1)).astype(np.float32)
    full = rng.normal(size=(1031, 2053)).astype(np.float32)
    np.testing.assert_array_equal(ops.add(row, column).to_numpy(), row + column, strict=True)
    np.testing.assert_array_equal(ops.add(full, column).to_numpy(), full + column, strict=True)
    np.testing.assert_array_equal(ops.sub(row, full).to_numpy(), row - full, strict=True)


def test_in_place_with_a_row() -> None:
    rng = np.random.default_rng()
    full, row = rng.normal(size=(37, 41)).astype(np.float32), rng.normal(size=41).astype(np.float32)
    buffer = ops.cast(full, "float32")
    ops.add(buffer, row, buffer)
    np.testing.assert_array_equal(buffer.to_numpy(), full + row)
