"""What the array API standard has beside the rest: signs of zeros, neighbours, logarithms of sums, sums of products, repetition."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metal_runtime import api, ops
from metal_runtime.dtype import DType
from metal_runtime.errors import DTypeError, ShapeError
from metal_runtime.ops.promotion import dtype_name
from tests.ops.data import sample
from tests.ops.poison import poison, same

HALVES = [DType.FLOAT16, DType.BFLOAT16]


@pytest.fixture(autouse=True)
def poisoned() -> None:
    poison()


@pytest.mark.parametrize("dtype", [DType.FLOAT32, *HALVES], ids=dtype_name)
def test_a_rest_of_zero_has_the_sign_of_the_divisor(dtype: DType) -> None:
    a, b = (values.ravel() for values in np.meshgrid([0.0, -0.0, 6.0, -6.0], [3.0, -3.0]))
    rest = ops.mod(a.astype(dtype.numpy_dtype), b.astype(dtype.numpy_dtype)).to_numpy()
    assert list(rest.astype(np.float32)) == [0.0] * a.size
    np.testing.assert_array_equal(np.signbit(rest.astype(np.float32)), b < 0)
    assert math.copysign(1, -0.0 % 3.0) == 1  # Python's own


@pytest.mark.parametrize("dtype", [DType.FLOAT32, DType.FLOAT16], ids=dtype_name)
def test_nextafter(dtype: DType) -> None:
    rng = np.random.default_rng()
    a, b = (sample(rng, dtype, 300) for _ in range(2))
    b[::5] = a[::5]
    with np.errstate(all="ignore"):
        expected = np.nextafter(a, b)
    same(ops.nextafter(a, b), expected)


@pytest.mark.parametrize("dtype", [DType.BFLOAT16, DType.INT32], ids=dtype_name)
def test_nextafter_is_of_float_and_half(dtype: DType) -> None:
    with pytest.raises(DTypeError, match="nextafter does not take"):
        ops.nextafter(api.zeros(3, dtype), api.zeros(3, dtype))


def test_logaddexp() -> None:
    rng = np.random.default_rng()
    a, b = (rng.normal(scale=scale, size=500).astype(np.float32) for scale in (100, 30))
    b[::3] = a[::3] + rng.normal(size=167).astype(np.float32)
    edges = np.array([np.inf, -np.inf, np.nan, 0, 3e38, -3e38, 1e-40], np.float32)
    x, y = (
        np.concatenate([v, e.ravel()])
        for v, e in zip((a, b), np.meshgrid(edges, edges), strict=True)
    )
    with np.errstate(all="ignore"):
        expected = np.logaddexp(x.astype(np.float64), y.astype(np.float64)).astype(np.float32)
        spacing = np.spacing(np.maximum(np.abs(expected), 1))
    actual = ops.logaddexp(x, y).to_numpy()
    close = np.isfinite(expected)
    np.testing.assert_array_equal(actual[~close], expected[~close])
    assert np.all(np.abs(actual[close] - expected[close]) <= 4 * spacing[close])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 4), max_size=6), st.data())
def test_repeat_with_a_number_for_each_place(counts: list[int], data: st.DataObject) -> None:
    axis = data.draw(st.integers(-3, 2))
    shape = [2, 2, 2]
    shape[axis] = len(counts)
    a = np.random.default_rng().normal(size=shape).astype(np.float32)
    dtype = data.draw(st.sampled_from([np.int64, np.uint8, np.int16]))
    same(ops.repeat(a, np.array(counts, dtype), axis), np.repeat(a, counts, axis))


def test_repeat_refuses() -> None:
    a = np.ones((2, 3), np.float32)
    with pytest.raises(ShapeError, match="less than 0"):
        ops.repeat(a, np.array([1, -1]), 0)
    with pytest.raises(ShapeError, match="or 2 of them"):
        ops.repeat(a, np.array([1, 1, 1]), 0)
    with pytest.raises(ShapeError, match="float32"):
        ops.repeat(a, np.array([1, 1], np.float32), 0)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 4), max_size=3), st.data())
def test_tensordot(summed: list[int], data: st.DataObject) -> None:
    sizes = st.lists(st.integers(0, 3), max_size=2)
    left, right = data.draw(sizes), data.draw(sizes)
    rng = np.random.default_rng()
    a = rng.integers(-9, 9, (*left, *summed)).astype(np.int32)
    b = rng.integers(-9, 9, (*summed, *right)).astype(np.int32)
    same(ops.tensordot(a, b, len(summed)), np.tensordot(a, b, len(summed)))
    order = data.draw(st.permutations(range(len(summed))))
    axes = [[len(left) + k for k in order], list(order)]
    same(ops.tensordot(a, b, axes), np.tensordot(a, b, axes))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 40), st.sampled_from([-1, 0, 1]), st.sampled_from(list(DType)[1:]))
def test_vecdot(n: int, axis: int, dtype: DType) -> None:
    rng = np.random.default_rng()
    a, b = (np.moveaxis(rng.integers(0, 4, (k, n)), -1, axis) for k in (3, 1))
    expected = (a * b).sum(axis).astype(dtype.numpy_dtype)
    actual = ops.vecdot(*(v.astype(dtype.numpy_dtype) for v in (a, b)), axis)
    assert actual.dtype is dtype
    np.testing.assert_array_equal(actual.to_numpy(), expected)


def test_products_refuse() -> None:
    a = np.ones((2, 3), np.float32)
    with pytest.raises(ShapeError, match="differ in length"):
        ops.tensordot(a, a, 1)
    with pytest.raises(ShapeError, match="no 3 axes"):
        ops.tensordot(a, a, 3)
    with pytest.raises(ShapeError, match="differ along the axis"):
        ops.vecdot(a, a[:, :2])
    with pytest.raises(DTypeError, match="bool"):
        ops.vecdot(a > 0, a > 0)
