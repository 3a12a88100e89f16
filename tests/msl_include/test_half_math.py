"""Math functions of half and bfloat on all 65,536 values: at most 1 ulp, as the specification has it for half."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from benchmarks.math_accuracy import BINARY, UNARY, Library, MathFunction, loops, ulp_errors

FORMATS = {  # NumPy type, bits of mantissa, least normal exponent
    "half": (np.float16, 11, -14),
    "bfloat": (ml_dtypes.bfloat16, 8, -126),
}
EXACT = {"ceil", "fabs", "floor", "rint", "round", "trunc", "fract", "sqrt"}
"""Those are correctly rounded."""


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    source = loops((*UNARY, *BINARY), "half") + loops((*UNARY, *BINARY), "bfloat")
    return Library(source, tmp_path_factory.mktemp("half"))


@pytest.mark.parametrize("type_name", FORMATS)
@pytest.mark.parametrize("function", UNARY, ids=lambda f: f.name)
def test_every_value(function: MathFunction, type_name: str, library: Library) -> None:
    dtype, digits, least = FORMATS[type_name]
    x = np.arange(2**16, dtype=np.uint16).view(dtype)
    got = library.apply(f"{function.name}_{type_name}", x)
    with np.errstate(all="ignore"):
        exact = function.reference(x.astype(np.float32).astype(np.longdouble))
        if (
            function.name == "fract"
        ):  # clamped to the largest value below 1, which is another one here
            floats = x.astype(np.float32).astype(np.longdouble)
            below_one = 1 - np.longdouble(2) ** -digits
            exact = np.where(np.isinf(floats), 0, np.minimum(floats - np.floor(floats), below_one))
        errors = ulp_errors(got.astype(np.float32), exact, digits, least)
    bound = 0.5 if function.name in EXACT else 1
    assert errors.max() <= bound, (x[errors.argmax()], got[errors.argmax()])


@pytest.mark.parametrize("type_name", FORMATS)
@pytest.mark.parametrize("function", BINARY, ids=lambda f: f.name)
def test_pairs(function: MathFunction, type_name: str, library: Library) -> None:
    dtype, digits, least = FORMATS[type_name]
    rng = np.random.default_rng()
    patterns = rng.integers(0, 2**16, (2, 50_000), dtype=np.uint16).view(dtype)
    near = np.exp(rng.standard_normal((2, 50_000))).astype(dtype)
    x, y = np.concatenate([patterns, near], axis=1)
    x, y = x.copy(), y.copy()
    got = library.apply(f"{function.name}_{type_name}", x, y)
    with np.errstate(all="ignore"):
        exact = function.reference(*(v.astype(np.float32).astype(np.longdouble) for v in (x, y)))
        errors = ulp_errors(got.astype(np.float32), exact, digits, least)
    bound = function.bound if function.bound <= 0.5 else 1
    assert errors.max() <= bound, (x[errors.argmax()], y[errors.argmax()], got[errors.argmax()])
