"""The namespace of the array API standard: its names, defaults and limits, and results against NumPy's own namespace."""

from __future__ import annotations

import inspect
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import metal_runtime.array_api as xp
from metal_runtime import api
from metal_runtime.buffer import MetalBuffer
from metal_runtime.dtype import DType
from metal_runtime.errors import DeviceError, DTypeError, ShapeError


def equal(actual: MetalBuffer, expected: Any) -> None:
    assert isinstance(actual, MetalBuffer)
    np.testing.assert_array_equal(actual.to_numpy(), np.asarray(expected))
    assert actual.shape == np.asarray(expected).shape


# --- what it is --------------------------------------------------------------------------------------


def test_an_array_knows_its_namespace() -> None:
    x = api.zeros(3)
    assert x.__array_namespace__() is xp
    assert x.__array_namespace__(api_version="2024.12") is xp
    assert xp.__array_api_version__ == "2024.12"
    with pytest.raises(ValueError, match=r"2020\.01"):
        x.__array_namespace__(api_version="2020.01")


def test_every_name_is_there_and_documented() -> None:
    assert len(set(xp.__all__)) == len(xp.__all__)
    for name in xp.__all__:
        value = getattr(xp, name)
        if inspect.isfunction(value):
            assert value.__doc__, name
            assert value.__name__ == name


def test_it_says_what_it_lacks() -> None:
    info = xp.__array_namespace_info__()
    names = set(info.dtypes())
    assert {"bool", "int8", "uint64", "float32"} <= names
    assert not names & {"float64", "complex64", "complex128", "float16"}
    assert info.dtypes(kind="complex floating") == {}
    assert info.dtypes(kind=("bool", "real floating")) == {"bool": xp.bool, "float32": xp.float32}
    assert info.default_dtypes()["real floating"] is xp.float32
    assert info.default_dtypes()["integral"] is xp.int64
    assert info.default_device() in info.devices()
    assert not hasattr(xp, "float64")
    with pytest.raises(DTypeError, match="no kind"):
        info.dtypes(kind="quaternion")


# --- dtypes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [xp.float16, xp.bfloat16, xp.float32])
def test_finfo(dtype: DType) -> None:
    limits = ml_dtypes.finfo(dtype.numpy_dtype)
    found = xp.finfo(xp.zeros(1, dtype=dtype))
    for name in ("bits", "eps", "max", "min", "smallest_normal"):
        assert getattr(found, name) == float(getattr(limits, name)), name
    with pytest.raises(DTypeError, match="use finfo"):
        xp.iinfo(dtype)


@pytest.mark.parametrize("name", ["int8", "int64", "uint16", "uint64"])
def test_iinfo(name: str) -> None:
    limits, found = np.iinfo(name), xp.iinfo(getattr(xp, name))
    assert (found.bits, found.max, found.min) == (limits.bits, limits.max, limits.min)
    with pytest.raises(DTypeError, match="use iinfo"):
        xp.finfo(getattr(xp, name))


def test_kinds_and_promotion() -> None:
    assert xp.isdtype(xp.int8, "integral")
    assert xp.isdtype(xp.int8, ("bool", xp.int8))
    assert not xp.isdtype(xp.float32, "complex floating")
    assert xp.result_type(xp.int8, xp.zeros(1, dtype=xp.uint8), 3) is xp.int16
    assert xp.can_cast(xp.int8, xp.int16)
    assert not xp.can_cast(xp.int16, xp.int8)
    assert not xp.can_cast(xp.uint64, xp.int64)
    with pytest.raises(DTypeError, match="nothing"):
        xp.result_type()
    with pytest.raises(DTypeError, match="no kind"):
        xp.isdtype(xp.int8, "number")


def test_astype_copies_only_if_asked_or_needed() -> None:
    x = xp.asarray([1.5, -2.5])
    assert xp.astype(x, xp.float32, copy=False) is x
    assert xp.astype(x, xp.float32) is not x
    equal(xp.astype(x, xp.int8), np.array([1, -2], np.int8))


# --- creation ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "dtype"), [(True, xp.bool), (3, xp.int64), (2.5, xp.float32), ([[1, 2]], xp.int64)]
)
def test_defaults_of_python_numbers(value: Any, dtype: DType) -> None:
    assert xp.asarray(value).dtype is dtype
    equal(xp.asarray(value), value)
    if not isinstance(value, list):
        assert xp.full((2, 2), value).dtype is dtype


