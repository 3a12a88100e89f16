"""Reductions of any size along any axes, against NumPy in float64 and Python's integers."""

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
from tests.ops.data import assert_close, sample

SIZES = [1, 2, 15, 16, 17, 255, 256, 257, 4095, 4096, 4097, 70_001, 1_000_003]
reduce_sum = ops.reduction.reduce_sum
reduce_max = ops.reduction.reduce_max
reduce_min = ops.reduction.reduce_min


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng()


@pytest.mark.parametrize("size", SIZES)
def test_sum_is_within_its_bound(size: int, rng: np.random.Generator) -> None:
    a = (rng.normal(size=size) * 10.0 ** rng.integers(-3, 3, size)).astype(np.float32)
    actual = reduce_sum(a)
    assert actual.shape == ()
    assert actual.dtype is DType.FLOAT32
    passes = max(1, math.ceil(math.log(size, 4096)))
    bound = 280 * passes * 2.0**-24 * np.abs(a.astype(np.float64)).sum()
    assert abs(actual.item() - math.fsum(a.astype(np.float64).tolist())) <= bound


@pytest.mark.parametrize("shape", [(2**22 + 1,), (3, 2**21)])
def test_variances_of_long_rows_are_near_those_of_float64(shape: tuple[int, ...]) -> None:
    """By blocks, with and without a rest, near their mean and far from it."""
    for center in (0.0, 300.0):
        a = np.random.default_rng().normal(center, 1, shape).astype(np.float32)
        actual = ops.var(a, -1, keepdims=True)
        expected = a.astype(np.float64).var(-1, keepdims=True)
        np.testing.assert_allclose(actual.numpy(), expected, rtol=1e-5)


def test_long_rows_are_read_once_for_their_variance() -> None:
    a = api.empty((2**22,), "float32")
    first, *rest = api.explain(a.var()).kernels
    assert first.read_bytes == a.nbytes
    assert all(kernel.read_bytes < 10_000 for kernel in rest)


def test_sum_of_many_ones_is_exact() -> None:
    # One after the other, float32 stops counting at 16,777,216.
    assert reduce_sum(np.ones(2**24 + 4099, np.float32)).item() == 2.0**24 + 4100  # even neighbour


@pytest.mark.parametrize("size", SIZES)
def test_extremes(size: int, rng: np.random.Generator) -> None:
    a = rng.normal(size=size).astype(np.float32)
    assert reduce_max(a).item() == a.max()
    assert reduce_min(a).item() == a.min()


@pytest.mark.parametrize("dtype", [d for d in DType if not d.is_float], ids=dtype_name)
def test_integers_are_summed_in_64_bits(dtype: DType, rng: np.random.Generator) -> None:
    a = sample(rng, dtype, 5003)
    total = reduce_sum(a)
    assert total.dtype is (DType.INT64 if dtype.is_signed or dtype is DType.BOOL else DType.UINT64)
    exact = sum(int(v) for v in a.tolist())
    assert int(total.item()) % 2**64 == exact % 2**64
    assert reduce_max(a).item() == a.max()
    assert reduce_min(a).item() == a.min()
    assert reduce_max(a).dtype is dtype
    assert bool(np.array_equal(reduce_max(a.reshape(-1, 1), axis=1).to_numpy(), a))


@pytest.mark.parametrize("dtype", [DType.FLOAT16, DType.BFLOAT16], ids=dtype_name)
def test_half_formats_are_rounded_once(dtype: DType, rng: np.random.Generator) -> None:
    a = rng.normal(size=(300, 37)).astype(dtype.numpy_dtype)
    for axis in (None, 0, 1):
        total = reduce_sum(a, axis)
        assert total.dtype is dtype
        assert_close(total.to_numpy(), a.astype(np.float64).sum(axis), dtype, 0.6, f"sum {axis}")
        largest = a.astype(np.float64).max(axis)
        np.testing.assert_array_equal(reduce_max(a, axis).to_numpy().astype(np.float64), largest)


