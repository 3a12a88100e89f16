"""Operators before and after matrix products: in the product's kernels where they can be, and equal to the last bit either way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metal_runtime import MetalBuffer, api, ops
from metal_runtime.device.protocol import DeviceTraits
from metal_runtime.dtype import DType
from metal_runtime.ops.product_launches import Way, way_of
from metal_runtime.ops.product_shapes import Sizes
from metal_runtime.runtime.session import Session
from metal_runtime.runtime.sessions import get_session
from tests.graph.programs import eager_session

Array = np.ndarray[Any, Any]
CPU = DeviceTraits("a CPU", "cpu", vector_bytes=32, vector_registers=16)
GPU = DeviceTraits("a GPU", "metal")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng()


def normal(*shape: int, dtype: Any = np.float32) -> Array:
    return np.random.default_rng().standard_normal(shape).astype(dtype)


def side(least: int = 65) -> int:
    """A length that fills no tile, of an operand that is packed."""
    return int(np.random.default_rng().integers(least, 2 * least))


def entered(session: Session, array: Array) -> MetalBuffer:
    buffer = session.empty(array.shape, DType.from_numpy(array.dtype))
    buffer.copy_from(array)
    return buffer


def computed(function: Callable[..., Any], *arrays: Array) -> tuple[Array, int]:
    """The fused result, which must be the eager one's bits, and the number of kernels."""
    fused = function(*(entered(get_session(), a) for a in arrays))
    kernels = len(api.explain(fused).kernels)
    eager = function(*(entered(eager_session(), a) for a in arrays)).to_numpy()
    actual = fused.to_numpy()
    assert actual.dtype == eager.dtype
    assert actual.tobytes() == eager.tobytes()
    return actual, kernels


def check(actual: Array, expected: Array, rtol: float = 1e-4) -> None:
    scale = float(np.max(abs(expected), initial=1.0))
    np.testing.assert_allclose(actual.astype(np.float64), expected, rtol=rtol, atol=rtol * scale)


def wide(array: Array) -> Array:
    return array.astype(np.float64)


# --- before a product ------------------------------------------------------------------------------


def test_both_operands_are_computed_where_they_are_packed(rng: np.random.Generator) -> None:
    x, s = normal(side(), n := side()), normal(m := side())
    w = rng.integers(-100, 100, (n, m), np.int8)
    actual, kernels = computed(
        lambda x, w, s: ops.matmul(ops.relu(x) * 1.5, w.astype("float32") * s), x, w, s
    )
    assert kernels == 1
    check(actual, (np.maximum(wide(x), 0) * 1.5) @ (wide(w) * wide(s)))


def test_views_before_and_after_the_operators() -> None:
    k, m, n = side(), side(), side()
    x, w = normal(2 * k, m + 3), normal(n, k)
    actual, kernels = computed(lambda x, w: (x[::2, 3:] * 2.5 + 0.3).T @ (w - 1).T, x, w)
    assert kernels == 1
    check(actual, (wide(x)[::2, 3:] * 2.5 + 0.3).T @ (wide(w) - 1).T)


def test_batches_that_repeat_are_computed_once() -> None:
    k, m, n = side(), side(), side()
    x, w, rows = normal(m, k), normal(2, 1, k, n), normal(3, m, 1)
    actual, kernels = computed(
        lambda x, w, r: (x * r) @ (w * 1.5).broadcast_to((2, 3, k, n)), x, w, rows
    )
    assert kernels == 1
    check(actual, (wide(x) * wide(rows)) @ (wide(w) * 1.5))
    assert actual.shape == (2, 3, m, n)


@pytest.mark.parametrize("dtype", [np.float16, np.int8])
def test_values_are_rounded_to_their_dtype_before_they_are_packed(dtype: Any) -> None:
    x, w = (normal(side(), n := side()) * 40).astype(dtype), normal(n, side())
    actual, kernels = computed(lambda x, w: (x + x) @ w, x, w)
    assert kernels == 1
    with np.errstate(over="ignore"):
        check(actual, wide(x + x) @ wide(w))


VECTORS: dict[str, Callable[[MetalBuffer, MetalBuffer], MetalBuffer]] = {
    "columns": lambda x, w: x[None] @ (w.astype("float32") * 0.5),
    "dots": lambda x, w: x @ (w.astype("float32") * 0.5).T,
    "turned": lambda x, w: (w.astype("float32") * 0.5).T @ x,
}


