"""sort, argsort and topk against NumPy's stable sort, of short lines and of several blocks, and what they refuse."""

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
from tests.ops.data import sample
from tests.ops.poison import poison, same


@pytest.fixture(autouse=True)
def poisoned() -> None:
    poison()


def comparable(a: np.ndarray, dtype: DType) -> np.ndarray:
    """For NumPy, which does not sort bfloat's NaN last."""
    return a.astype(np.float32) if dtype.is_float else a


@pytest.mark.parametrize("size", [1, 30, 33, 5000])
@pytest.mark.parametrize("dtype", DType, ids=dtype_name)
def test_every_dtype(dtype: DType, size: int) -> None:
    a = sample(np.random.default_rng(), dtype, size)  # with edges, infinities and NaN among them
    wide = comparable(a, dtype)
    same(ops.sort(a), np.sort(wide).astype(a.dtype))
    same(ops.argsort(a), np.argsort(wide, kind="stable"))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 6) | st.just(40), min_size=1, max_size=3).map(tuple), st.data())
def test_any_axis_of_any_shape(shape: tuple[int, ...], data: st.DataObject) -> None:
    a = np.random.default_rng().integers(-3, 3, shape).astype(np.float32)  # many are equal
    axis = data.draw(st.none() | st.integers(-len(shape), len(shape) - 1))
    same(ops.sort(a, axis), np.sort(a, axis))
    same(ops.argsort(a, axis), np.argsort(a, axis, kind="stable"))
    along = -1 if axis is None else axis
    k = data.draw(st.integers(0, a.shape[along]))
    for largest in (True, False):
        places = np.argsort(-a if largest else a, along, kind="stable")
        places = np.take(places, range(k), along)
        values, found = ops.topk(a, k, along, largest)
        same(found, places)
        same(values, np.take_along_axis(a, places, along))


@pytest.mark.parametrize("size", [2**14, 2**14 + 1, 70_001])
def test_several_blocks(size: int) -> None:
    rng = np.random.default_rng()
    a = rng.normal(size=size).astype(np.float32)
    a[rng.integers(0, size, 20)] = np.nan
    same(ops.sort(a), np.sort(a))
    same(ops.argsort(a), np.argsort(a, kind="stable"))
    few = rng.integers(0, 9, size).astype(np.int64)
    same(ops.argsort(few), np.argsort(few, kind="stable"))


def test_zeros_of_both_signs() -> None:
    a = np.array([0.0, -0.0, 1.0, 0.0, -0.0, -1.0], np.float32)
    same(ops.argsort(a), np.array([5, 0, 1, 3, 4, 2]))
    assert np.signbit(ops.sort(a).to_numpy()).tolist() == [True, True, True, False, False, False]


def test_descending_order_keeps_equal_ones_in_theirs_and_puts_nan_first() -> None:
    a = np.array([1, 3, np.nan, 3, -np.inf, np.inf], np.float32)
    same(ops.argsort(a, descending=True), np.array([2, 5, 1, 3, 0, 4]))
    same(ops.topk(a, 2)[1], np.array([2, 5]))


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: ops.sort(np.zeros(3, np.float32), 1), ShapeError, "ops.sort: shape (3,) has no axis 1"),
        (lambda: ops.sort(np.array(3, np.int32)), ShapeError, "shape () has no axis -1"),
        (lambda: ops.argsort([3, 1]), DTypeError, "does not take a list"),
        (lambda: ops.topk(np.zeros(3, np.float32), 4), ShapeError, "k is 4, but axis 0 has 3 elements"),
        (lambda: ops.topk(np.zeros(3, np.float32), -1), ShapeError, "k is -1"),
    ],
)  # fmt: skip
def test_what_is_refused(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error) as raised:
        call()
    assert text in str(raised.value)
