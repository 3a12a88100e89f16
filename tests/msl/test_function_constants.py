"""Function constants: who depends on which, their values, and what is wrong with a value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from metal_runtime.dtype import DType
from metal_runtime.errors import MslError
from metal_runtime.msl.function_constants import cpp_value
from metal_runtime.msl.library import Library, read_library
from metal_runtime.msl_types import Vector
from metal_runtime.program import CompileOptions

TEXT = """#include <metal_stdlib>
using namespace metal;
#define FIRST 100
constant int width [[function_constant(FIRST + 0)]];
constant bool has_w[[function_constant(FIRST + 1)]];
constant float scale [[function_constant(7)]];
constant uint4 mask [[function_constant(8)]];
static constant constexpr int rows = 4;
constant int area = width * rows;
constant float factor = is_function_constant_defined(scale) ? scale : 2.5f;
constant bool both = has_w && area > 8;
float helper() { return factor; }
kernel void plain(device float* a) { a[0] = rows; }
kernel void derived(device float* a) { a[0] = area; }
kernel void optional(device float* a) { a[0] = helper(); }
kernel void vector(device uint* a) { a[0] = mask.x; }
kernel void behind(
    device float* a [[buffer(0)]],
    device const float* w [[buffer(1), function_constant(has_w)]],
    constant int& n [[function_constant(both), buffer(2)]],
    device float* c [[function_constant(has_w)]]) { a[0] = 1; }
"""


def library(**constants: Any) -> Library:
    return numbered(constants)


def numbered(constants: dict[Any, Any]) -> Library:
    return read_library(TEXT, "c.metal", CompileOptions(constants=tuple(constants.items())))


def test_which_constants_a_kernel_depends_on() -> None:
    constants = {
        name: [(c.name, c.index, c.required) for c in k.signature.constants]
        for name, k in library().kernels.items()
    }
    assert constants == {
        "plain": [],
        "derived": [("width", 100, True)],
        "optional": [("scale", 7, False)],
        "vector": [("mask", 8, True)],
        "behind": [("width", 100, True), ("has_w", 101, True)],
    }


def test_what_is_missing() -> None:
    missing = {
        n: [c.name for c in k.missing_constants] for n, k in library(width=3).kernels.items()
    }
    assert missing == {
        "plain": [], "derived": [], "optional": [], "vector": ["mask"], "behind": ["has_w"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("constants", "active"),
    [
        ({"has_w": True, "width": 3}, [True, True, True, True]),
        ({"has_w": True, "width": 2}, [True, True, False, True]),
        ({"has_w": False, "width": 9}, [True, False, False, False]),
        ({101: 0}, [True, False, False, False]),
        ({}, [True, True, True, True]),
    ],
)
def test_parameters_behind_a_constant(constants: dict[Any, Any], active: list[bool]) -> None:
    arguments = numbered(constants).kernel("behind").signature.arguments
    assert [(a.name, a.condition) for a in arguments] == [
        ("a", None), ("w", "has_w"), ("n", "both"), ("c", "has_w"),
    ]  # fmt: skip
    assert [a.active for a in arguments] == active


def test_values_that_the_text_computes() -> None:
    table = library(width=np.int32(5), scale=3, has_w=np.True_).constants
    assert (table.value_of("area"), table.value_of("factor")) == (20, 3.0)
    assert table.value_of("both") is True
    assert library(width=5).constants.value_of("factor") == 2.5
    assert library().constants.value_of("area") is None
    assert library(mask=(1, 2, 3, 4)).constants.declared["mask"].value == (1, 2, 3, 4)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("widht", 1, "no function constant with the name `widht`"),
        (3, 1, "no function constant with the index 3"),
        ("width", 1.5, "`width` is of type int, not 1.5"),
        ("width", 2**31, "`width` is of type int"),
        ("width", "3", "`width` is of type int, not '3'"),
        ("has_w", 2, "`has_w` is of type bool, not 2"),
        ("mask", 3, "`mask` is of type uint4, not 3"),
        ("mask", (1, 2, 3), "`mask` is of type uint4"),
        ("mask", (1, 2, 3, -1), "`mask` is of type uint4"),
        ("scale", None, "`scale` is of type float, not None"),
    ],
)
def test_wrong_values(key: Any, value: Any, message: str) -> None:
    with pytest.raises(MslError, match=message) as caught:
        numbered({key: value})
    assert caught.value.hint


@pytest.mark.parametrize(
    ("declarations", "message"),
    [
        ("constant int a [[function_constant(0)]];\nconstant int b [[function_constant(0)]];", "index 0 is given twice, to `a` and `b`"),
        ("constant int a [[function_constant(65536)]];", "an integer from 0 to 65535"),
        ("constant int a [[function_constant(unknown)]];", "an integer from 0 to 65535"),
        ("struct S { int x; };\nconstant S a [[function_constant(0)]];", "cannot have the type `constant S`"),
        ("device int a [[function_constant(0)]];", "must be declared `constant`"),
    ],
)  # fmt: skip
def test_wrong_declarations(declarations: str, message: str) -> None:
    with pytest.raises(MslError, match=message) as caught:
        read_library(
            f"{declarations}\nkernel void k(device int* x) {{}}", "w.metal", CompileOptions()
        )
    assert caught.value.span is not None
    assert caught.value.span.file == "w.metal"


def test_cpp_spelling() -> None:
    assert cpp_value(DType.BOOL, True) == "true"
    assert cpp_value(DType.BOOL, None) == "false"
    assert cpp_value(DType.INT32, -3) == "int(-3)"
    assert cpp_value(DType.UINT32, 2**32 - 1) == "uint(4294967295u)"
    assert cpp_value(DType.INT64, 2**40) == "long(1099511627776ul)"
    assert cpp_value(DType.FLOAT32, 0.1) == "float(0.1f)"
    assert cpp_value(DType.FLOAT32, 1e20) == "float(1e+20f)"
    assert cpp_value(DType.FLOAT16, float("-inf")) == "half(-INFINITY)"
    assert cpp_value(Vector(DType.UINT32, 2), (1, 2)) == "uint2(uint(1), uint(2))"
    assert cpp_value(Vector(DType.FLOAT32, 2), None) == "float2(float(0.0f), float(0.0f))"