@pytest.mark.parametrize("way", VECTORS)
def test_the_matrix_of_a_vectors_product_is_computed_where_it_is_read(
    way: str, rng: np.random.Generator
) -> None:
    w = rng.integers(-100, 100, (side(), side()), np.int8)
    x = normal(w.shape[1] if way == "dots" else w.shape[0])
    actual, kernels = computed(VECTORS[way], x, w)
    assert kernels == 1
    scaled = wide(w) * 0.5
    check(actual.ravel(), scaled @ wide(x) if way == "dots" else wide(x) @ scaled)


def test_a_deep_dot_product_of_computed_vectors() -> None:
    x, y = normal(1, 9001), normal(9001, 1)
    actual, kernels = computed(lambda x, y: (x + 1) @ (y - 2) * 3, x, y)
    assert kernels == 1
    check(actual, (wide(x) + 1) @ (wide(y) - 2) * 3)


def _positive(x: float) -> float:
    return x * x + 1.0


@api.elementwise
def bent(x: float) -> float:
    if x > 0.0:
        return _positive(x)
    return x


def test_a_users_function_before_and_after() -> None:
    x, w = normal(side(), n := side()), normal(n, side())
    actual, kernels = computed(lambda x, w: bent(bent(x) @ w), x, w)
    assert kernels == 1
    left = np.where(x > 0, wide(x) ** 2 + 1, x)
    z = left @ wide(w)
    check(actual, np.where(z > 0, z * z + 1, z))


def test_a_product_into_what_its_operand_is_computed_of() -> None:
    n = side()
    x, w = normal(n, n), normal(n, n)
    buffer, other = api.asarray(x), api.asarray(w)
    ops.matmul(buffer * 2, other + 1, out=buffer)
    check(buffer.to_numpy(), (wide(x) * 2) @ (wide(w) + 1))


@pytest.mark.parametrize("shapes", [((0, 90), (90, 80)), ((70, 0), (0, 80)), ((70, 90), (90, 0))])
def test_empty_operands(shapes: tuple[tuple[int, int], tuple[int, int]]) -> None:
    x, w = (normal(*shape) for shape in shapes)
    actual = ((api.asarray(x) + 1) @ (api.asarray(w) * 2)).to_numpy()
    np.testing.assert_array_equal(actual, np.zeros((x.shape[0], w.shape[1]), np.float32))


OPERATORS: dict[str, Callable[[Any], Any]] = {
    "scaled": lambda x: x * 1.5 - 0.25,
    "relu": lambda x: x.relu(),
    "tanh": lambda x: x.tanh(),
    "half": lambda x: x.astype("float16"),
    "whole": lambda x: x.astype("int16"),
    "with its first row": lambda x: x + x[..., :1, :],
    "with its last column": lambda x: x - x[..., -1:],
    "turned": lambda x: x.transpose((*range(x.ndim - 2), x.ndim - 1, x.ndim - 2)),
    "every second": lambda x: x[..., ::2, :],
    "backwards": lambda x: x[..., ::-1],
    "twice": lambda x: x.broadcast_to((2, *x.shape)) if x.ndim < 4 else x,
}


@pytest.mark.soak
@given(st.data())
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_operators_before_a_product(data: st.DataObject) -> None:
    names = st.lists(st.sampled_from(sorted(OPERATORS)), max_size=5)
    before = [data.draw(names, label=which) for which in ("left", "right")]
    sizes = st.one_of(st.just(1), st.integers(60, 140))
    m, k, n = (data.draw(sizes) for _ in range(3))
    after = data.draw(st.booleans())

    def function(x: MetalBuffer, w: MetalBuffer) -> MetalBuffer:
        sides = []
        for value, chain in zip((x, w), before, strict=True):
            for name in chain:
                value = OPERATORS[name](value)
            sides.append(value)
        a, b = sides
        depth = min(a.shape[-1], b.shape[-2])
        product = a[..., :depth] @ b[..., :depth, :]
        return product * 1.25 + 0.5 if after else product

    computed(function, normal(m, k), normal(k, n))


# --- what stays apart, and why -----------------------------------------------------------------------


