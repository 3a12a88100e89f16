"""Every elementwise operator on the device, against references of its own on random data with edge values."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import pytest

from metal_runtime import ops
from metal_runtime.buffer import MetalBuffer
from metal_runtime.dtype import DType
from metal_runtime.errors import ClosedBufferError, DTypeError, KernelFault, ShapeError
from metal_runtime.ops.definitions import DEFINITIONS
from metal_runtime.ops.operands import upload
from metal_runtime.ops.promotion import dtype_name
from metal_runtime.runtime.sessions import get_session
from tests.ops.data import Array, assert_close, sample
from tests.ops.references import EXTRA_ULPS, FLOAT, INTEGER, TESTS, wrapped

SIZE = 1003
INTEGERS = [d for d in DType if d.is_integer]
FLOATS = [d for d in DType if d.is_float]


def buffer(array: Array) -> MetalBuffer:
    return upload(get_session(), np.ascontiguousarray(array))


def run(name: str, *operands: Any, **named: Any) -> Array:
    result: Array = getattr(ops, name)(*operands, **named).to_numpy()
    return result


def generator(*words: object) -> np.random.Generator:
    """Fresh data each run; a failure prints the seed through the message of the assertion."""
    seed = np.random.SeedSequence().entropy
    return np.random.default_rng([seed, zlib.crc32(repr(words).encode())])  # type: ignore[list-item]


# --- values --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FLOAT)
def test_float32(name: str) -> None:
    check_floats(name, DType.FLOAT32)


@pytest.mark.parametrize("dtype", [DType.FLOAT16, DType.BFLOAT16], ids=dtype_name)
@pytest.mark.parametrize(
    "name",
    ["add", "mul", "div", "neg", "abs", "min", "maximum", "relu", "floor", "round", "exp", "log",
     "tanh", "sqrt", "pow", "gelu", "sigmoid", "softplus", "atan2"],
)  # fmt: skip
def test_half_formats(name: str, dtype: DType) -> None:
    check_floats(name, dtype)


def check_floats(name: str, dtype: DType) -> None:
    rng = generator(name, dtype)
    reference, ulps, half_ulps = FLOAT[name]
    arrays = [sample(rng, dtype, SIZE) for _ in range(DEFINITIONS[name].arity)]
    with np.errstate(all="ignore"):
        expected = reference(*(a.astype(np.float64) for a in arrays))
    actual = run(name, *map(buffer, arrays))
    assert actual.dtype == dtype.numpy_dtype
    bound = np.asarray(ulps if dtype is DType.FLOAT32 else half_ulps)
    if name in EXTRA_ULPS and dtype is DType.FLOAT32:
        bound = bound + np.nan_to_num(EXTRA_ULPS[name](arrays[0].astype(np.float64)))
    assert_close(actual, expected, dtype, bound, name)


@pytest.mark.parametrize("dtype", INTEGERS, ids=dtype_name)
@pytest.mark.parametrize("name", ["add", "sub", "mul", "floordiv", "mod", "neg", "abs", "sign"])
def test_integer_arithmetic(name: str, dtype: DType) -> None:
    check_integers(name, dtype)


@pytest.mark.parametrize("dtype", [DType.INT32, DType.UINT8, DType.UINT64], ids=dtype_name)
@pytest.mark.parametrize(
    "name",
    ["pow", "square", "min", "max", "minimum", "maximum", "clamp", "relu", "floor", "ceil", "round",
     "trunc", "bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_not"],
)  # fmt: skip
def test_other_integer_operators(name: str, dtype: DType) -> None:
    check_integers(name, dtype)


def check_integers(name: str, dtype: DType) -> None:
    rng = generator(name, dtype)
    arrays = [sample(rng, dtype, SIZE) for _ in range(DEFINITIONS[name].arity)]
    if name in ("floordiv", "mod"):
        arrays[1][arrays[1] == 0] = 3
    expected = wrapped(INTEGER[name](*arrays), dtype)
    np.testing.assert_array_equal(run(name, *map(buffer, arrays)), expected, strict=True)


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        (name, dtype)
        for name in TESTS
        for dtype in (DType.FLOAT32, DType.BFLOAT16, DType.INT8, DType.UINT64, DType.BOOL)
        # One integer and one float dtype take every way through isnan, isinf and isfinite.
        if not name.startswith("is") or dtype in (DType.FLOAT32, DType.INT8)
    ],
)
def test_questions(name: str, dtype: DType) -> None:
    rng = generator(name, dtype)
    arrays = [sample(rng, dtype, SIZE) for _ in range(DEFINITIONS[name].arity)]
    if len(arrays) == 2:
        arrays[1][::3] = arrays[0][::3]
    with np.errstate(all="ignore"):
        expected = TESTS[name](*arrays)
    np.testing.assert_array_equal(run(name, *map(buffer, arrays)), expected, strict=True)


@pytest.mark.parametrize(
    "name", ["bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_not", "min", "maximum"]
)
def test_bool_as_bits_and_numbers(name: str) -> None:
    arrays = [sample(generator(name), DType.BOOL, 63) for _ in range(DEFINITIONS[name].arity)]
    expected = getattr(np, {"min": "minimum"}.get(name, name))(*arrays)
    np.testing.assert_array_equal(run(name, *map(buffer, arrays)), expected, strict=True)


@pytest.mark.parametrize(
    "dtype", [DType.INT32, DType.UINT8, DType.INT64, DType.INT16], ids=dtype_name
)
@pytest.mark.parametrize("name", ["left_shift", "right_shift"])
def test_shifts_take_counts_modulo_the_width(name: str, dtype: DType) -> None:
    rng = generator(name, dtype)
    a, counts = sample(rng, dtype, SIZE), sample(rng, dtype, SIZE)
    shifts = [int(c) % dtype.bits for c in counts]
    pairs = zip(a.tolist(), shifts, strict=True)
    exact = [x << s if name == "left_shift" else x >> s for x, s in pairs]
    expected = wrapped(np.array(exact, object), dtype)
    np.testing.assert_array_equal(run(name, buffer(a), buffer(counts)), expected, strict=True)


@pytest.mark.parametrize("dtype", FLOATS, ids=dtype_name)
def test_fma_rounds_once(dtype: DType) -> None:
    rng = generator(dtype)
    a, b = (rng.normal(size=SIZE).astype(dtype.numpy_dtype) for _ in range(2))
    c = (-(a.astype(np.float64) * b.astype(np.float64))).astype(dtype.numpy_dtype)  # cancels
    # The products of float32 are exact in float64, and the sum cancels: exact too.
    expected = a.astype(np.float64) * b.astype(np.float64) + c.astype(np.float64)
    assert_close(run("fma", buffer(a), buffer(b), buffer(c)), expected, dtype, 0.5, "fma")


@pytest.mark.parametrize("dtype", FLOATS, ids=dtype_name)
def test_clamp_keeps_nan_and_takes_the_upper_bound_last(dtype: DType) -> None:
    x = sample(generator(dtype), dtype, SIZE)
    np.testing.assert_array_equal(
        run("clamp", buffer(x), -1, 2.5).astype(np.float64), np.clip(x.astype(np.float64), -1, 2.5)
    )
    inverted = run("clamp", buffer(x), 2, 1).astype(np.float64)
    np.testing.assert_array_equal(inverted, np.where(np.isnan(x.astype(np.float64)), np.nan, 1))


def test_where_takes_any_condition_and_promotes_its_branches() -> None:
    rng = generator()
    condition = sample(rng, DType.FLOAT32, SIZE)
    x, y = sample(rng, DType.INT16, SIZE), sample(rng, DType.UINT16, SIZE)
    for given in (condition, condition > 0, sample(rng, DType.UINT8, SIZE)):
        expected = np.where(given != 0, x, y).astype(np.int32)
        actual = run("where", buffer(given), buffer(x), buffer(y))
        np.testing.assert_array_equal(actual, expected, strict=True)
    mixed = run("where", buffer(condition > 0), 1.5, buffer(x))
    np.testing.assert_array_equal(
        mixed, np.where(condition > 0, np.float32(1.5), x.astype(np.float32)), strict=True
    )


def test_activations_are_exact_in_their_tails() -> None:
    x = np.array(
        [-np.inf, -1e38, -1000, -103, -95, -88.5, -20, -1e-30, 0, 1e-30, 20, 88.5, 1e38, np.inf],
        np.float32,
    )
    for name in ("sigmoid", "silu", "gelu", "softplus"):
        reference, ulps, _ = FLOAT[name]
        with np.errstate(all="ignore"):
            expected = reference(x.astype(np.float64))
        actual = run(name, buffer(x))
        assert np.isfinite(actual[1:-1]).all()
        # Subnormal results have fewer digits, and exp of a subnormal argument loses the last ones.
        normal = np.abs(expected) > 1e-36
        bound = ulps + (EXTRA_ULPS[name](x[normal].astype(np.float64)) if name in EXTRA_ULPS else 0)
        assert_close(actual[normal], expected[normal], DType.FLOAT32, np.asarray(bound), name)
        np.testing.assert_allclose(actual[~normal], expected[~normal], atol=1e-37)
        assert np.isnan(run(name, buffer(np.array([np.nan], np.float32)))).all()


@pytest.mark.parametrize("name", ["div", "exp", "atan2"])
@pytest.mark.parametrize(
    "dtype", [DType.INT32, DType.UINT64, DType.BOOL, DType.INT8], ids=dtype_name
)
def test_functions_of_integers_are_float32(name: str, dtype: DType) -> None:
    arrays = [sample(generator(name, dtype), dtype, 101) for _ in range(DEFINITIONS[name].arity)]
    reference, ulps, _ = FLOAT[name]
    with np.errstate(all="ignore"):
        expected = reference(*(a.astype(np.float32).astype(np.float64) for a in arrays))
    actual = run(name, *map(buffer, arrays))
    assert actual.dtype == np.float32
    assert_close(actual, expected, DType.FLOAT32, ulps, name)


@pytest.mark.parametrize("target", DType, ids=dtype_name)
@pytest.mark.parametrize(
    "dtype", [DType.FLOAT32, DType.INT64, DType.UINT8, DType.BOOL, DType.BFLOAT16], ids=dtype_name
)
def test_cast(dtype: DType, target: DType) -> None:
    a = sample(generator(dtype, target), dtype, SIZE)
    actual = ops.cast(buffer(a), target).to_numpy()
    assert actual.dtype == target.numpy_dtype
    if target is DType.BOOL:
        np.testing.assert_array_equal(actual, a != 0)
    elif target.is_float:
        assert_close(actual, a.astype(np.float64), target, 0.5 if dtype.is_float else 1, "cast")
    elif not dtype.is_float:
        np.testing.assert_array_equal(actual, wrapped(a.astype(object), target))
    else:
        info = np.iinfo(target.numpy_dtype)
        exact = [0 if np.isnan(v) else v for v in np.trunc(a.astype(np.float64))]
        limited = [
            info.min if v < info.min else info.max if v > info.max else int(v) for v in exact
        ]
        np.testing.assert_array_equal(actual, np.array(limited, target.numpy_dtype))


# --- operands ------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 2, 31, 1025, 100_003])
def test_sizes(size: int) -> None:
    a, b = (sample(generator(size), DType.FLOAT32, size) for _ in range(2))
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(run("sub", buffer(a), buffer(b)), a - b, strict=True)


def test_scalars_on_either_side() -> None:
    a = np.array([1, 2, 5], np.float32)
    x = buffer(a)
    np.testing.assert_array_equal(run("sub", x, 1.5), a - np.float32(1.5), strict=True)
    np.testing.assert_array_equal(run("sub", 1.5, x), np.float32(1.5) - a, strict=True)
    np.testing.assert_array_equal(run("sub", 10, x), 10 - a, strict=True)
    np.testing.assert_array_equal(run("pow", x, 2), a * a, strict=True)
    np.testing.assert_array_equal(run("pow", 2.0, x), np.array([2, 4, 32], np.float32), strict=True)
    integers = buffer(np.array([1, 2, 5], np.int32))
    np.testing.assert_array_equal(
        run("pow", integers, 2), np.array([1, 4, 25], np.int32), strict=True
    )
    np.testing.assert_array_equal(
        run("pow", integers, 2.0), np.array([1, 4, 25], np.float32), strict=True
    )
    np.testing.assert_array_equal(
        run("mul", integers, 0.5), np.array([0.5, 1, 2.5], np.float32), strict=True
    )
    np.testing.assert_array_equal(
        run("add", integers, np.int64(1)), np.array([2, 3, 6]), strict=True
    )
    np.testing.assert_array_equal(run("add", x, np.float64(1)), a + 1, strict=True)
    np.testing.assert_array_equal(run("add", x, np.array(1, np.int8)), a + 1, strict=True)
    np.testing.assert_array_equal(run("add", 2, 3), np.array(5, np.int32), strict=True)


def test_scalar_forms() -> None:
    a = np.array([1, 2, 5], np.float32)
    x, out = buffer(a), buffer(np.full(3, np.nan, np.float32))
    assert ops.add_scalar(x, 2, out) is out
    np.testing.assert_array_equal(out.to_numpy(), a + 2)
    np.testing.assert_array_equal(ops.sub_scalar(x, 2).to_numpy(), a - 2)
    np.testing.assert_array_equal(ops.mul_scalar(x, 2).to_numpy(), a * 2)
    np.testing.assert_array_equal(ops.div_scalar(x, 2).to_numpy(), a / 2)
    np.testing.assert_array_equal(ops.rsub_scalar(2, x).to_numpy(), 2 - a)
    np.testing.assert_array_equal(ops.rdiv_scalar(2, x).to_numpy(), np.float32(2) / a)
    with pytest.raises(
        DTypeError, match=r"ops.rsub_scalar: s is a MetalBuffer, not a number\n  hint: use ops.sub"
    ):
        ops.rsub_scalar(x, x)  # type: ignore[arg-type]


def test_arrays_are_uploaded() -> None:
    a = np.arange(12, dtype=np.float32).reshape(3, 4)
    np.testing.assert_array_equal(run("add", a, buffer(a)), a + a, strict=True)
    np.testing.assert_array_equal(run("add", a.T, a.T), (a + a).T, strict=True)
    np.testing.assert_array_equal((a + buffer(a)).to_numpy(), a + a, strict=True)


def test_out_is_third_and_may_be_an_operand() -> None:
    a, b = (sample(generator(), DType.INT32, SIZE) for _ in range(2))
    x, y, out = buffer(a), buffer(b), buffer(np.full(SIZE, -77, np.int32))
    assert ops.add(x, y, out) is out
    np.testing.assert_array_equal(out.to_numpy(), a + b)
    assert ops.mul(x, y, out=x) is x
    np.testing.assert_array_equal(x.to_numpy(), a * b)
    y -= x
    np.testing.assert_array_equal(y.to_numpy(), b - a * b)


def test_out_of_another_dtype_of_the_same_kind() -> None:
    a = np.array([1, 300, -2], np.int32)
    out = buffer(np.zeros(3, np.float16))
    ops.add(buffer(a), 1, out)
    np.testing.assert_array_equal(out.to_numpy(), np.array([2, 301, -1], np.float16))
    narrow = buffer(np.zeros(3, np.int8))
    ops.add(buffer(a), 1, narrow)
    np.testing.assert_array_equal(narrow.to_numpy(), np.array([2, 45, -1], np.int8))


def test_nothing_is_launched_for_no_elements() -> None:
    empty = buffer(np.zeros((0, 3), np.float32))
    assert ops.exp(empty).shape == (0, 3)
    assert ops.add(empty, buffer(np.zeros(3, np.float32))).shape == (0, 3)
    assert ops.eq(empty, 1).dtype is DType.BOOL


def test_operators_and_methods_of_buffers() -> None:
    a, b = np.array([5, -7, 9], np.int32), np.array([2, 2, -4], np.int32)
    x, y = buffer(a), buffer(b)
    for result, expected in [
        (x + y, a + b), (2 - x, 2 - a), (x * y, a * b), (x // y, a // b), (x % y, a % b),
        (x & y, a & b), (x | 1, a | 1), (x ^ y, a ^ b), (~x, ~a), (-x, -a), (abs(x), abs(a)),
        (x << 2, a << 2), (x >> 1, a >> 1), (x == y, a == b), (x < y, a < b), (x**2, a**2),
        (x / y, (a / b).astype(np.float32)),
    ]:  # fmt: skip
        np.testing.assert_array_equal(result.to_numpy(), expected, strict=True)
    f = np.array([0.5, 4.0], np.float32)
    np.testing.assert_allclose(buffer(f).exp().to_numpy(), np.exp(f), rtol=1e-6)
    np.testing.assert_array_equal(buffer(f).sqrt().to_numpy(), np.sqrt(f))
    np.testing.assert_array_equal(buffer(f).astype("int32").to_numpy(), f.astype(np.int32))


# --- faults and errors ---------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", INTEGERS, ids=dtype_name)
@pytest.mark.parametrize("name", ["floordiv", "mod"])
def test_integer_division_by_zero_is_a_fault_and_nothing_dies(name: str, dtype: DType) -> None:
    a = np.full(1000, 7, dtype.numpy_dtype)
    b = np.full(1000, 2, dtype.numpy_dtype)
    b[777] = 0
    with pytest.raises(KernelFault, match=name):
        getattr(ops, name)(buffer(a), buffer(b)).to_numpy()
    assert run("add", buffer(a), buffer(a))[0] == 14


@pytest.mark.parametrize("dtype", [d for d in INTEGERS if d.is_signed], ids=dtype_name)
def test_the_least_integer_over_minus_one_wraps(dtype: DType) -> None:
    least = np.iinfo(dtype.numpy_dtype).min
    a, b = np.full(100, least, dtype.numpy_dtype), np.full(100, -1, dtype.numpy_dtype)
    assert (run("floordiv", buffer(a), buffer(b)) == least).all()
    assert (run("mod", buffer(a), buffer(b)) == 0).all()
    quotient = run("div", buffer(a), 0)
    assert np.isneginf(quotient).all()


X = np.ones((2, 3), np.float32)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: ops.add(X, np.ones((2, 2), np.float32)), ShapeError,
         "ops.add: shapes (2, 3) and (2, 2) do not broadcast\n  hint: sizes along each axis, counted from the last, must be equal or 1"),
        (lambda: ops.add(X, X.astype(np.float64)), DTypeError,
         "ops.add: dtype float64 has no Metal equivalent\n  hint: Metal has no double; convert with array.astype(np.float32)"),
        (lambda: ops.add(X, [1, 2, 3]), DTypeError,
         "ops.add does not take a list\n  hint: pass np.array(values, np.float32), or another dtype that Metal has"),
        (lambda: ops.add(X, 1j), DTypeError,
         "ops.add does not take a complex\n  hint: pass a buffer made with metal_runtime.api, a NumPy array or a number"),
        (lambda: ops.add(X.astype(bool), True), DTypeError,
         "ops.add does not take bool, Python bool\n  hint: use ops.logical_and/or/xor, or ops.cast(array, 'int32') to count with"),
        (lambda: ops.add(X.astype(np.uint8), 300), DTypeError,
         "ops.add: the scalar 300 does not fit into uint8\n  hint: convert the array to a wider dtype first, with ops.cast(array, dtype)"),
        (lambda: ops.mul(X.astype(np.float16), 1e6), DTypeError,
         "ops.mul: the scalar 1000000.0 does not fit into float16\n  hint: write float('inf') where an infinity is meant, or ops.cast the array to float32"),
        (lambda: ops.add(X.astype(np.int64), X.astype(np.uint64)), DTypeError,
         "ops.add: int64 and uint64 have no common dtype: no integer holds both\n  hint: convert one of them with ops.cast(array, dtype)"),
        (lambda: ops.bitwise_and(X, 1), DTypeError,
         "ops.bitwise_and does not take float32, Python int\n  hint: it works on bits: ops.cast to an integer dtype first"),
        (lambda: ops.left_shift(X, 1), DTypeError,
         "ops.left_shift does not take float32, Python int\n  hint: it takes integers: ops.cast to an integer dtype first"),
        (lambda: ops.fma(1, 2, 3), DTypeError,
         "ops.fma does not take Python int, Python int, Python int\n  hint: it is defined for floating-point numbers: ops.cast one first"),
        (lambda: ops.add(X, X, X), DTypeError,
         "ops.add: out= takes a buffer, not a ndarray\n  hint: make one with api.empty(shape, dtype), or leave out= away and use the result"),
        (lambda: ops.add(X, X, buffer(X[0])), ShapeError,
         "ops.add: the result has shape (2, 3), but out= has (3,)\n  hint: give out= the shape (2, 3), or leave it away"),
        (lambda: ops.div(X, X, buffer(X.astype(np.int32))), DTypeError,
         "ops.div: the result is float32, which out= of int32 cannot hold\n  hint: give out= the dtype float32, or convert the result with ops.cast(result, 'int32')"),
        (lambda: ops.cast(X, "float16", buffer(X)), DTypeError,
         "ops.cast: out= has dtype float32, not float16\n  hint: give both the same dtype"),
        (lambda: ops.add(2**70, 1), DTypeError,
         f"ops.add: the Python int {2**70} does not fit into any integer dtype\n  hint: write {float(2**70)!r} to compute in floating point"),
    ],
)  # fmt: skip
def test_error_texts(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error) as raised:
        call()
    assert str(raised.value) == text


def test_closed_buffers() -> None:
    closed, out = buffer(X), buffer(X)
    closed.close()
    with pytest.raises(ClosedBufferError, match="is closed"):
        ops.exp(closed)
    with pytest.raises(ClosedBufferError, match="is closed"):
        ops.exp(out, closed)


def test_one_pipeline_serves_all_shapes_of_a_layout() -> None:
    session = get_session()
    a = np.arange(6, dtype=np.int16)
    run("bitwise_xor", buffer(a), buffer(a))
    before = len(session.programs)
    for size in (1, 17, 4096):
        run("bitwise_xor", buffer(np.resize(a, size)), buffer(np.resize(a, size)))
    assert len(session.programs) == before
