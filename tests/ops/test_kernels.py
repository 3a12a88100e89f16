"""The MSL that operators become: golden texts that a person could have written, and the names of kernels."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from metal_runtime import MetalBuffer, api, ops
from metal_runtime.dtype import DType
from metal_runtime.ops.indexing_kernels import gather_program, scatter_program

F32 = DType.FLOAT32


def array(dtype: str, *shape: int) -> MetalBuffer:
    return api.empty(shape or (7,), dtype)


def msl(result: MetalBuffer) -> str:
    """The text of the kernels that will compute a pending result."""
    return "\n".join(kernel.msl for kernel in api.explain(result).kernels)


def in_32_bits(dtype: str) -> MetalBuffer:
    return array(dtype, 5, 6)


CASES: dict[str, Callable[[], str]] = {
    "add_float32": lambda: msl(ops.add(array("float32"), array("float32"))),
    "sub_scalar_float32": lambda: msl(1.5 - array("float32")),
    "mul_int32_float16": lambda: msl(array("int32") * array("float16")),
    "clamp_float32": lambda: msl(ops.clamp(array("float32"), 0, 1)),
    "sigmoid_float16": lambda: msl(array("float16").sigmoid()),
    "where_bool_float32_scalar": lambda: msl(ops.where(array("bool"), array("float32"), 0.5)),
    "logical_and_float32_int32": lambda: msl(ops.logical_and(array("float32"), array("int32"))),
    "cast_float32_to_int32": lambda: msl(ops.cast(array("float32"), "int32")),
    "floordiv_int32": lambda: msl(array("int32") // array("int32")),
    "add_float32_2d_column_row": lambda: msl(array("float32", 5, 1) + array("float32", 1, 6)),
    "add_float32_4d_row_column": lambda: msl(
        array("float32", 3, 1, 5, 6) + array("float32", 1, 4, 5, 1)
    ),
    "transposed_flipped_add": lambda: msl(array("float32", 5, 6).T + array("float32", 6, 5)[:, ::-1]),
    "relu_of_sum": lambda: msl(((array("float32") + array("float32")) * 2).relu()),
    "shared_exp": lambda: msl((e := array("float32").exp()) + e * e),
    "sum_float32": lambda: msl(array("float32", 70, 999).sum(1)),
    "sum_all_float32": lambda: msl(array("float32", 100_000).sum()),
    "max_columns_float16": lambda: msl(array("float16", 5, 600).max(0)),
    "argmin_rows_int32": lambda: msl(array("int32", 70, 600).argmin(1)),
    "softmax_float32": lambda: msl(ops.softmax(array("float32", 70, 1000))),
    "layer_norm_float16": lambda: msl(ops.layer_norm(array("float16", 70, 1000), array("float16", 1000))),
    "gather_rows_float32": lambda: gather_program(F32, False).source,
    "scatter_float32": lambda: scatter_program(F32, True).source,
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_msl(name: str, golden: Callable[[str, str], None]) -> None:
    golden(f"msl/ops/{name}.metal", CASES[name]())


def test_kernels_are_named_after_operators_and_dtypes() -> None:
    assert "kernel void add_float32(" in msl(array("float32") + array("float32"))
    assert "kernel void add_float32(" in msl(array("float32") + array("int32"))
    assert "kernel void sum_int64(" in msl(array("int32", 3, 9).sum(1))
    assert "kernel void fused_add_mul(" in msl((array("float32") + 1) * 2)


def test_every_kernel_has_at_most_metals_31_arguments() -> None:
    shapes = ((2, 1) * 4, (1, 2) * 4)
    assert "buffer(31)" not in msl(array("float32", *shapes[0]) + array("float32", *shapes[1]))
    three = ((2, 1, 2, 1, 2, 1, 2), (1, 2, 1, 2, 1, 2, 1), (2, 2, 2, 2, 2, 2, 2))
    assert "buffer(31)" not in msl(ops.fma(*(array("float32", *shape) for shape in three)))
    total = array("float32")
    for _ in range(60):
        total = total + array("float32")
    assert "buffer(31)" not in msl(total)
