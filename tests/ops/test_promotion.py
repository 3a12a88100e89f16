"""The promotion table: against NumPy's, against its own documentation, and for scalars."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metal_runtime.dtype import DType
from metal_runtime.errors import DTypeError
from metal_runtime.ops.promotion import (
    OperandType,
    Weak,
    can_store,
    dtype_name,
    promote,
    promote_pair,
    weak_type,
)

DOCUMENT = Path(__file__).parents[2] / "docs" / "promotion.md"
SHORT = {
    DType.BOOL: "bool", DType.INT8: "i8", DType.UINT8: "u8", DType.INT16: "i16",
    DType.UINT16: "u16", DType.INT32: "i32", DType.UINT32: "u32", DType.INT64: "i64",
    DType.UINT64: "u64", DType.FLOAT16: "f16", DType.BFLOAT16: "bf16", DType.FLOAT32: "f32",
}  # fmt: skip
NUMPY_DTYPES = [d for d in DType if d is not DType.BFLOAT16]


def cell(a: DType, b: DType) -> str:
    try:
        return SHORT[promote_pair(a, b)]
    except DTypeError:
        return "error"


def table() -> str:
    lines = ["| | " + " | ".join(SHORT.values()) + " |", "|---" * (len(SHORT) + 1) + "|"]
    lines += [f"| **{SHORT[a]}** | " + " | ".join(cell(a, b) for b in SHORT) + " |" for a in SHORT]
    return "\n".join(lines)


def test_the_document_holds_the_table() -> None:
    assert table() in DOCUMENT.read_text(), "docs/promotion.md must hold this table:\n" + table()


@pytest.mark.parametrize("a", NUMPY_DTYPES, ids=dtype_name)
@pytest.mark.parametrize("b", NUMPY_DTYPES, ids=dtype_name)
def test_arrays_promote_as_in_numpy_less_float64(a: DType, b: DType) -> None:
    expected = np.promote_types(a.numpy_dtype, b.numpy_dtype)
    if expected == np.float64:
        if DType.UINT64 in (a, b) and not (a.is_float or b.is_float):
            with pytest.raises(DTypeError, match="no common dtype"):
                promote_pair(a, b)
            return
        expected = np.dtype(np.float32)
    assert promote_pair(a, b).numpy_dtype == expected


@pytest.mark.parametrize("other", DType, ids=dtype_name)
def test_bfloat_keeps_what_fits_into_it(other: DType) -> None:
    stays = other.bits == 8 or other is DType.BFLOAT16
    expected = DType.BFLOAT16 if stays else DType.FLOAT32
    assert promote_pair(DType.BFLOAT16, other) is promote_pair(other, DType.BFLOAT16) is expected


operand_types = st.sampled_from([*DType, *Weak])


@given(st.lists(operand_types, min_size=1, max_size=4))
def test_order_does_not_matter(operands: list[OperandType]) -> None:
    def outcome(order: tuple[OperandType, ...]) -> DType | None:
        try:
            return promote(order)
        except DTypeError:
            return None

    assert len({outcome(order) for order in itertools.permutations(operands)}) == 1


@given(st.sampled_from(NUMPY_DTYPES), st.sampled_from([True, 3, 2.5]))
def test_python_scalars_promote_as_in_numpy(dtype: DType, scalar: bool | int | float) -> None:
    expected = np.result_type(np.zeros(1, dtype.numpy_dtype), scalar)
    if expected == np.float64:
        expected = np.dtype(np.float32)
    elif dtype is DType.BOOL and type(scalar) is int:
        expected = np.dtype(np.int32)  # an int alone is MSL's int
    assert promote([dtype, weak_type(scalar)]).numpy_dtype == expected


def test_scalars_alone() -> None:
    assert promote([weak_type(1), weak_type(True)]) is DType.INT32
    assert promote([weak_type(1), weak_type(2.0)]) is DType.FLOAT32
    assert promote([weak_type(1), weak_type(2**40)]) is DType.INT64
    assert promote([DType.BOOL, weak_type(2**40)]) is DType.INT64
    assert promote([weak_type(2**63)]) is DType.UINT64
    with pytest.raises(DTypeError, match="does not fit into any integer dtype"):
        weak_type(2**64)
    with pytest.raises(DTypeError, match="no common dtype"):
        promote([weak_type(2**63), weak_type(-(2**40))])


@pytest.mark.parametrize("value", NUMPY_DTYPES, ids=dtype_name)
@pytest.mark.parametrize("out", NUMPY_DTYPES, ids=dtype_name)
def test_out_takes_what_numpy_calls_the_same_kind(value: DType, out: DType) -> None:
    expected = np.can_cast(value.numpy_dtype, out.numpy_dtype, "same_kind")
    assert can_store(value, out) == expected
