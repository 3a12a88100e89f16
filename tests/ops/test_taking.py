"""take, take_along_axis, put_along_axis and scatter_add/max/min against NumPy's, and what they refuse."""

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

Drawn = tuple[np.ndarray, int, np.random.Generator]
INDEX_DTYPES = [np.int8, np.int32, np.int64, np.uint8]


@pytest.fixture(autouse=True)
def poisoned() -> None:
    poison()


def draw(data: st.DataObject) -> Drawn:
    rng = np.random.default_rng()
    shape = tuple(data.draw(st.lists(st.integers(1, 6), min_size=1, max_size=4)))
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    return rng.normal(size=shape).astype(np.float32), axis, rng


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_take(data: st.DataObject) -> None:
    a, axis, rng = draw(data)
    along = data.draw(st.sampled_from([axis, None]))
    size = a.size if along is None else a.shape[axis]
    where = tuple(data.draw(st.lists(st.integers(0, 4), max_size=2)))
    dtype = data.draw(st.sampled_from(INDEX_DTYPES))
    low = 0 if dtype is np.uint8 else -min(size, 128)
    indices = np.asarray(rng.integers(low, min(size, 127), where), dtype)
    same(ops.take(a, indices, along), np.take(a, indices, along))
    far = np.asarray(rng.integers(low, 127, where), dtype)
    for mode in ("wrap", "clip"):
        same(ops.take(a, far, along, mode), np.take(a, far, along, mode=mode))  # type: ignore[call-overload]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_along_an_axis(data: st.DataObject) -> None:
    a, axis, rng = draw(data)
    shape = [1 if data.draw(st.booleans()) else n for n in a.shape]
    shape[axis] = data.draw(st.integers(0, 5))
    indices = rng.integers(-a.shape[axis], a.shape[axis], shape)
    same(ops.take_along_axis(a, indices, axis), np.take_along_axis(a, indices, axis))
    values = rng.normal(size=shape).astype(np.float32)
    expected = a.copy()
    np.put_along_axis(expected, indices, values, axis)
    same(ops.put_along_axis(a, indices, values, axis), expected)
    flat = rng.integers(0, a.size, 5)
    same(ops.take_along_axis(a, flat, None), np.take_along_axis(a, flat, None))


def test_values_are_broadcast_and_converted() -> None:
    a = np.zeros((3, 4), np.float32)
    indices = np.array([[0, 3], [1, 1], [-1, 0]])
    for values in (2, 2.5, np.array([[1], [2], [3]], np.int16), np.arange(2, dtype=np.float16)):
        expected = a.copy()
        np.put_along_axis(expected, indices, values, 1)
        same(ops.put_along_axis(a, indices, values, 1), expected)
    assert not a.any()


@pytest.mark.parametrize(
    ("name", "ufunc"), [("add", np.add), ("max", np.maximum), ("min", np.minimum)]
)
def test_scatter_is_ufunc_at(name: str, ufunc: np.ufunc) -> None:
    scatter = getattr(ops, f"scatter_{name}")

    @settings(max_examples=40, deadline=None)
    @given(st.data())
    def check(data: st.DataObject) -> None:
        a, axis, rng = draw(data)
        where = tuple(data.draw(st.lists(st.integers(0, 9), max_size=2)))
        indices = np.asarray(rng.integers(-a.shape[axis], a.shape[axis], where))
        axis %= a.ndim
        values = rng.normal(size=np.take(a, indices, axis).shape).astype(np.float32)
        expected = a.copy()
        moved = np.moveaxis(expected, axis, 0)
        rows = values.reshape(*a.shape[:axis], indices.size, *a.shape[axis + 1 :])
        ufunc.at(moved, indices.ravel(), np.moveaxis(rows, axis, 0))
        same(scatter(a, indices, values, axis), expected)

    check()


@pytest.mark.parametrize("inner", [(), (40,)])
def test_many_values_for_few_places_are_added_in_their_order(inner: tuple[int, ...]) -> None:
    rng = np.random.default_rng()
    a = rng.normal(size=(5, *inner)).astype(np.float32)
    indices = rng.integers(0, 5, 3000)
    values = (rng.normal(size=(3000, *inner)) * 1e3).astype(np.float32)
    expected = a.copy()
    np.add.at(expected, indices, values)
    for _ in range(3):
        same(ops.scatter_add(a, indices, values), expected)


@pytest.mark.parametrize("dtype", DType, ids=dtype_name)
def test_every_dtype(dtype: DType) -> None:
    rng = np.random.default_rng()
    a, values = sample(rng, dtype, 30), sample(rng, dtype, 50)
    indices = rng.integers(0, 30, 50)
    same(ops.take(a, indices), a[indices])
    wide = np.float32 if dtype.is_float else a.dtype
    for name, ufunc in (("max", np.maximum), ("min", np.minimum)):
        expected = a.astype(wide)
        with np.errstate(invalid="ignore"):
            ufunc.at(expected, indices, values.astype(wide))
        same(getattr(ops, f"scatter_{name}")(a, indices, values), expected.astype(a.dtype))
    if dtype.is_integer:
        expected = a.copy()
        np.add.at(expected, indices, values)
        same(ops.scatter_add(a, indices, values), expected)


A = np.zeros((5, 3), np.float32)
BIG = np.array([2**63], np.uint64)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: ops.take(A, np.array([[0, 4], [5, 9]]), 0), ShapeError,
         "ops.take: index 5 at position (1, 0) is out of range for axis 0 of size 5\n  hint: indices are -5 to 4"),
        (lambda: ops.take(A, -16), ShapeError, "index -16 is out of range for axis 0 of size 15"),
        (lambda: ops.take(A, BIG, 0), ShapeError, f"index {2**63} at position (0,)"),
        (lambda: ops.take(A[:0], [0], 0), ShapeError, "the axis has no elements"),
        (lambda: ops.take(A, [0.5]), DTypeError, "dtype float64"),
        (lambda: ops.take(A, np.array([1], np.float32)), DTypeError, "indices are integers, not float32"),
        (lambda: ops.take(A, [0], 2), ShapeError, "has no axis 2"),
        (lambda: ops.take(A, [0], 0, "bounce"), ShapeError, "there is no mode 'bounce'"),
        (lambda: ops.take_along_axis(A, [0], 0), ShapeError, "indices of 1 axes for 2"),
        (lambda: ops.take_along_axis(A, np.zeros((1, 2), int), 0), ShapeError, "do not broadcast"),
        (lambda: ops.put_along_axis(A, [[7]], 1, 0), ShapeError, "index 7 at position (0, 0)"),
        (lambda: ops.put_along_axis(A, [[0]], [[1, 2, 3, 4]], 0), ShapeError, "ops.put_along_axis: "),
        (lambda: ops.put_along_axis(A[:, :1], [[0, 1]], 1, 0), ShapeError, "indices of shape (1, 2)"),
        (lambda: ops.put_along_axis(A.astype(np.int32), [[0]], A[:1], 0), DTypeError, "cannot hold"),
        (lambda: ops.scatter_add(A, np.array([9]), A[:1]), ShapeError, "index 9"),
        (lambda: ops.scatter_max(A, np.array([1]), A), ShapeError, "values of shape (5, 3) for places of shape (1, 3)"),
        (lambda: ops.scatter_add(A, np.array([1]), A[:1].astype(np.int32)), DTypeError, "values of int32"),
        (lambda: ops.scatter_add(A > 0, np.array([1]), A[:1] > 0), DTypeError, "values of bool"),
    ],
)  # fmt: skip
def test_what_is_refused(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error) as raised:
        call()
    assert text in str(raised.value)