@pytest.mark.parametrize("place", [0, 15, 16, 4095, 4096, 9000])
@pytest.mark.parametrize("others", [1.0, np.inf, -np.inf])
def test_a_nan_makes_the_result_nan(place: int, others: float) -> None:
    a = np.full(9001, others, np.float32)
    assert reduce_max(a).item() == reduce_min(a).item() == others
    a[place] = np.nan
    for reduce in (reduce_sum, reduce_max, reduce_min):
        assert math.isnan(reduce(a).item())
        along = reduce(a.reshape(-1, 1) * np.ones(20, np.float32), axis=0).to_numpy()
        assert np.isnan(along).all()


def test_infinities() -> None:
    a = np.array([np.inf, 1, -np.inf], np.float32)
    assert math.isnan(reduce_sum(a).item())
    assert reduce_max(a).item() == np.inf
    assert reduce_min(a).item() == -np.inf


@pytest.mark.parametrize(
    "shape",
    [(300, 1), (1, 300), (300, 16), (257, 33), (513, 3), (5000, 2), (2, 5000), (4, 300, 17)],
)
def test_axes(shape: tuple[int, ...], rng: np.random.Generator) -> None:
    a = rng.normal(size=shape).astype(np.float32)
    axes = [None, *range(len(shape)), -1, tuple(range(len(shape)))]
    for axis in axes:
        exact = np.asarray(a, np.float64)
        np.testing.assert_allclose(
            reduce_sum(a, axis).to_numpy(), exact.sum(axis), rtol=1e-4, atol=1e-4
        )
        np.testing.assert_array_equal(reduce_max(a, axis).to_numpy(), a.max(axis), strict=True)
        np.testing.assert_array_equal(reduce_min(a, axis).to_numpy(), a.min(axis), strict=True)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_axes_of_any_shape(data: st.DataObject) -> None:
    shape = tuple(data.draw(st.lists(st.integers(0, 5), min_size=0, max_size=5)))
    axes = (
        data.draw(st.none() | st.sets(st.integers(0, len(shape) - 1)).map(tuple)) if shape else None
    )
    keepdims = data.draw(st.booleans())
    a = np.random.default_rng().integers(-100, 100, shape, np.int32)
    expected = a.sum(axes, dtype=np.int64, keepdims=keepdims)
    np.testing.assert_array_equal(reduce_sum(a, axes, keepdims).to_numpy(), expected, strict=True)
    if 0 not in shape:
        np.testing.assert_array_equal(
            reduce_max(a, axes, keepdims).to_numpy(), a.max(axes, keepdims=keepdims), strict=True
        )


def test_nothing_to_reduce() -> None:
    empty = np.zeros((3, 0, 2), np.float32)
    np.testing.assert_array_equal(
        reduce_sum(empty, 1).to_numpy(), np.zeros((3, 2), np.float32), strict=True
    )
    assert reduce_sum(empty).item() == 0
    assert reduce_sum(np.zeros(0, np.int32)).item() == 0
    assert reduce_max(empty, 0).shape == (0, 2)
    for reduce, name in ((reduce_max, "max"), (reduce_min, "min")):
        with pytest.raises(ShapeError) as raised:
            reduce(empty, 1)
        assert str(raised.value) == f"ops.a{name}: shape (3, 0, 2) has no elements along axis 1"


def test_what_is_refused() -> None:
    a = np.ones((2, 3), np.float32)
    with pytest.raises(ShapeError) as raised:
        reduce_sum(a, 2)
    assert str(raised.value) == (
        "ops.sum: shape (2, 3) has no axis 2\n  hint: axes of it are -2 to 1"
    )
    with pytest.raises(ShapeError, match="names one axis twice"):
        reduce_sum(a, (0, -2))
    with pytest.raises(ShapeError, match="has no axis 'rows'"):
        reduce_sum(a, "rows")  # type: ignore[arg-type]
    with pytest.raises(DTypeError, match=r"ops.sum does not take a list"):
        reduce_sum([1, 2])  # type: ignore[arg-type]
    with pytest.raises(DTypeError, match=r"ops.sum: dtype float64 has no Metal"):
        reduce_sum(a.astype(np.float64))
