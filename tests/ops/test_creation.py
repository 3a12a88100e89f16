"""arange, linspace, eye, tri, tril and triu against NumPy's in float64, and what they refuse."""

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


@pytest.fixture(autouse=True)
def poisoned() -> None:
    poison()


@settings(max_examples=60, deadline=None)
@given(st.integers(-300, 300), st.integers(-300, 300), st.integers(-9, 9).filter(bool))
def test_arange_of_integers(start: int, stop: int, step: int) -> None:
    same(ops.arange(start, stop, step), np.arange(start, stop, step, dtype=np.int32))


def test_arange_takes_what_holds_its_numbers() -> None:
    same(ops.arange(7), np.arange(7, dtype=np.int32))
    far = 2**40
    same(ops.arange(far, far + 5), np.arange(far, far + 5))
    same(ops.arange(2**63, 2**63 + 3), np.arange(2**63, 2**63 + 3, dtype=np.uint64))
    same(ops.arange(0.0, 3), np.arange(3, dtype=np.float32))
    same(ops.arange(5, dtype="uint8"), np.arange(5, dtype=np.uint8))
    same(ops.arange(300, dtype=np.float16), np.arange(300).astype(np.float16))


@settings(max_examples=60, deadline=None)
@given(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4), st.floats(1e-2, 1e3), st.integers(2, 5000))
def test_floats_are_within_two_units_of_the_ends(a: float, b: float, step: float, n: int) -> None:
    by = step if b >= a else -step
    unit = float(np.spacing(np.float32(max(abs(a), abs(b), 1e-30))))
    made, exact = ops.arange(a, b, by).to_numpy(), np.arange(a, b, by)
    assert made.shape == exact.shape
    assert (np.abs(made - exact) <= 2 * unit).all()
    for endpoint in (True, False):
        line, exact = ops.linspace(a, b, n, endpoint).to_numpy(), np.linspace(a, b, n, endpoint)
        assert (np.abs(line - exact) <= 2 * unit).all()
        assert not endpoint or line[-1] == np.float32(b)


def test_beyond_24_bits_positions_are_exact() -> None:
    n = 2**24 + 11
    made = ops.linspace(0.0, 1.0, n).to_numpy()
    assert np.abs(made - np.linspace(0, 1, n)).max() <= 2 * 2.0**-24
    made = ops.arange(n, dtype="float32").to_numpy()
    np.testing.assert_array_equal(made, np.arange(n).astype(np.float32))


def test_short_lines() -> None:
    same(ops.linspace(3, 4, 1), np.array([3], np.float32))
    same(ops.linspace(3, 4, 0), np.zeros(0, np.float32))
    same(ops.linspace(0, 8, 8, False, "float16"), np.arange(8).astype(np.float16))
    assert ops.arange(3, 1).shape == (0,)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 6), st.none() | st.integers(0, 6), st.integers(-8, 8))
def test_diagonals(n: int, m: int | None, k: int) -> None:
    same(ops.eye(n, m, k), np.eye(n, m, k, dtype=np.float32))
    same(ops.tri(n, m, k, "int16"), np.tri(n, m, k, dtype=np.int16))


@pytest.mark.parametrize("dtype", DType, ids=dtype_name)
def test_triangles_of_every_dtype(dtype: DType) -> None:
    a = sample(np.random.default_rng(), dtype, 60).reshape(3, 4, 5)
    for k in (-1, 2**70):
        same(ops.tril(a, k), np.where(np.tri(4, 5, min(k, 99), bool), a, a.dtype.type(0)))
        same(ops.triu(a, k), np.where(np.tri(4, 5, min(k, 99) - 1, bool), a.dtype.type(0), a))
    same(ops.eye(2, dtype=dtype), np.eye(2).astype(dtype.numpy_dtype))
    assert ops.triu(api.zeros((0, 3))).shape == (0, 3)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: ops.arange(1, 2, 0), ShapeError, "in steps of 0"),
        (lambda: ops.arange(float("nan")), ShapeError, "no array from 0 to nan"),
        (lambda: ops.arange("5"), ShapeError, "'5' is no number"),
        (lambda: ops.arange(2**33), ShapeError, "32 bits"),
        (lambda: ops.arange(3, dtype="float64"), DTypeError, "no Metal equivalent"),
        (lambda: ops.arange(0.0, 1e39, 1e38), DTypeError, "does not fit into float32"),
        (lambda: ops.linspace(0, 1, -1), ShapeError, "num is -1"),
        (lambda: ops.linspace(0, 1, 2.5), ShapeError, "no integer"),
        (lambda: ops.linspace(0, 1, 5, dtype="int32"), DTypeError, "makes floats, not int32"),
        (lambda: ops.eye(-1), ShapeError, "n is -1"),
        (lambda: ops.tril(np.zeros(3, np.float32)), ShapeError, "no rows and columns"),
    ],
)
def test_what_is_refused(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error) as raised:
        call()
    assert text in str(raised.value)
