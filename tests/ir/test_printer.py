"""The text form of the IR: golden for whole kernels, and unambiguous for single nodes."""

from __future__ import annotations

import pytest

from metal_runtime.dtype import DType
from metal_runtime.ir.nodes import Call, Cast, Constant, Construct, Evaluate, Read, Select
from metal_runtime.ir.printer import print_kernel, print_node
from metal_runtime.msl_types import VOID
from tests.hand_made_kernels import ALL, BOOL, FLOAT, FLOAT4, INT, UINT, ap, f, i, u


@pytest.mark.parametrize("name", ALL)
def test_golden(name, golden):
    golden(f"ir/{name}.ir", print_kernel(ALL[name]()))


@pytest.mark.parametrize(
    ("node", "text"),
    [
        (f(0.5), "0.5f"),
        (f(-0.0), "-0.0f"),
        (f(float("inf")), "inff"),
        (u(3), "3u"),
        (i(-3), "-3"),
        (Constant(3, DType.INT64), "long(3)"),
        (Constant(1.5, DType.BFLOAT16), "bfloat(1.5)"),
        (Constant(True, BOOL), "true"),
        (ap("add", ap("mul", f(2), Read("x", FLOAT)), f(1)), "(2.0f * x) + 1.0f"),
        (ap("neg", ap("neg", Read("x", FLOAT))), "-(-x)"),
        (ap("sub", i(1), i(-2)), "1 - (-2)"),
        (ap("fma", f(1), f(2), f(3)), "fma(1.0f, 2.0f, 3.0f)"),
        (Cast(Read("v", FLOAT4), FLOAT4), "cast<float4>(v)"),
        (Construct((f(0),), FLOAT4), "float4(0.0f)"),
        (Select(Read("b", BOOL), i(1), ap("add", i(1), i(2)), INT), "1 if b else (1 + 2)"),
        (Evaluate(Call("f", (u(1),), VOID)), "f(1u)"),
        (ap("mod", u(5), Read("n", UINT)), "5u mod n"),
    ],
    ids=lambda x: x if isinstance(x, str) else "",
)
def test_nodes(node, text):
    assert print_node(node) == text
