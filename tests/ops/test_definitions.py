"""Every row of the table, on every dtype that it takes: the IR means what the reference says, and is valid."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

from metal_runtime import api, ops
from metal_runtime.dtype import DType
from metal_runtime.errors import DTypeError
from metal_runtime.ops.definitions import DEFINITIONS
from metal_runtime.ops.promotion import dtype_name
from metal_runtime.runtime.sessions import get_session
from tests.graph.interpreted import interpreted as interpreted_buffer
from tests.ops.data import Array, assert_close, sample
from tests.ops.references import EXTRA_ULPS, FLOAT, INTEGER, TESTS, wrapped


def interpreted(name: str, arrays: list[Array]) -> Array:
    buffers = [api.asarray(array) for array in arrays]
    return interpreted_buffer(get_session().graph.elementwise(name, buffers))


def taken(name: str, dtype: DType) -> bool:
    definition = DEFINITIONS[name]
    try:
        definition.rule(name, [dtype] * definition.arity)
    except DTypeError:
        return False
    return True


ROWS = [(name, dtype) for name in DEFINITIONS for dtype in DType if taken(name, dtype)]


@pytest.mark.parametrize(
    ("name", "dtype"), ROWS, ids=lambda v: v if isinstance(v, str) else dtype_name(v)
)
def test_the_ir_means_what_the_reference_says(name: str, dtype: DType) -> None:
    rng = np.random.default_rng(
        [*np.random.SeedSequence().generate_state(2), zlib.crc32(name.encode())]
    )
    arrays = [sample(rng, dtype, 97) for _ in range(DEFINITIONS[name].arity)]
    if name in ("floordiv", "mod") and dtype.is_integer:
        arrays[1][arrays[1] == 0] = 5
    actual = interpreted(name, arrays)
    with np.errstate(all="ignore"):
        if name in TESTS:
            np.testing.assert_array_equal(actual, TESTS[name](*arrays), strict=True)
        elif dtype.is_integer and name in INTEGER:
            np.testing.assert_array_equal(
                actual, wrapped(INTEGER[name](*arrays), dtype), strict=True
            )
        elif name in FLOAT and DType.from_numpy(actual.dtype).is_float:
            check_floats(name, arrays, actual)
        else:
            assert name in OWN_TESTS or dtype is DType.BOOL, f"{name} of {dtype} is checked nowhere"


OWN_TESTS = {
    "cast",
    "where",
    "clamp",
    "fma",
    "left_shift",
    "right_shift",
    "floordiv",
    "mod",
    "logaddexp",
    "nextafter",
}
"""Operators whose values tests/ops/test_elementwise.py and test_standard_operators.py check in their own way."""


def check_floats(name: str, arrays: list[Array], actual: Array) -> None:
    result = DType.from_numpy(actual.dtype)
    widened = [a.astype(result.numpy_dtype).astype(np.float64) for a in arrays]
    reference, ulps, half_ulps = FLOAT[name]
    bound = np.asarray(ulps if result is DType.FLOAT32 else half_ulps)
    if name in EXTRA_ULPS and result is DType.FLOAT32:
        bound = bound + np.nan_to_num(EXTRA_ULPS[name](widened[0]))
    assert_close(actual, reference(*widened), result, bound, name)


def test_every_row_is_a_function_of_the_package() -> None:
    for name, definition in DEFINITIONS.items():
        function = getattr(ops, name)
        assert name in ops.__all__
        assert callable(function)
        assert function.__name__ == name
        if name != "cast":
            assert definition.summary[1:] in function.__doc__
    assert set(ops.__all__) >= {
        "add_scalar", "sub_scalar", "mul_scalar", "div_scalar", "rsub_scalar", "rdiv_scalar",
    }  # fmt: skip
    for name in ops.__all__:
        assert hasattr(ops, name)
