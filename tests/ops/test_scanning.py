"""cumsum, cumprod and diff against NumPy in float64 and in 64-bit integers, on both sides of every block."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metal_runtime import ops
from metal_runtime.dtype import DType
from metal_runtime.errors import DTypeError, ShapeError
from metal_runtime.ops.promotion import dtype_name
from tests.ops.data import assert_close, sample
from tests.ops.poison import poison, same

U = 2.0**-24


@pytest.fixture(autouse=True)
def poisoned() -> None:
    poison()


@pytest.mark.parametrize("size", [1, 3, 4, 1023, 1024, 1025, 5000, 1024**2 + 1025])
def test_sums_are_within_their_bound(size: int) -> None:
    rng = np.random.default_rng()
    a = (rng.normal(size=size) * 10.0 ** rng.integers(-3, 3, size)).astype(np.float32)
    wide = a.astype(np.float64)
    passes = 1 if size <= 1024 else 2 if size <= 1024**2 else 3
    bound = 264 * passes * U * np.cumsum(np.abs(wide))
    assert (np.abs(ops.cumsum(a).to_numpy() - np.cumsum(wide)) <= bound).all()


@pytest.mark.parametrize("shape", [(700, 3), (257, 16), (300, 37), (2, 513, 20), (70_000, 2)])
def test_lines_that_lie_apart(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng()
    whole = rng.integers(-1000, 1000, shape, np.int32)
    a = rng.normal(size=shape).astype(np.float32)
    for axis in range(len(shape)):
        same(ops.cumsum(whole, axis), np.cumsum(whole, axis))
        same(ops.cumprod(whole, axis), np.cumprod(whole, axis))
        wide = a.astype(np.float64)
        bound = 264 * 3 * U * np.cumsum(np.abs(wide), axis)
        assert (np.abs(ops.cumsum(a, axis).to_numpy() - np.cumsum(wide, axis)) <= bound).all()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=4).map(tuple), st.data())
def test_any_axis_of_any_shape(shape: tuple[int, ...], data: st.DataObject) -> None:
    a = np.random.default_rng().integers(-100, 100, shape, np.int32)
    axis = data.draw(st.none() | st.integers(-len(shape), len(shape) - 1))
    same(ops.cumsum(a, axis), np.cumsum(a, axis, dtype=np.int64))
    same(ops.cumprod(a, axis), np.cumprod(a, axis, dtype=np.int64))
    along = -1 if axis is None else axis
    n = data.draw(st.integers(0, 6))
    same(ops.diff(a, n, along), np.diff(a, n, along))


@pytest.mark.parametrize("dtype", DType, ids=dtype_name)
def test_every_dtype(dtype: DType) -> None:
    rng = np.random.default_rng()
    if dtype.is_float:
        # Of one sign: a sum near 0 has lost the digits that are counted here.
        a = np.abs(rng.normal(size=40)).astype(dtype.numpy_dtype)
        exact = np.cumsum(a.astype(np.float64))
        made = ops.cumsum(a)
        assert made.dtype is dtype
        assert_close(made.to_numpy(), exact, dtype, 100 if dtype is DType.FLOAT32 else 0.6, "sum")
        with np.errstate(all="ignore"):
            products = np.cumprod(a.astype(np.float32)).astype(dtype.numpy_dtype)
        same(ops.cumprod(a), products)
        return
    a = sample(rng, dtype, 3000)
    kind = np.int64 if dtype.is_signed or dtype is DType.BOOL else np.uint64
    same(ops.cumsum(a), np.cumsum(a, dtype=kind))
    same(ops.cumprod(a), np.cumprod(a, dtype=kind))
    same(ops.diff(a), np.diff(a))


def test_nan_and_infinities_stay_from_their_place_on() -> None:
    for value in (np.nan, np.inf, -np.inf):
        a = np.ones(3000, np.float32)
        a[1500] = value
        same(ops.cumsum(a), np.cumsum(a))
        same(ops.cumprod(a), np.cumprod(a))
    a[1501] = np.inf
    assert np.isnan(ops.cumsum(a).to_numpy()[1501:]).all()


def test_products_that_vanish_do_not_come_back() -> None:
    a = np.full(4000, 1e30, np.float32)
    a[1] = 0  # the product of any later block is infinite
    same(ops.cumprod(a), np.cumprod(a))


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: ops.cumsum(np.zeros((2, 3), np.float32), 2), ShapeError, "ops.cumsum: shape (2, 3) has no axis 2"),
        (lambda: ops.cumprod(np.zeros(2)), DTypeError, "ops.cumprod: dtype float64"),
        (lambda: ops.cumsum([1, 2]), DTypeError, "does not take a list"),
        (lambda: ops.diff(np.zeros(3, np.int8), -1), ShapeError, "n is -1"),
        (lambda: ops.diff(np.array(3, np.int8)), ShapeError, "shape () has no axis -1"),
    ],
)  # fmt: skip
def test_what_is_refused(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error) as raised:
        call()
    assert text in str(raised.value)
