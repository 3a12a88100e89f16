"""Random kernel texts either translate to verified IR with Python's meaning, or raise an IrisError."""

import math
import warnings

import numpy as np
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from metal_runtime import language as metal
from metal_runtime.errors import CompileError
from metal_runtime.frontend.translate import declared_types, translate
from metal_runtime.ir.interpret import interpret
from tests.frontend.both_ways import function_of, run_in_python, translated
from tests.frontend.random_sources import Typed, Wild

SEEDS = st.integers(0, 2**32 - 1)
THREADS = 13


def helper(x, y):
    if x > y:
        return x - y
    return y


def store(target, value):
    target[0] = value


NAMES = {"metal": metal, "math": math, "np": np, "CONST": 3, "TUP": (1, 2.5, True), "helper": helper, "store": store}  # fmt: skip


@given(seed=SEEDS)
@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
def test_typed_kernels_mean_what_python_means(seed: int) -> None:
    text = Typed(seed).text()
    note(text)
    function = function_of(text, metal=metal)
    rng = np.random.default_rng(seed)
    a, b = rng.integers(-99, 99, (2, THREADS)).astype(np.int32)
    n = np.int32(rng.integers(0, 20))
    types = {"out": "device int*", "a": "device const int*", "b": "device const int*", "n": "int"}
    try:
        kernel = translated(function, **types)
    except CompileError as error:
        # The variable of a loop that runs is int in Python, too; nothing else may be wrong.
        raise AssertionError(f"{text}\n{error}") from error
    here, there = (np.full(THREADS, -1, np.int32) for _ in range(2))
    interpret(kernel, (THREADS, 1, 1), {"out": here, "a": a, "b": b, "n": n})
    run_in_python(function, THREADS, out=there, a=a, b=b, n=n)
    np.testing.assert_array_equal(here, there)


@given(seed=SEEDS)
@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
def test_wild_kernels_translate_or_raise_an_error_at_a_place(seed: int) -> None:
    text = Wild(seed).text()
    note(text)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        try:
            function = function_of(text, **NAMES)
        except SyntaxError:
            return
    try:
        types = declared_types(function)
        translate(function, {n: t for n, t in types.items() if t is not None})
    except CompileError as error:
        place = error.span
        if place is None or not place.excerpt():
            raise AssertionError(f"{error} has no place") from error
