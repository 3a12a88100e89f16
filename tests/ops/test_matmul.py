"""Matrix products of every dtype, shape and stride, against NumPy in float64 and Python's integers."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metal_runtime import api, ops
from metal_runtime.buffer import MetalBuffer
from metal_runtime.dtype import DType
from metal_runtime.errors import ClosedBufferError, DTypeError, InternalError, ShapeError
from metal_runtime.ir.nodes import Load, Param, Read
from metal_runtime.ops import expressions
from metal_runtime.ops.expressions import apply
from metal_runtime.ops.kernels import pointer
from metal_runtime.ops.product_run import Operand, operand_of, run_matmul
from metal_runtime.ops.product_tiles import Tile, tile_for, tile_program
from metal_runtime.ops.products import Epilogue, Product
from metal_runtime.ops.promotion import dtype_name, promote_pair
from metal_runtime.runtime.sessions import get_session
from tests.ops.data import ulp_of
from tests.places import PLACES, current

Array = np.ndarray[Any, Any]
F32 = DType.FLOAT32

# (rows, depth, columns): each way to multiply, and the edges of tiles and blocks.
SHAPES = [
    (1, 1, 1), (2, 3, 4), (16, 16, 16), (17, 16, 16), (33, 5, 65), (100, 257, 130), (97, 513, 129),
    (192, 256, 256), (6, 700, 16), (7, 300, 1000), (300, 1, 300), (1, 300, 64), (1, 300, 63),
    (1, 77, 200), (200, 77, 1), (1, 9000, 3), (3, 9001, 1), (1, 20_000, 1), (1, 4097, 200),
]  # fmt: skip


@pytest.fixture(params=PLACES)
def device(request: pytest.FixtureRequest) -> Iterator[str]:
    with current(request.param) as name:
        yield name


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng()


def random(rng: np.random.Generator, dtype: DType, shape: tuple[int, ...]) -> Array:
    """Elements over several orders of magnitude; integers over their whole range."""
    if dtype is DType.BOOL:
        return rng.random(shape) < 0.3
    if dtype.is_integer:
        info = np.iinfo(dtype.numpy_dtype)
        return rng.integers(info.min, info.max, shape, dtype.numpy_dtype, endpoint=True)
    values = rng.normal(size=shape) * 10.0 ** rng.integers(-2, 2, shape)
    return values.astype(dtype.numpy_dtype)


def check(actual: Array, a: Array, b: Array, out: DType) -> None:
    """Integers must be equal, floats within what accumulation in float32 may be off, and one rounding."""
    if not out.is_float:
        with np.errstate(all="ignore"):
            exact = np.matmul(a.astype(out.numpy_dtype), b.astype(out.numpy_dtype))
        np.testing.assert_array_equal(actual, exact, strict=True)
        return
    x, y = (v.astype(np.float32).astype(np.float64) for v in (a, b))
    exact = np.matmul(x, y)
    depth = a.shape[-1]
    allowed = (depth + 1) * 2.0**-24 * np.matmul(abs(x), abs(y)) + 1e-37
    if out is not F32:
        allowed += 0.51 * ulp_of(exact, out)
    assert actual.shape == exact.shape
    error = abs(actual.astype(np.float64) - exact)
    worst = float(np.max(error / allowed, initial=0))
    assert (error <= allowed).all(), f"{worst} times what is allowed"


def poisoned(shape: tuple[int, ...], dtype: DType) -> MetalBuffer:
    """A buffer of NaN, or of ones bit by bit."""
    out = api.empty(shape, dtype.numpy_dtype)
    view = out.numpy()
    view[...] = np.frombuffer(b"\xff" * dtype.itemsize, dtype.numpy_dtype)[0] if dtype is not DType.BOOL else True  # fmt: skip
    return out


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_float32(device: str, shape: tuple[int, int, int], rng: np.random.Generator) -> None:
    rows, depth, columns = shape
    a, b = random(rng, F32, (rows, depth)), random(rng, F32, (depth, columns))
    out = poisoned((rows, columns), F32)
    assert ops.matmul(api.asarray(a), api.asarray(b), out=out) is out
    check(out.to_numpy(), a, b, F32)


@pytest.mark.parametrize(
    ("device", "dtype"),
    [
        *((PLACES[0], dtype) for dtype in DType),
        *((place, dtype) for place in PLACES[1:] for dtype in (F32, DType.INT8, DType.BFLOAT16)),
    ],
    indirect=["device"],
)
@pytest.mark.parametrize("shape", [(3, 5, 4), (40, 70, 50), (1, 300, 70), (60, 5000, 1)], ids=str)
def test_every_dtype(
    device: str, dtype: DType, shape: tuple[int, int, int], rng: np.random.Generator
) -> None:
    rows, depth, columns = shape
    a, b = random(rng, dtype, (rows, depth)), random(rng, dtype, (depth, columns))
    out = ops.matmul(a, b)
    assert out.dtype is dtype
    check(out.to_numpy(), a, b, dtype)


_PAIRS = [p for p in itertools.product(DType, repeat=2) if p[0] is not p[1]]


@pytest.mark.parametrize("pair", _PAIRS[::11], ids=lambda pair: "-".join(map(dtype_name, pair)))
def test_mixed_dtypes(pair: tuple[DType, DType], rng: np.random.Generator) -> None:
    a, b = random(rng, pair[0], (20, 30)), random(rng, pair[1], (30, 25))
    try:
        common = promote_pair(*pair)
    except DTypeError:
        with pytest.raises(DTypeError, match="matmul"):
            ops.matmul(a, b)
        return
    out = ops.matmul(a, b)
    assert out.dtype is common
    check(out.to_numpy(), a, b, common)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_any_strides_and_batches(data: st.DataObject) -> None:
    """Slices with steps, reversed and transposed, of batches that broadcast, as NumPy's views of one buffer."""
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    sizes = st.one_of(st.integers(0, 5), st.integers(1, 70))
    rows, depth, columns = (data.draw(sizes) for _ in range(3))
    batch = data.draw(st.lists(st.integers(0, 3), max_size=3))
    dtype = data.draw(st.sampled_from([F32, DType.FLOAT16, DType.INT8, DType.INT64]))
    views, operands, kept = [], [], []
    for matrix in ((rows, depth), (depth, columns)):
        own = [1 if data.draw(st.booleans()) else n for n in batch]
        own = own[data.draw(st.integers(0, len(own))) :]
        base, view = _strided(data, rng, dtype, (*own, *matrix))
        buffer = api.asarray(base)
        kept.append(buffer)
        start = view.__array_interface__["data"][0] - base.__array_interface__["data"][0]
        steps = tuple(s // dtype.itemsize for s in view.strides)
        operands.append(Operand(buffer._bound(), dtype, view.shape, steps, start // dtype.itemsize))
        views.append(view)
    shape = (*np.broadcast_shapes(views[0].shape[:-2], views[1].shape[:-2]), rows, columns)
    out = poisoned(shape, dtype)
    run_matmul(get_session(), operands[0], operands[1], out, dtype)
    check(out.to_numpy(), views[0], views[1], dtype)


def _strided(
    data: st.DataObject, rng: np.random.Generator, dtype: DType, shape: tuple[int, ...]
) -> tuple[Array, Array]:
    """An array, and a view of it of this shape."""
    order = data.draw(st.permutations(range(len(shape))))
    steps = [data.draw(st.sampled_from([1, 1, 2, -1, -3])) for _ in shape]
    room = [n * abs(s) for n, s in zip(shape, steps, strict=True)]
    base = random(rng, dtype, tuple(room[axis] for axis in order))
    view = base.transpose(np.argsort(order))[tuple(slice(None, None, s) for s in steps)]
    assert view.shape == shape
    return base, view


@pytest.mark.parametrize(
    "shapes",
    [
        ((7,), (7,)), ((7,), (7, 5)), ((4, 7), (7,)), ((3, 4, 7), (7,)), ((7,), (3, 7, 5)), ((3, 1, 40, 50), (2, 50, 33)),
        ((5, 1, 2, 3), (1, 4, 3, 2)), ((0, 4), (4, 3)), ((4, 0), (0, 3)), ((4, 3), (3, 0)), ((0,), (0,)), ((2, 0, 3), (3, 4)),
        ((40, 0), (0, 50)), ((2, 3, 1, 6, 5), (2, 1, 4, 5, 6)), ((30, 20, 40), (40, 30)), ((20, 40), (30, 40, 1)), ((1, 50_000), (50_000,)),
    ],
    ids=str,
)  # fmt: skip
def test_shapes_are_numpys(
    device: str, shapes: tuple[tuple[int, ...], tuple[int, ...]], rng: np.random.Generator
) -> None:
    a, b = (rng.integers(-9, 9, shape).astype(np.float32) for shape in shapes)
    out = poisoned(np.matmul(a, b).shape, F32)
    ops.matmul(a, b, out=out)
    np.testing.assert_array_equal(out.to_numpy(), np.matmul(a, b), strict=True)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("shape", [(3, 4, 5), (50, 300, 45), (1, 5000, 3), (9, 70, 1)], ids=str)
def test_nan_and_infinity_reach_their_row_and_no_other(
    device: str, value: float, shape: tuple[int, int, int], rng: np.random.Generator
) -> None:
    rows, depth, columns = shape
    a, b = rng.random((rows, depth), np.float32) + 1, rng.random((depth, columns), np.float32) + 1
    a[rows // 2, depth // 3] = value
    with np.errstate(all="ignore"):
        expected = np.matmul(a.astype(np.float64), b.astype(np.float64))
    np.testing.assert_allclose(ops.matmul(a, b).to_numpy(), expected, rtol=1e-4)


def test_a_deep_product_of_ones_is_exact() -> None:
    a = np.ones((1, 2**24 + 4099), np.float32)
    assert ops.matmul(a, a.T.copy()).item() == 2.0**24 + 4100  # the even neighbour


# --- out, operators, errors ----------------------------------------------------------------------


def test_out_may_be_an_operand(device: str, rng: np.random.Generator) -> None:
    for n in (5, 70):
        a, b = random(rng, F32, (n, n)), random(rng, F32, (n, n))
        for which in range(2):
            buffers = [api.asarray(a), api.asarray(b)]
            ops.matmul(*buffers, out=buffers[which])
            check(buffers[which].to_numpy(), a, b, F32)
        x = api.asarray(a)
        same = x
        x @= b
        assert x is same
        check(x.to_numpy(), a, b, F32)


def test_the_operator(device: str, rng: np.random.Generator) -> None:
    a, b = random(rng, F32, (5, 6)), random(rng, F32, (6, 7))
    for product in (api.asarray(a) @ api.asarray(b), api.asarray(a) @ b, a @ api.asarray(b)):
        assert isinstance(product, MetalBuffer)
        check(product.to_numpy(), a, b, F32)
    with pytest.raises(TypeError):
        api.asarray(a) @ "text"  # type: ignore[operator]
    with pytest.raises(TypeError):
        2.0 @ api.asarray(a)  # type: ignore[operator]


def test_out_of_another_dtype(rng: np.random.Generator) -> None:
    a, b = random(rng, DType.FLOAT16, (20, 30)), random(rng, DType.FLOAT16, (30, 20))
    out = poisoned((20, 20), F32)
    ops.matmul(a, b, out=out)
    check(out.to_numpy(), a, b, F32)  # of float32, so no rounding to float16
    small = random(rng, DType.INT8, (20, 30))
    wide = poisoned((20, 20), DType.INT64)
    ops.matmul(small, small.reshape(30, 20), out=wide)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(wide.to_numpy(), small @ small.reshape(30, 20))


@pytest.mark.parametrize(
    ("a", "b", "words"),
    [
        ((3, 4), (5, 6), "(3, 4) and (5, 6)"), ((3, 4), (6, 4), "transpose the second"), ((4, 3), (4, 6), "transpose the first"),
        ((2, 3, 4), (3, 4, 5), "(2, 3, 4) and (3, 4, 5)"), ((3,), (4,), "(3,) and (4,)"), ((3,), (4, 3), "do not multiply"), ((), (3,), "ops.mul"),
    ],
    ids=str,
)  # fmt: skip
def test_shapes_that_do_not_fit(a: tuple[int, ...], b: tuple[int, ...], words: str) -> None:
    with pytest.raises(ShapeError) as caught:
        ops.matmul(np.ones(a, np.float32), np.ones(b, np.float32))
    assert words in str(caught.value)
    assert "ops.matmul" in str(caught.value)


def test_what_is_refused() -> None:
    a = np.ones((3, 3), np.float32)
    with pytest.raises(ShapeError, match=r"ops\.mul"):
        ops.matmul(a, 2.0)  # type: ignore[arg-type]
    with pytest.raises(DTypeError, match="does not take a list"):
        ops.matmul(a, [[1.0]])  # type: ignore[arg-type]
    with pytest.raises(DTypeError, match="float64"):
        ops.matmul(a, np.ones((3, 3)))
    with pytest.raises(DTypeError, match="out= of int32"):
        ops.matmul(a, a, out=api.empty((3, 3), np.int32))
    with pytest.raises(ShapeError, match=r"out= has \(3, 4\)"):
        ops.matmul(a, a, out=api.empty((3, 4), np.float32))
    with pytest.raises(DTypeError, match="no common dtype"):
        ops.matmul(np.ones((2, 2), np.int8), np.ones((2, 2), np.uint64))
    with pytest.raises(ShapeError, match="5 batch axes"):
        ops.matmul(
            np.ones((2, 1, 2, 1, 2, 3, 3), np.float32), np.ones((2, 1, 2, 1, 3, 3), np.float32)
        )
    closed = api.asarray(a)
    closed.close()
    with pytest.raises(ClosedBufferError):
        ops.matmul(closed, a)
    with pytest.raises(InternalError):
        x = operand_of(api.asarray(a))
        run_matmul(get_session(), x, x, api.empty((2, 2), np.float32), F32)


# --- epilogues -----------------------------------------------------------------------------------


def _gelu_of_biased(value: Any, row: Any, column: Any, batch: Any) -> Any:
    return expressions.gelu(apply("add", value, Load("bias", column, F32)))


GELU = Epilogue("gelu_bias", _gelu_of_biased, (Param("bias", pointer(F32, const=True)),))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("half", [False, True], ids=["float32", "float16"])
def test_a_fused_layer(
    device: str, shape: tuple[int, int, int], half: bool, rng: np.random.Generator
) -> None:
    dtype = DType.FLOAT16 if half else F32
    rows, depth, columns = shape
    a = (rng.normal(size=(rows, depth)) / math.sqrt(depth)).astype(dtype.numpy_dtype)
    b = rng.normal(size=(depth, columns)).astype(dtype.numpy_dtype)
    bias = api.asarray(rng.normal(size=columns).astype(np.float32))
    out = poisoned((rows, columns), dtype)
    x, y = api.asarray(a), api.asarray(b)
    run_matmul(get_session(), operand_of(x), operand_of(y), out, dtype, GELU, [bias._bound()])
    z = np.matmul(a.astype(np.float64), b.astype(np.float64)) + bias.numpy()
    expected = z * 0.5 * (1 + np.vectorize(math.erf)(z / math.sqrt(2)))
    tolerance = 1e-3 if half else 2e-5
    np.testing.assert_allclose(
        out.to_numpy().astype(np.float64), expected, atol=tolerance, rtol=tolerance
    )


def _weighted_place(value: Any, row: Any, column: Any, batch: Any) -> Any:
    """value * scale + 10000 * batch + 100 * row + column."""
    scaled = apply("mul", value, Read("scale", F32))
    for place, weight in ((batch, 10_000.0), (row, 100.0), (column, 1.0)):
        weighted = apply(
            "mul", expressions.convert(place, F32), expressions.constant(weight, value)
        )
        scaled = apply("add", scaled, weighted)
    return scaled


PLACE = Epilogue("place", _weighted_place, (Param("scale", F32),))


@pytest.mark.parametrize("shape", [(3, 4, 5), (40, 30, 50), (1, 9000, 50), (50, 20, 1), (30, 9000, 1)], ids=str)  # fmt: skip
@pytest.mark.parametrize("turned", [False, True])
def test_an_epilogue_knows_its_place(
    device: str, shape: tuple[int, int, int], turned: bool, rng: np.random.Generator
) -> None:
    rows, depth, columns = shape
    a = rng.integers(-2, 3, (3, rows, depth)).astype(np.float32)
    b = rng.integers(-2, 3, (depth, columns)).astype(np.float32)
    x = operand_of(api.asarray(a))
    kept = api.asarray(a.transpose(0, 2, 1).copy())
    if turned:
        x = operand_of(kept).transposed
    out = poisoned((3, rows, columns), F32)
    y = api.asarray(b)
    base = api.asarray(a)
    x = x if turned else operand_of(base)
    scale = np.float32(0.5).tobytes()
    run_matmul(get_session(), x, operand_of(y), out, F32, PLACE, [scale])
    n, i, j = np.ogrid[:3, :rows, :columns]
    np.testing.assert_array_equal(out.to_numpy(), 0.5 * (a @ b) + 10_000 * n + 100 * i + j)


# --- kernels -------------------------------------------------------------------------------------


def test_one_program_serves_all_shapes_of_a_class() -> None:
    product = Product(F32, F32, F32, F32, GELU)
    again = Product(F32, F32, F32, F32, Epilogue("gelu_bias", lambda *_: None, GELU.params))  # type: ignore[arg-type, return-value]
    tile = tile_for(32, 16, F32)
    assert tile_program(product, tile) is tile_program(again, tile)
    assert len(tile_program(product, tile).entry_points[0].arguments) <= 31


@pytest.mark.parametrize(
    ("vectors", "dtype"),
    [
        ((16, 16), F32),
        *(  # large kernels, which take ten seconds to compile
            pytest.param(vectors, dtype, marks=pytest.mark.soak)
            for vectors in ((16, 16), (16, 32), (32, 16), (64, 32))
            for dtype in (F32, DType.INT16, DType.UINT64)
        ),
    ],
)
def test_tiles_of_other_processors(
    monkeypatch: pytest.MonkeyPatch,
    vectors: tuple[int, int],
    dtype: DType,
    rng: np.random.Generator,
) -> None:
    held = Product(dtype, dtype, dtype, dtype).held
    tile = tile_for(*vectors, held)
    assert tile.columns % 4 == 0
    monkeypatch.setattr("metal_runtime.ops.product_tiles.tile_for", lambda *_: tile)
    a, b = random(rng, dtype, (131, 300)), random(rng, dtype, (300, 201))
    check(ops.matmul(a, b).to_numpy(), a, b, dtype)


def test_tiles_fill_the_registers() -> None:
    assert tile_for(32, 16, F32) == Tile(6, 16)
    assert tile_for(64, 32, F32) == Tile(14, 32)
    assert tile_for(32, 16, DType.UINT64) == Tile(6, 8)
