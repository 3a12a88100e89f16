"""Functions that users write for one element: right on arrays, fused, and errors at their own lines."""

from __future__ import annotations

import numpy as np
import pytest

from metal_runtime import api, metal
from metal_runtime.errors import CompileError, DTypeError, ShapeError


@api.elementwise
def swish(x, beta):
    """x / (1 + exp(-beta * x))"""
    return x / (1.0 + metal.exp(-beta * x))


def squared(x):
    return x * x


@api.elementwise
def steps(x, y):
    total = squared(x)
    for _ in range(3):
        if total > y:
            total -= y
    return total


@api.reduction(identity=0.0)
def longest(a, b):
    return metal.max(metal.abs(a), metal.abs(b))


@api.reduction(identity=1, dtype="int32")
def product(a, b):
    return a * b


def arrays(*shapes: tuple[int, ...]) -> list[np.ndarray]:
    rng = np.random.default_rng()
    return [rng.standard_normal(shape).astype(np.float32) for shape in shapes]


def test_a_function_of_elements_broadcasts_and_fuses() -> None:
    x, y = arrays((7, 33), (33,))
    result = swish(api.asarray(x) + y, 1.5) * 2
    assert len(api.explain(result).kernels) == 1
    z = (x + y).astype(np.float64)
    np.testing.assert_allclose(result.numpy(), 2 * z / (1 + np.exp(-1.5 * z)), rtol=2e-6, atol=1e-6)


def test_statements_and_functions_that_it_calls() -> None:
    x, y = arrays((999,), (999,))
    y = np.abs(y)
    expected = (x * x).astype(np.float32)
    for _ in range(3):
        expected = np.where(expected > y, expected - y, expected)
    np.testing.assert_array_equal(steps(api.asarray(x), api.asarray(y)).numpy(), expected)


def test_it_is_compiled_for_each_combination_of_dtypes() -> None:
    for dtype in (np.int32, np.int64, np.float16):
        x = np.arange(9).astype(dtype)
        result = steps(api.asarray(x), api.asarray(np.full(9, 5, dtype)))
        assert result.dtype.numpy_dtype == dtype
        expected = x * x
        for _ in range(3):
            expected = np.where(expected > 5, expected - 5, expected)
        np.testing.assert_array_equal(result.numpy(), expected)


def test_out_and_wrong_calls() -> None:
    (x,) = arrays((5,))
    out = api.empty((5,))
    assert swish(x, 1.0, out=out) is out
    with pytest.raises(TypeError, match="takes 2 operands"):
        swish(x)
    with pytest.raises(DTypeError, match="does not take a str"):
        swish(x, "1")

    @api.elementwise
    def wrong(x):
        return x + "a"

    with pytest.raises(CompileError, match=r"test_array_functions.py:\d+:20: error: a string"):
        wrong(x)


@pytest.mark.parametrize("shape", [(3, 50), (50, 3), (4, 9001), (20_000,), (9, 8, 7)])
def test_a_reduction_of_two_values(shape: tuple[int, ...]) -> None:
    (x,) = arrays(shape)
    for axis in (None, 0, len(shape) - 1):
        result = longest(api.asarray(x) - 1, axis)
        np.testing.assert_array_equal(result.numpy(), np.abs(x - np.float32(1)).max(axis))


def test_a_reduction_in_a_dtype_of_its_own() -> None:
    x = np.random.default_rng().integers(1, 4, (5, 9)).astype(np.int8)
    result = product(api.asarray(x), 1, keepdims=True)
    np.testing.assert_array_equal(
        result.numpy(), x.prod(1, keepdims=True, dtype=np.int32), strict=True
    )
    assert product(api.empty((0,), "int32")).item() == 1
    with pytest.raises(ShapeError, match="product: shape"):
        product(api.asarray(x), 2)


def test_two_functions_of_one_name_in_one_kernel() -> None:
    def make(k: float):
        @api.elementwise
        def scaled(x):
            return x * k

        return scaled

    x = api.asarray(np.float32([1, 2]))
    result = make(2.0)(x) + make(3.0)(x)
    assert len(api.explain(result).kernels) == 1
    assert result.tolist() == [5, 10]


def test_names_say_what_they_are() -> None:
    assert repr(swish) == "<elementwise function swish(x, beta)>"
    assert swish.__doc__ == "x / (1 + exp(-beta * x))"
    assert "longest" in repr(longest)
