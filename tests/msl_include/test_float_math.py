"""The math functions of float: errors within the specification's bounds over the whole range."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from benchmarks.math_accuracy import (
    BINARY,
    FUNCTIONS,
    UNARY,
    Library,
    MathFunction,
    accuracy,
    loops,
    sample_pairs,
    samples,
    ulp_errors,
)
from metal_runtime.program import CompileOptions, MathMode

COUNT = 80_000
# Their zeros have a convention of C's Annex F that the references do not follow.
ZERO_BY_CONVENTION = {"sinpi", "cospi", "tanpi", "round", "fmin", "fmax", "fdim"}


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return Library(loops(FUNCTIONS), tmp_path_factory.mktemp("math"))


@pytest.fixture(scope="session")
def fast_library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    options = CompileOptions(math_mode=MathMode.FAST)
    return Library(loops(FUNCTIONS), tmp_path_factory.mktemp("fast"), options)


@pytest.fixture(scope="session")
def seed() -> int:
    return int(np.random.SeedSequence().entropy % 2**32)  # type: ignore[operator]


@pytest.fixture(scope="session")
def inputs(seed: int) -> dict[int, list[np.ndarray]]:
    return {1: [samples(COUNT, seed)], 2: list(sample_pairs(COUNT, seed))}


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.name)
def test_error_bound(function: MathFunction, library: Library, inputs, seed: int) -> None:
    found = accuracy(library, function, inputs[function.arity])
    assert found.ulp <= function.bound, (found, seed)
    if function.name not in ZERO_BY_CONVENTION:
        assert found.signs_wrong == 0, (function.name, seed)


FAST_RANGE = {  # where the specification's fast forms promise something, and how much in ulp or absolutely
    "exp": (-80, 80, 3 + 2 * 80, 0), "exp2": (-120, 120, 3 + 2 * 120, 0), "exp10": (-36, 36, 256, 0),
    "sin": (-3.1415, 3.1415, 0, 2**-13), "cos": (-3.1415, 3.1415, 0, 2**-13),
    "log": (2.0, 1e30, 3, 0), "log2": (2.0, 1e30, 3, 0), "log10": (2.0, 1e30, 3, 0),
    "tan": (-1.5, 1.5, 64, 0), "tanh": (-20, 20, 8, 0), "atan": (-1e6, 1e6, 5, 0),
    "asin": (-1, 1, 5, 0), "acos": (-1, 1, 5, 0), "rsqrt": (1e-30, 1e30, 2, 0), "sqrt": (1e-30, 1e30, 2, 0),
    "sinh": (-80, 80, 8, 0), "cosh": (-80, 80, 8, 0), "floor": (-1e9, 1e9, 0, 0), "rint": (-1e9, 1e9, 0, 0),
    "asinh": (-1e6, 1e6, 8, 0), "acosh": (1, 1e6, 8, 0), "atanh": (-0.999, 0.999, 8, 0),
}  # fmt: skip


@pytest.mark.parametrize(
    "function", [f for f in UNARY if f.name in FAST_RANGE], ids=lambda f: f.name
)
def test_fast_math_keeps_finite_results(
    function: MathFunction, fast_library: Library, seed: int
) -> None:
    low, high, ulps, absolute = FAST_RANGE[function.name]
    x = np.random.default_rng(seed).uniform(low, high, COUNT).astype(np.float32)
    got = fast_library.apply(f"{function.name}_float", x)
    exact = function.reference(x.astype(np.longdouble))
    wrong = (ulp_errors(got, exact) > ulps) & (np.abs(got - exact) > absolute)
    assert not wrong.any(), (x[wrong][:3], got[wrong][:3], seed)


def test_fast_pow(fast_library: Library, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.uniform(0.1, 10, COUNT).astype(np.float32)
    y = rng.uniform(-8, 8, COUNT).astype(np.float32)
    got = fast_library.apply("pow_float", x, y)
    assert np.allclose(got, np.power(x.astype(float), y), rtol=1e-5)


HIGH_PRECISION = {
    "exp": mpmath.exp, "log": mpmath.log, "sin": mpmath.sin, "cos": mpmath.cos, "tan": mpmath.tan,
    "tanh": mpmath.tanh, "asin": mpmath.asin, "atan": mpmath.atan, "sinh": mpmath.sinh, "asinh": mpmath.asinh,
    "exp2": lambda x: mpmath.power(2, x), "log2": lambda x: mpmath.log(x, 2), "rsqrt": lambda x: 1 / mpmath.sqrt(x),
}  # fmt: skip


@pytest.mark.parametrize("name", HIGH_PRECISION)
def test_against_mpmath(name: str, library: Library, seed: int) -> None:
    """An independent reference, with angles up to 2^127: the long double of NumPy is none of iris' making either,
    but its argument reduction is not ours to trust."""
    (function,) = (f for f in UNARY if f.name == name)
    rng = np.random.default_rng(seed)
    x = np.concatenate(
        [rng.uniform(-1, 1, 300), rng.uniform(0, 1, 200) * 2.0 ** rng.integers(-126, 127, 200)]
    )
    x = x.astype(np.float32)
    if name in ("log", "log2", "rsqrt"):
        x = np.abs(x)
    if name == "asin":
        x = np.clip(x, -1, 1)
    if name in ("exp", "exp2", "sinh"):
        x = np.clip(x, -80, 80)
    got = library.apply(f"{name}_float", x)
    with mpmath.workdps(60):
        exact = [HIGH_PRECISION[name](mpmath.mpf(float(v))) for v in x]
        exact = np.array([np.longdouble(mpmath.nstr(v, 25)) for v in exact])
    errors = ulp_errors(got, exact)
    assert errors.max() <= function.bound, (x[errors.argmax()], got[errors.argmax()], seed)


SPECIAL = [
    ("exp", (-np.inf,), 0), ("exp", (np.inf,), np.inf), ("exp", (0,), 1), ("exp", (89,), np.inf),
    ("exp", (-104,), 0), ("log", (0,), -np.inf), ("log", (-1,), np.nan), ("log", (1,), 0),
    ("log", (np.inf,), np.inf), ("log2", (8,), 3), ("exp2", (10,), 1024), ("exp2", (-149,), 1e-45),
    ("exp10", (0,), 1), ("pow", (0, 0), 1), ("pow", (np.nan, 0), 1), ("pow", (1, np.nan), 1),
    ("pow", (-1, np.inf), 1), ("pow", (-2, 3), -8), ("pow", (-2, 0.5), np.nan), ("pow", (0, -1), np.inf),
    ("pow", (-0.0, -3), -np.inf), ("pow", (-0.0, -2), np.inf), ("pow", (-np.inf, 3), -np.inf),
    ("pow", (-np.inf, 0.5), np.inf), ("pow", (2, -150), 0), ("pow", (2, 128), np.inf),
    ("pow", (0.5, -np.inf), np.inf), ("pow", (0.5, np.inf), 0), ("pow", (-8, 16777216), np.inf),
    ("atan2", (0, -0.0), np.float32(np.pi)), ("atan2", (-0.0, 0), -0.0),
    ("atan2", (np.inf, np.inf), np.float32(np.pi / 4)), ("atan2", (1, 0), np.float32(np.pi / 2)),
    ("sqrt", (-0.0,), -0.0), ("rsqrt", (0,), np.inf), ("rsqrt", (np.inf,), 0), ("tanh", (np.inf,), 1),
    ("sin", (np.inf,), np.nan), ("sin", (-0.0,), -0.0), ("acosh", (1,), 0), ("atanh", (1,), np.inf),
    ("atanh", (2,), np.nan), ("fmod", (5.5, np.inf), 5.5), ("fmod", (1, 0), np.nan), ("fmod", (-6, 3), -0.0),
    ("fmod", (3.4028235e38, 1e-45), 0), ("fract", (-1e-9,), np.float32(1 - 2**-24)), ("fract", (np.inf,), 0),
    ("round", (0.49999997,), 0), ("round", (-2.5,), -3), ("rint", (2.5,), 2), ("cospi", (0.5,), 0),
    ("sinpi", (1e30,), 0), ("fmin", (np.nan, 2), 2), ("fmax", (2, np.nan), 2),
    ("cosh", (89.4,), np.cosh(float(np.float32(89.4)))),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "arguments", "value"), SPECIAL, ids=lambda v: f"{v}".replace(" ", "")
)
def test_special_values(
    name: str, arguments: tuple[float, ...], value: float, library: Library
) -> None:
    # 33 copies: the vector loop and its scalar rest both see the value.
    got = library.apply(f"{name}_float", *(np.full(33, a, np.float32) for a in arguments))
    expected = np.float32(value)
    np.testing.assert_array_max_ulp(got, np.full(33, expected), maxulp=1)
    if np.isnan(expected) or np.isinf(expected) or expected == np.rint(expected):
        np.testing.assert_array_equal(got, expected)
    if expected == 0:
        assert (np.signbit(got) == np.signbit(expected)).all()


def test_the_error_measure() -> None:
    one = np.float32(1)
    assert ulp_errors(np.nextafter(one, np.float32(2)), np.longdouble(1)) == 1
    assert ulp_errors(np.nextafter(one, np.float32(0)), np.longdouble(1)) == 0.5
    assert ulp_errors(np.float32(1e-45), np.longdouble(0)) == 1
    assert ulp_errors(np.float32(np.inf), np.longdouble(2) ** 128) == 0
    assert ulp_errors(np.float32(3.4028235e38), np.longdouble(2) ** 128) == 1
    assert ulp_errors(np.float32(np.inf), np.longdouble(1e38)) > 1e6
    assert np.isinf(ulp_errors(np.float32(0), np.longdouble(np.nan)))
    assert np.isinf(ulp_errors(np.float32(np.nan), np.longdouble(1)))
    assert np.isinf(ulp_errors(np.float32(-np.inf), np.longdouble(np.inf)))


@pytest.mark.parametrize("function", BINARY, ids=lambda f: f.name)
def test_empty_arrays(function: MathFunction, library: Library) -> None:
    empty = np.zeros(0, np.float32)
    assert library.apply(f"{function.name}_float", *[empty] * function.arity).shape == (0,)