def test_asarray_of_arrays() -> None:
    x = xp.arange(4)
    assert xp.asarray(x) is x
    copy = xp.asarray(x, copy=True)
    copy[0] = 9
    equal(x, [0, 1, 2, 3])
    assert xp.asarray(x, dtype=xp.int8).dtype is xp.int8
    equal(xp.asarray([x, x]), [[0, 1, 2, 3]] * 2)
    assert xp.asarray(np.ones(2, np.int16)).dtype is xp.int16


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: xp.asarray([1, 2], copy=False), ValueError),
        (lambda: xp.asarray(xp.arange(2), dtype=xp.int8, copy=False), ValueError),
        (lambda: xp.asarray(1j), DTypeError),
        (lambda: xp.asarray(2**70), DTypeError),
        (lambda: xp.asarray([300], dtype=xp.uint8), OverflowError),
        (lambda: xp.asarray(np.ones(2)), DTypeError),
        (lambda: xp.full((), "a"), DTypeError),
        (lambda: xp.zeros(2, device="abacus"), DeviceError),
        (lambda: xp.from_dlpack(np.ones(2, np.float32), copy=False), BufferError),
        (lambda: xp.expand_dims(xp.zeros(2), 5), IndexError),
        (lambda: xp.squeeze(xp.zeros(2), 0), ValueError),
        (lambda: xp.permute_dims(xp.zeros((2, 2)), (0,)), ShapeError),
        (lambda: xp.reshape(xp.zeros((2, 3)).T, (6,), copy=False), ValueError),
        (lambda: xp.meshgrid(xp.zeros((2, 2))), ShapeError),
        (lambda: xp.cumulative_sum(xp.zeros((2, 2))), ShapeError),
        (lambda: xp.arange(2).to_device("cpu", stream=1), ValueError),
    ],
)
def test_what_is_refused(call: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        call()


def test_shapes_and_positions() -> None:
    equal(xp.arange(2, 9, 3), [2, 5, 8])
    equal(xp.linspace(0, 1, 5), np.linspace(0, 1, 5, dtype=np.float32))
    equal(xp.eye(2, 3, k=1), np.eye(2, 3, 1))
    equal(xp.zeros_like(xp.arange(3)), [0, 0, 0])
    x, y = xp.meshgrid(xp.arange(3), xp.arange(2))
    expected = np.meshgrid(np.arange(3), np.arange(2))
    equal(x, expected[0])
    equal(y, expected[1])
    equal(xp.from_dlpack(np.arange(3, dtype=np.int16)), [0, 1, 2])


# --- results, against NumPy's namespace of the same standard -----------------------------------------

A = np.array([[3, 1, 2], [9, 7, 7]])

CASES: dict[str, Any] = {
    "remainder": lambda n, a: n.remainder(a, 4),
    "bitwise": lambda n, a: n.bitwise_left_shift(n.bitwise_invert(a), n.asarray(2)),
    "clip": lambda n, a: n.clip(a, 2, 7),
    "clip below": lambda n, a: n.clip(a, max=3),
    "where": lambda n, a: n.where(a > 2, a, 0),
    "sum": lambda n, a: n.sum(a, axis=0, dtype=n.int8),
    "prod": lambda n, a: n.prod(a, axis=-1, keepdims=True),
    "count_nonzero": lambda n, a: n.count_nonzero(a - 7, axis=1),
    "argmax": lambda n, a: n.argmax(a, axis=1, keepdims=True),
    "cumulative_sum": lambda n, a: n.cumulative_sum(a, axis=1, include_initial=True),
    "cumulative_prod": lambda n, a: n.cumulative_prod(a, axis=-1, dtype=n.int16),
    "diff": lambda n, a: n.diff(a, prepend=a[:, :1], append=a[:, :1]),
    "concat": lambda n, a: n.concat([a, a], axis=None),
    "stack": lambda n, a: n.stack(n.unstack(a, axis=1), axis=0),
    "moves": lambda n, a: n.moveaxis(n.flip(n.roll(a, 1, axis=1)), 0, 1),
    "repeat": lambda n, a: n.repeat(a, n.asarray([2, 0, 1]), axis=1),
    "tile": lambda n, a: n.tile(a, (2, 1, 2)),
    "broadcast": lambda n, a: n.broadcast_arrays(a, n.asarray([[1], [2]]))[1],
    "sort": lambda n, a: n.sort(a, axis=0),
    "argsort": lambda n, a: n.argsort(a, axis=1),
    "nonzero": lambda n, a: n.stack(n.nonzero(a > 2)),
    "searchsorted": lambda n, a: n.searchsorted(
        n.asarray([3, 1, 2]), a, sorter=n.asarray([1, 2, 0])
    ),
    "take": lambda n, a: n.take(a, n.asarray([2, 0]), axis=1),
    "take_along_axis": lambda n, a: n.take_along_axis(a, n.asarray([[0], [1]]), axis=1),
    "unique_counts": lambda n, a: n.stack(tuple(n.unique_counts(a))),
    "unique_inverse": lambda n, a: n.unique_inverse(a).inverse_indices,
    "matmul": lambda n, a: n.matmul(a, n.matrix_transpose(a)),
    "tensordot": lambda n, a: n.tensordot(a, a, axes=((0,), (0,))),
    "vecdot": lambda n, a: n.vecdot(a, a),
    "triu": lambda n, a: n.triu(a, k=1),
    "real": lambda n, a: n.imag(a) + n.real(a) + n.conj(a) + n.positive(a) + (+a),
}


@pytest.mark.parametrize("name", CASES)
def test_against_numpy(name: str) -> None:
    equal(CASES[name](xp, xp.asarray(A.tolist())), CASES[name](np, A))


def test_sort_descending_and_set_of_nan() -> None:
    x = xp.asarray([2.0, float("nan"), 1.0, float("nan")])
    equal(xp.sort(x, descending=True)[2:], [2, 1])
    equal(xp.argsort(x, descending=True)[2:], [0, 2])
    equal(xp.unique_values(x), [1, 2, np.nan])
    equal(xp.unique_all(x).counts, [1, 1, 2])


def test_variance_with_a_correction() -> None:
    values = np.random.default_rng().normal(size=50).astype(np.float32)
    actual = xp.var(xp.asarray(values), correction=1)
    np.testing.assert_allclose(float(actual), values.var(ddof=1, dtype=np.float64), rtol=1e-5)
