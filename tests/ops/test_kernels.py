"""The MSL that operators become: golden texts that a person could have written, and the names of kernels."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from metal_runtime.dtype import DType
from metal_runtime.ops.compiled import kernel_program
from metal_runtime.ops.definitions import DEFINITIONS
from metal_runtime.ops.indexing_kernels import gather_program, scatter_program
from metal_runtime.ops.kernels import Operand, elementwise_kernel
from metal_runtime.ops.layout import Shape, broadcast
from metal_runtime.ops.reduction_kernels import MAX, SUM, column_program, line_program

F32, F16, I32, BOOL = DType.FLOAT32, DType.FLOAT16, DType.INT32, DType.BOOL
LINE = (7,)


def msl(name: str, *operands: tuple[DType, Shape | None], out: DType | None = None) -> str:
    """The text for operands of a dtype and shape; a shape of None is a scalar."""
    definition = DEFINITIONS[name]
    types = definition.rule(name, [dtype for dtype, _ in operands])
    plan = broadcast(name, tuple(shape for _, shape in operands if shape is not None))
    stored = [
        Operand(given, True) if shape is not None else Operand(computed, False)
        for (given, shape), computed in zip(operands, types.operands, strict=True)
    ]
    return kernel_program(
        elementwise_kernel(name, definition.build, stored, types, out or types.result, plan.layout)
    ).source


CASES: dict[str, Callable[[], str]] = {
    "add_float32": lambda: msl("add", (F32, LINE), (F32, LINE)),
    "sub_scalar_float32": lambda: msl("sub", (F32, None), (F32, LINE)),
    "mul_int32_float16": lambda: msl("mul", (I32, LINE), (F16, LINE)),
    "clamp_float32": lambda: msl("clamp", (F32, LINE), (F32, None), (F32, None)),
    "sigmoid_float16": lambda: msl("sigmoid", (F16, LINE)),
    "where_bool_float32_scalar": lambda: msl("where", (BOOL, LINE), (F32, LINE), (F32, None)),
    "logical_and_float32_int32": lambda: msl("logical_and", (F32, LINE), (I32, LINE)),
    "cast_float32_to_int32": lambda: msl("cast", (F32, LINE), out=I32),
    "floordiv_int32": lambda: msl("floordiv", (I32, LINE), (I32, LINE)),
    "add_float32_2d_column_row": lambda: msl("add", (F32, (5, 1)), (F32, (1, 6))),
    "add_float32_4d_row_column": lambda: msl("add", (F32, (3, 1, 5, 6)), (F32, (1, 4, 5, 1))),
    "sum_float32": lambda: line_program(SUM, F32, F32).source,
    "max_columns_float16": lambda: column_program(MAX, F16, F16).source,
    "gather_rows_float32": lambda: gather_program(F32, False).source,
    "scatter_float32": lambda: scatter_program(F32, True).source,
}


@pytest.mark.parametrize("name", CASES)
def test_msl(name: str, golden: Callable[[str, str], None]) -> None:
    golden(f"msl/ops/{name}.metal", CASES[name]())


def test_kernels_are_named_after_operator_and_dtypes() -> None:
    assert "kernel void add_float32(" in msl("add", (F32, LINE), (F32, LINE))
    assert "kernel void add_float32_int32(" in msl("add", (F32, LINE), (I32, LINE))
    assert "kernel void add_float32_scalar(" in msl("add", (F32, LINE), (F32, None))
    assert "kernel void add_scalar_scalar_int32(" in msl("add", (I32, None), (I32, None))
    assert "kernel void add_int32_to_float16(" in msl("add", (I32, LINE), (I32, LINE), out=F16)


def test_every_kernel_has_at_most_metals_31_arguments() -> None:
    shapes = ((2, 1) * 4, (1, 2) * 4)
    text = msl("add", (F32, shapes[0]), (F32, shapes[1]))
    assert "buffer(23)" in text
    three = ((2, 1, 2, 1, 2, 1, 2), (1, 2, 1, 2, 1, 2, 1), (2, 2, 2, 2, 2, 2, 2))
    text = msl("fma", *((F32, shape) for shape in three))
    assert "buffer(27)" in text
    assert "buffer(31)" not in text