APART: dict[str, Callable[[MetalBuffer, MetalBuffer], Any]] = {
    "has other readers": lambda x, w: ops.matmul(y := x.relu(), y.T),
    "reads elements of its operand more than once": lambda x, w: (
        (x[:1] * 2).broadcast_to(x.shape) @ w
    ),
    "packs nothing": lambda x, w: (x[:8, :8] * 2) @ w[:8, :8],
    "the end of another": lambda x, w: ((x @ w) * 2) @ w,
    "along with a reduction": lambda x, w: ops.softmax(x) @ w,
    "cannot read backwards": lambda x, w: (x[::-1] * w) @ w,
}


@pytest.mark.parametrize("why", APART)
def test_why_operators_are_computed_before_a_product(why: str) -> None:
    x, w = (api.asarray(normal(100, 100)) for _ in range(2))
    explained = str(api.explain(APART[why](x, w)))
    assert why in explained


def test_a_held_operand_is_in_memory_once() -> None:
    x, w = (api.asarray(normal(100, 100)) for _ in range(2))
    held = x.relu()
    product = held @ w
    explained = api.explain(held, product)
    assert len(explained.kernels) == 2
    assert "operand is held" in str(explained)


def test_the_report_and_the_picture_know_what_a_product_computes() -> None:
    x, w = (api.asarray(normal(100, 100)) for _ in range(2))
    explained = api.explain((x.relu() @ w).tanh())
    (kernel,) = explained.kernels
    assert kernel.operators == ("relu", "matmul", "tanh")
    assert (kernel.read_bytes, kernel.written_bytes) == (80_000, 40_000)
    assert "pack_relu" in kernel.msl
    assert "#bbbbbb" not in explained.svg()


# --- after a product ---------------------------------------------------------------------------------


def test_what_follows_is_rounded_as_by_itself() -> None:
    """``a * b + c`` after a product is no fused multiply-add."""
    x, w, bias = normal(9, 9), normal(9, 9), normal(9)
    actual, kernels = computed(lambda x, w, b: (x @ w) * 1.1 + b, x, w, bias)
    assert kernels == 1
    check(actual, (wide(x) @ wide(w)) * 1.1 + wide(bias))


def test_arguments_of_many_strides() -> None:
    arrays = [normal(3 * (k + 3), 5 * (k + 2)) for k in range(12)]
    x, w = normal(3, 4), normal(4, 5)

    def function(x: MetalBuffer, w: MetalBuffer, *others: MetalBuffer) -> MetalBuffer:
        total = x @ w
        for k, other in enumerate(others):
            total = total + other[:: k + 3, :: k + 2]
        return total

    actual, _ = computed(function, x, w, *arrays)
    steps = [wide(a)[:: k + 3, :: k + 2] for k, a in enumerate(arrays)]
    check(actual, wide(x) @ wide(w) + sum(steps))


# --- which kernel ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sizes", "a", "b", "on_cpu", "on_gpu"),
    [
        ((4, 4, 4), (4, 1), (4, 1), Way.COLUMNS, Way.COLUMNS),
        ((4, 4, 4), (4, 1), (1, 4), Way.DOTS, Way.DOTS),
        ((64, 64, 64), (64, 1), (64, 1), Way.COLUMNS, Way.GROUPS),
        ((64, 64, 64), (64, 1), (1, 64), Way.TILES, Way.GROUPS),
        ((65, 64, 64), (64, 1), (64, 1), Way.TILES, Way.GROUPS),
        ((4, 900, 900), (900, 1), (900, 1), Way.COLUMNS, Way.GROUPS),
        ((4, 900, 15), (900, 1), (15, 1), Way.TILES, Way.GROUPS),
        ((900, 900, 1), (1, 900), (1, 1), Way.TURNED, Way.TURNED),
    ],
    ids=str,
)
def test_the_way_of_a_product(
    sizes: tuple[int, int, int], a: tuple[int, int], b: tuple[int, int], on_cpu: Way, on_gpu: Way
) -> None:
    rows, depth, columns = sizes
    for traits, way in ((CPU, on_cpu), (GPU, on_gpu)):
        assert way_of(Sizes((), rows, depth, columns), a, b, traits) is way


def test_equal_products_are_planned_once() -> None:
    x, w = (api.asarray(normal(7, 7)) for _ in range(2))
    plans = []
    for _ in range(2):
        with get_session().graph.observed() as seen:  # type: ignore[attr-defined]
            check((x @ w).to_numpy(), wide(x.numpy()) @ wide(w.numpy()))
        plans += seen
    assert plans[0].plan is plans[1].plan
