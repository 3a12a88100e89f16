"""nonzero, unique, searchsorted, bincount and histogram against NumPy's, and what they refuse."""

from __future__ import annotations

from typing import Any

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

shapes = st.lists(st.integers(0, 6), min_size=1, max_size=3).map(tuple)


@pytest.fixture(autouse=True)
def poisoned() -> None:
    poison()


def few(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng().integers(-2, 3, shape).astype(np.float32)


@settings(max_examples=40, deadline=None)
@given(shapes | st.just((9000,)) | st.just((70, 130)))
def test_nonzero(shape: tuple[int, ...]) -> None:
    a = few(shape)
    for found, expected in zip(ops.nonzero(a), np.nonzero(a), strict=True):
        same(found, expected)


@settings(max_examples=40, deadline=None)
@given(shapes | st.just((9000,)), st.booleans())
def test_unique(shape: tuple[int, ...], with_nan: bool) -> None:
    a = few(shape)
    if with_nan:
        a.reshape(-1)[::5] = np.nan
        a.reshape(-1)[1::7] = -0.0
    made = ops.unique(a)
    values, index, inverse, counts = np.unique(a, True, True, True)
    same(made.values, values)
    same(made.indices, index)
    same(made.inverse_indices, inverse.reshape(a.shape))
    same(made.counts, counts)


@pytest.mark.parametrize("dtype", DType, ids=dtype_name)
def test_every_dtype(dtype: DType) -> None:
    a = sample(np.random.default_rng(), dtype, 200)
    wide = a.astype(np.float32) if dtype.is_float else a
    same(ops.unique(a).values, np.unique(wide).astype(a.dtype))
    same(ops.nonzero(a)[0], np.nonzero(wide)[0])
    line, values = np.sort(wide).astype(a.dtype), a[:50]
    for side in ("left", "right"):
        expected = np.searchsorted(np.sort(wide), wide[:50], side)  # type: ignore[call-overload]
        same(ops.searchsorted(line, values, side), expected)


def test_searchsorted_of_any_shape_and_of_mixed_dtypes() -> None:
    line = np.array([1, 3, 3, 9], np.int16)
    values = np.array([[0.5, 3.0], [9.5, np.nan]], np.float32)
    same(ops.searchsorted(line, values, "right"), np.searchsorted(line, values, "right"))
    same(ops.searchsorted(line[:0], values), np.zeros((2, 2), np.int64))


@pytest.mark.parametrize("size", [0, 1, 500, 100_001])
def test_bincount(size: int) -> None:
    rng = np.random.default_rng()
    x = rng.integers(0, 300, size).astype(np.int32)
    same(ops.bincount(x), np.bincount(x))
    same(ops.bincount(x.astype(np.uint16), minlength=700), np.bincount(x, minlength=700))
    weights = rng.normal(size=size).astype(np.float32)
    made, exact = ops.bincount(x, weights).to_numpy(), np.bincount(x, weights)
    bound = 2.0**-24 * np.bincount(x, np.abs(weights)) * (np.bincount(x) + 4)
    assert (np.abs(made - exact) <= bound).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.integers(0, 400), st.booleans())
def test_histogram(bins: int, size: int, ranged: bool) -> None:
    a = np.random.default_rng().normal(size=size).astype(np.float32)
    span = (-1.0, 0.75) if ranged else None
    counts, edges = ops.histogram(a, bins, span)
    exact, exact_edges = np.histogram(a, bins, span)
    np.testing.assert_allclose(edges.to_numpy(), exact_edges, rtol=1e-5, atol=1e-5)
    same(counts, np.histogram(a, edges.to_numpy())[0])
    assert ranged or counts.to_numpy().sum() == size


def test_histogram_of_integers_infinities_and_edges() -> None:
    a = np.array([0, 1, 1, 2, 3, 3, 3], np.uint8)
    same(ops.histogram(a, 3)[0], np.histogram(a, 3)[0])
    same(ops.histogram(np.full(4, 7, np.int32), 5)[0], np.histogram(np.full(4, 7), 5)[0])
    edges = [-1.0, 0.0, 0.5, 2.0]
    wild = np.array([np.nan, np.inf, -np.inf, 2, 0, -1, 0.5, 3], np.float32)
    same(ops.histogram(wild, edges)[0], np.array([1, 1, 2]))
    weights = np.arange(8, dtype=np.float32)
    same(ops.histogram(wild, edges, weights=weights)[0], np.array([5, 4, 9], np.float32))


F = np.zeros(3, np.float32)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: ops.nonzero(np.array(3, np.int8)), ShapeError, "no axes"),
        (lambda: ops.unique([1]), DTypeError, "does not take a list"),
        (lambda: ops.searchsorted(np.zeros((2, 2), np.float32), F), ShapeError, "a line of shape (2, 2)"),
        (lambda: ops.searchsorted(F, F, "middle"), ShapeError, "side 'middle'"),
        (lambda: ops.searchsorted(np.zeros(1, np.int8), np.zeros(1, np.uint64)), DTypeError, "ops.searchsorted: int8"),
        (lambda: ops.bincount(F), DTypeError, "counts integers, not float32"),
        (lambda: ops.bincount(np.array([1, -2])), ShapeError, "-2 is negative"),
        (lambda: ops.bincount(np.zeros((1, 1), int)), ShapeError, "has not one axis"),
        (lambda: ops.bincount(np.array([2**40])), ShapeError, "32 bits"),
        (lambda: ops.bincount(np.array([1]), F), ShapeError, "weights of shape (3,)"),
        (lambda: ops.histogram(F, 0), ShapeError, "bins is 0"),
        (lambda: ops.histogram(F, [1, 0]), ShapeError, "no ascending line"),
        (lambda: ops.histogram(F, 3, (1, 0)), ShapeError, "no bins from 1.0 to 0.0"),
        (lambda: ops.histogram(F * np.nan), ShapeError, "no bins from nan"),
    ],
)  # fmt: skip
def test_what_is_refused(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error) as raised:
        call()
    assert text in str(raised.value)


def test_buffers() -> None:
    a = api.asarray(few((20, 3)))
    same(ops.unique(a).values, np.unique(a.numpy()))
    same(ops.histogram(a, 4)[0], np.histogram(a.numpy(), 4)[0])
