"""Broadcasting: the shapes that NumPy gives, and errors that name those that do not fit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes

from metal_runtime import api, ops
from metal_runtime.errors import ShapeError
from metal_runtime.ops.layout import broadcast_shape


@given(mutually_broadcastable_shapes(num_shapes=3, max_dims=5, max_side=3))
def test_shapes_are_numpys(shapes) -> None:
    assert broadcast_shape("add", [tuple(s) for s in shapes.input_shapes]) == shapes.result_shape


@given(st.lists(st.integers(2, 5), min_size=2, max_size=4))
def test_shapes_that_differ_are_refused(sizes: list[int]) -> None:
    a, b = tuple(sizes), (*sizes[:-1], sizes[-1] + 1)
    with pytest.raises(ShapeError) as raised:
        broadcast_shape("mul", (a, b))
    assert str(a) in str(raised.value)
    assert str(b) in str(raised.value)
    assert "ops.mul" in str(raised.value)


def test_more_elements_than_32_bits_index() -> None:
    tall, wide = api.empty((2**17, 1), "bool"), api.empty((1, 2**17), "bool")
    with pytest.raises(ShapeError, match="32 bits"):
        ops.logical_and(tall, wide)
