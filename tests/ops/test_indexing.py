"""gather and scatter against NumPy's take and assignment, and what they refuse."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metal_runtime import ops
from metal_runtime.dtype import DType
from metal_runtime.errors import DTypeError, ShapeError
from metal_runtime.ops.promotion import dtype_name


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_gather_is_take(data: st.DataObject) -> None:
    a, indices, axis = draw(data)
    expected = np.take(a, indices, axis)
    np.testing.assert_array_equal(
        ops.gather.gather(a, indices, axis).to_numpy(), expected, strict=True
    )


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_scatter_is_assignment_to_a_copy(data: st.DataObject) -> None:
    a, indices, axis = draw(data)
    values = np.random.default_rng().normal(size=np.take(a, indices, axis).shape).astype(np.float32)
    expected = a.copy()
    # One row after the other, so that the last of equal indices counts.
    moved = np.moveaxis(expected, axis, 0)
    rows = np.moveaxis(values.reshape(*a.shape[:axis], indices.size, *a.shape[axis + 1 :]), axis, 0)
    for index, row in zip(indices.ravel(), rows, strict=True):
        moved[index] = row
    before = a.copy()
    actual = ops.scatter.scatter(a, indices, values, axis).to_numpy()
    np.testing.assert_array_equal(actual, expected, strict=True)
    np.testing.assert_array_equal(a, before)


def draw(data: st.DataObject) -> tuple[np.ndarray, np.ndarray, int]:
    rng = np.random.default_rng()
    shape = tuple(data.draw(st.lists(st.integers(1, 6), min_size=1, max_size=4)))
    axis = data.draw(st.integers(0, len(shape) - 1))
    where = tuple(data.draw(st.lists(st.integers(0, 4), min_size=0, max_size=2)))
    dtype = data.draw(st.sampled_from([np.int8, np.int32, np.int64]))
    indices = rng.integers(-shape[axis], shape[axis], where, dtype)
    return rng.normal(size=shape).astype(np.float32), np.asarray(indices), axis


@pytest.mark.parametrize("dtype", DType, ids=dtype_name)
def test_every_dtype(dtype: DType) -> None:
    rng = np.random.default_rng()
    a = rng.integers(0, 2 if dtype is DType.BOOL else 100, (50, 7)).astype(dtype.numpy_dtype)
    indices = rng.permutation(50)[:20].astype(np.uint16)
    np.testing.assert_array_equal(ops.gather.gather(a, indices).to_numpy(), a[indices], strict=True)
    values = a[indices][::-1].copy()
    expected = a.copy()
    expected[indices] = values
    np.testing.assert_array_equal(
        ops.scatter.scatter(a, indices, values).to_numpy(), expected, strict=True
    )


def test_indices_may_be_a_buffer() -> None:
    a = np.arange(10, dtype=np.int32)
    indices = ops.cast(np.array([3.0, -1.0], np.float32), "int32")
    np.testing.assert_array_equal(ops.gather.gather(a, indices).to_numpy(), [3, 9])


def test_the_submodules_can_be_called() -> None:
    a = np.arange(4, dtype=np.float32)
    index = np.array([2])
    assert ops.gather(a, index).to_numpy() == [2]  # type: ignore[operator]
    assert ops.scatter(a, index, np.array([9], np.float32)).to_numpy()[2] == 9  # type: ignore[operator]
    assert ops.gather is sys.modules["metal_runtime.ops.gather"]
    from metal_runtime.ops import gather
    from metal_runtime.ops.scatter import scatter

    assert gather.gather(a, index).to_numpy() == [2]
    assert scatter is ops.scatter.scatter


A = np.zeros((5, 3), np.float32)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: ops.gather.gather(A, np.array([[0, 4], [5, 1]])), ShapeError,
         "ops.gather: index 5 at position (1, 0) is out of range for axis 0 of size 5\n  hint: indices are -5 to 4"),
        (lambda: ops.gather.gather(A, np.array(-4), axis=1), ShapeError,
         "ops.gather: index -4 is out of range for axis 1 of size 3\n  hint: indices are -3 to 2"),
        (lambda: ops.gather.gather(A, np.array([2**63], np.uint64)), ShapeError,
         f"ops.gather: index {2**63} at position (0,) is out of range for axis 0 of size 5\n  hint: indices are -5 to 4"),
        (lambda: ops.gather.gather(A[:0], np.array([0])), ShapeError,
         "ops.gather: index 0 at position (0,) is out of range for axis 0 of size 0\n  hint: the axis has no elements"),
        (lambda: ops.gather.gather(A, np.array([0.5])), DTypeError,
         "ops.gather: indices are integers, not float64\n  hint: convert them with array.astype(np.int32)"),
        (lambda: ops.gather.gather(A, np.array([0]), axis=2), ShapeError,
         "ops.gather: shape (5, 3) has no axis 2\n  hint: axes of it are -2 to 1"),
        (lambda: ops.scatter.scatter(A, np.array([9]), A[:1]), ShapeError,
         "ops.scatter: index 9 at position (0,) is out of range for axis 0 of size 5\n  hint: indices are -5 to 4"),
        (lambda: ops.scatter.scatter(A, np.array([1]), A), ShapeError,
         "ops.scatter: values of shape (5, 3) for places of shape (1, 3)\n"
         "  hint: values has the shape of input, with the axis replaced by the shape of indices"),
        (lambda: ops.scatter.scatter(A, np.array([1]), A[:1].astype(np.int32)), DTypeError,
         "ops.scatter: values of int32 for an input of float32\n  hint: convert them with ops.cast(values, 'float32')"),
    ],
)  # fmt: skip
def test_error_texts(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error) as raised:
        call()
    assert str(raised.value) == text
