"""concatenate, stack, pad, tile, repeat and roll against NumPy's, and what they refuse."""

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

shapes = st.lists(st.integers(0, 5), min_size=1, max_size=4).map(tuple)


@pytest.fixture(autouse=True)
def poisoned() -> None:
    poison()


def array(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng().normal(size=shape).astype(np.float32)


@settings(max_examples=60, deadline=None)
@given(shapes, st.data())
def test_concatenate(shape: tuple[int, ...], data: st.DataObject) -> None:
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    sizes = data.draw(st.lists(st.integers(0, 4), min_size=1, max_size=4))
    parts = []
    for size in sizes:
        one = list(shape)
        one[axis] = size
        parts.append(array(tuple(one)))
    same(ops.concatenate(parts, axis), np.concatenate(parts, axis))
    same(ops.concatenate(parts, None), np.concatenate(parts, None))


@settings(max_examples=40, deadline=None)
@given(shapes, st.integers(1, 4), st.data())
def test_stack(shape: tuple[int, ...], count: int, data: st.DataObject) -> None:
    axis = data.draw(st.integers(-len(shape) - 1, len(shape)))
    parts = [array(shape) for _ in range(count)]
    same(ops.stack(parts, axis), np.stack(parts, axis))


def test_stack_of_single_numbers() -> None:
    same(ops.stack([np.array(2, np.int32), np.array(3, np.int32)]), np.array([2, 3], np.int32))


def test_joined_arrays_meet_in_their_common_dtype() -> None:
    rng = np.random.default_rng()
    parts = [sample(rng, d, 50) for d in (DType.BOOL, DType.UINT8, DType.INT16)]
    same(ops.concatenate(parts), np.concatenate(parts))
    mixed = ops.concatenate([parts[1], array((3,)).astype(np.float16), parts[0]])
    assert mixed.dtype is DType.FLOAT16


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "symmetric", "wrap"])
def test_pad(mode: str) -> None:
    @settings(max_examples=40, deadline=None)
    @given(st.lists(st.integers(1, 5), min_size=1, max_size=3), st.data())
    def check(shape: list[int], data: st.DataObject) -> None:
        a = array(tuple(shape))
        width = st.integers(0, 12)
        pair = st.tuples(width, width)
        widths = data.draw(st.lists(pair, min_size=len(shape), max_size=len(shape)) | pair | width)
        same(ops.pad(a, widths, mode), np.pad(a, widths, mode))  # type: ignore[call-overload]

    check()


def test_pad_with_a_value() -> None:
    a = array((3, 4))
    same(ops.pad(a, 2, constant_values=7.5), np.pad(a, 2, constant_values=7.5))
    empty = np.zeros((0, 2), np.int16)
    same(ops.pad(empty, 1, constant_values=-3), np.pad(empty, 1, constant_values=-3))
    same(ops.pad(a, 0), a)
    same(ops.pad(np.array(2.0, np.float32), 0), np.array(2.0, np.float32))


@settings(max_examples=60, deadline=None)
@given(shapes, st.lists(st.integers(0, 3), max_size=5), st.integers(0, 4), st.data())
def test_tile_and_repeat(
    shape: tuple[int, ...], reps: list[int], times: int, data: st.DataObject
) -> None:
    a = array(shape)
    same(ops.tile(a, reps), np.tile(a, reps))
    axis = data.draw(st.none() | st.integers(-len(shape), len(shape) - 1))
    same(ops.repeat(a, times, axis), np.repeat(a, times, axis))


@settings(max_examples=60, deadline=None)
@given(shapes, st.integers(-20, 20), st.data())
def test_roll(shape: tuple[int, ...], shift: int, data: st.DataObject) -> None:
    a = array(shape)
    number = st.integers(-len(shape), len(shape) - 1)
    axis = data.draw(st.none() | number | st.lists(number, min_size=1, max_size=3).map(tuple))
    same(ops.roll(a, shift, axis), np.roll(a, shift, axis))
    if isinstance(axis, tuple):
        shifts = tuple(range(shift, shift + len(axis)))
        same(ops.roll(a, shifts, axis), np.roll(a, shifts, axis))


@pytest.mark.parametrize("dtype", DType, ids=dtype_name)
def test_every_dtype(dtype: DType) -> None:
    a = sample(np.random.default_rng(), dtype, 24).reshape(4, 6)
    same(ops.concatenate([a, a], 1), np.concatenate([a, a], 1))
    same(ops.roll(a, 2, 0), np.roll(a, 2, 0))
    same(ops.pad(a, 1), np.pad(a, 1))


def test_single_numbers_and_buffers() -> None:
    one = np.array(4, np.int32)
    same(ops.roll(one, 3), one)
    same(ops.tile(one, ()), one)
    same(ops.tile(one, (2, 3)), np.tile(one, (2, 3)))
    a = api.asarray(array((3, 2)))
    rolled = ops.roll(a, 0)
    rolled.numpy()[...] = 0
    assert a.numpy().all()  # the result is memory of its own


A = np.zeros((2, 3), np.float32)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: ops.concatenate([]), ShapeError, "there is no array"),
        (lambda: ops.concatenate(A[0]), DTypeError, "does not take a float32"),
        (lambda: ops.concatenate(api.asarray(A)), DTypeError, "sequence of arrays"),
        (lambda: ops.concatenate([A, A[:, :2]]), ShapeError, "array 0 has shape (2, 3) and array 1 (2, 2)"),
        (lambda: ops.concatenate([A, A[0]]), ShapeError, "every axis but 0 must be equal"),
        (lambda: ops.concatenate([A, [1.0]]), DTypeError, "does not take a list"),
        (lambda: ops.concatenate([np.zeros(1, np.int8), np.zeros(1, np.uint64)]), DTypeError, "ops.concatenate: int8"),
        (lambda: ops.stack([A, A.T]), ShapeError, "(3, 2)"),
        (lambda: ops.stack([A], 3), ShapeError, "axes of it are -3 to 2"),
        (lambda: ops.pad(A, 1, "mirror"), ShapeError, "there is no mode 'mirror'"),
        (lambda: ops.pad(A, (1, 2, 3)), ShapeError, "does not fit the 2 axes"),
        (lambda: ops.pad(A, -1), ShapeError, "pad_width is -1, less than 0"),
        (lambda: ops.pad(A, 0.5), ShapeError, "no integer"),
        (lambda: ops.pad(A[:0], 1, "wrap"), ShapeError, "no elements that mode 'wrap' could continue"),
        (lambda: ops.pad(A.astype(np.int8), 1, constant_values=300), DTypeError, "300 does not fit into int8"),
        (lambda: ops.tile(A, -1), ShapeError, "less than 0"),
        (lambda: ops.tile(A, (2**16, 2**16)), ShapeError, "32 bits"),
        (lambda: ops.repeat(A, 2**31), ShapeError, "32 bits"),
        (lambda: ops.repeat(A, 2, 2), ShapeError, "has no axis 2"),
        (lambda: ops.roll(A, (1, 2), (0, 1, 1)), ShapeError, "2 shifts for 3 axes"),
        (lambda: ops.roll(A, 1, 5), ShapeError, "has no axis 5"),
    ],
)  # fmt: skip
def test_what_is_refused(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error) as raised:
        call()
    assert text in str(raised.value)
