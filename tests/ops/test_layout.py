"""Broadcasting: the shapes that NumPy gives, and index arithmetic that finds the same elements."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes

from metal_runtime.errors import ShapeError
from metal_runtime.ops.layout import MAX_RANK, Broadcast, broadcast


def elements(plan: Broadcast, operand: int) -> list[int]:
    """The element of an array that each element of the result needs."""
    found = []
    for place in itertools.product(*(range(n) for n in reversed(plan.sizes))):
        inner, *outer = reversed(place)
        index = inner if plan.layout.advances[operand] else 0
        index += sum(i * s for i, s in zip(outer, plan.strides[operand], strict=True))
        found.append(index)
    return found


@given(mutually_broadcastable_shapes(num_shapes=2, max_dims=6, max_side=4))
def test_pairs_find_numpys_elements(shapes) -> None:
    check([tuple(s) for s in shapes.input_shapes], shapes.result_shape)


@given(mutually_broadcastable_shapes(num_shapes=3, max_dims=5, max_side=3))
def test_triples_find_numpys_elements(shapes) -> None:
    check([tuple(s) for s in shapes.input_shapes], shapes.result_shape)


def check(shapes: list[tuple[int, ...]], result: tuple[int, ...]) -> None:
    plan = broadcast("add", tuple(shapes))
    assert plan.shape == result
    if 0 in result:
        return
    assert np.prod(plan.grid) == np.prod(result)
    for k, shape in enumerate(shapes):
        numbered = np.arange(np.prod(shape, dtype=int)).reshape(shape)
        assert elements(plan, k) == np.broadcast_to(numbered, result).ravel().tolist()


def test_equal_shapes_are_one_line() -> None:
    plan = broadcast("add", ((3, 4, 5), (3, 4, 5)))
    assert plan.layout.is_line
    assert plan.grid == (60, 1, 1)


def test_axes_of_one_do_not_count() -> None:
    assert broadcast("add", ((1, 4, 1, 5), (4, 1, 5))).layout.is_line
    assert broadcast("add", ((2, 4, 5), (1, 5))).layout.rank == 2


@given(st.lists(st.integers(2, 5), min_size=2, max_size=4))
def test_shapes_that_differ_are_refused(sizes: list[int]) -> None:
    a, b = tuple(sizes), (*sizes[:-1], sizes[-1] + 1)
    with pytest.raises(ShapeError) as raised:
        broadcast("mul", (a, b))
    assert str(a) in str(raised.value)
    assert str(b) in str(raised.value)
    assert "ops.mul" in str(raised.value)


def test_too_many_alternating_axes() -> None:
    shape = (2, 1) * 5
    assert broadcast("add", (shape[: MAX_RANK - 1], shape[1:MAX_RANK])).layout.rank <= MAX_RANK
    with pytest.raises(ShapeError, match="alternate over 10 axes"):
        broadcast("add", (shape, (*shape[1:], 2)))


def test_more_elements_than_32_bits_index() -> None:
    with pytest.raises(ShapeError, match="32 bits"):
        broadcast("add", ((2**17, 1), (1, 2**17)))
