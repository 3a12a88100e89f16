"""Constant folding: what becomes what, and what must stay."""

from __future__ import annotations

import pytest

from metal_runtime.dtype import DType
from metal_runtime.ir.nodes import (
    Assign,
    Cast,
    Constant,
    Construct,
    Declare,
    For,
    If,
    Kernel,
    Load,
    Param,
    Read,
    Select,
    Swizzle,
    While,
)
from metal_runtime.ir.printer import print_node
from metal_runtime.ir.verify import verify
from metal_runtime.passes.fold_constants import fold_constants
from tests.hand_made_kernels import BOOL, FLOAT, FLOAT4, INT, UINT, ap, device, f, i, u

A, X, P, V = Read("a", INT), Read("x", FLOAT), Read("p", BOOL), Read("v", FLOAT4)
PARAMS = (*(Param(r.name, r.type) for r in (A, X, P, V)), Param("out", device(INT)))
LOAD = Load("out", i(0), INT)
YES, NO = Constant(True, BOOL), Constant(False, BOOL)
NAN = Constant(float("nan"), FLOAT)


def folded(value):
    kernel = Kernel("k", PARAMS, (Declare("z", value.type, value),))
    verify(kernel)
    result = fold_constants(kernel)
    verify(result)
    return print_node(result.body[0].value)


CASES = [
    (ap("add", i(2), i(3)), "5"),
    (ap("mul", i(2**31 - 1), i(2)), "-2"),
    (ap("div", i(-7), i(2)), "-3"),
    (ap("floordiv", i(-7), i(2)), "-4"),
    (ap("div", i(7), i(0)), "7 / 0"),
    (ap("div", f(1), f(0)), "inff"),
    (ap("lt", i(2), i(3)), "true"),
    (ap("exp", f(1)), "exp(1.0f)"),
    (ap("add", ap("add", i(1), i(1)), A), "2 + a"),
    (ap("add", A, i(0)), "a"),
    (ap("add", i(0), A), "a"),
    (ap("sub", i(0), A), "0 - a"),
    (ap("mul", A, i(1)), "a"),
    (ap("mul", A, i(0)), "0"),
    (ap("mul", LOAD, i(0)), "out[0] * 0"),
    (ap("bit_and", A, i(-1)), "a"),
    (ap("shl", A, i(0)), "a"),
    (ap("floordiv", A, i(16)), "a >> 4"),
    (ap("mod", A, i(16)), "a & 15"),
    (ap("div", A, i(16)), "a / 16"),
    (ap("floordiv", A, i(-16)), "a // (-16)"),
    (ap("mod", A, i(12)), "a mod 12"),
    (ap("mod", X, f(2)), "x mod 2.0f"),
    (ap("add", X, f(0.0)), "x + 0.0f"),
    (ap("add", X, f(-0.0)), "x"),
    (ap("sub", X, f(0.0)), "x"),
    (ap("sub", X, f(-0.0)), "x - (-0.0f)"),
    (ap("mul", X, f(1)), "x"),
    (ap("mul", X, f(0)), "x * 0.0f"),
    (ap("div", X, f(1)), "x"),
    (ap("mul", V, Construct((f(1),), FLOAT4)), "v"),
    (ap("neg", ap("neg", X)), "x"),
    (ap("logical_not", ap("logical_not", P)), "p"),
    (ap("logical_not", ap("lt", A, i(3))), "a >= 3"),
    (ap("logical_not", ap("lt", X, f(3))), "not (x < 3.0f)"),
    (ap("logical_not", ap("eq", X, f(3))), "x != 3.0f"),
    (ap("logical_and", YES, P), "p"),
    (ap("logical_and", NO, ap("eq", LOAD, i(1))), "false"),
    (ap("logical_and", ap("eq", LOAD, i(1)), NO), "(out[0] == 1) and false"),
    (ap("logical_or", P, YES), "true"),
    (Select(YES, A, LOAD, INT), "a"),
    (Select(P, A, A, INT), "a"),
    (Select(P, YES, NO, BOOL), "p"),
    (Select(ap("eq", A, i(1)), NO, YES, BOOL), "a != 1"),
    (Cast(i(3), FLOAT), "3.0f"),
    (Cast(i(16777217), FLOAT), "16777216.0f"),
    (Cast(f(-2.75), INT), "-2"),
    (Cast(f(3e9), INT), "cast<int>(3000000000.0f)"),
    (Cast(NAN, INT), "cast<int>(nanf)"),
    (Cast(i(-1), UINT), "4294967295u"),
    (Cast(i(300), DType.UINT8), "uchar(44)"),
    (Swizzle(Construct((f(1), X, f(3), f(4)), FLOAT4), "y", FLOAT), "x"),
]


@pytest.mark.parametrize(("value", "text"), CASES, ids=[print_node(v) for v, _ in CASES])
def test_expressions(value, text):
    assert folded(value) == text


def test_branches_and_loops_that_never_run():
    store, other = Assign(LOAD, i(1)), Assign(LOAD, i(2))
    body = (
        If(YES, (store,), (other,)),
        If(NO, (store,)),
        While(NO, (store,)),
        For("j", INT, i(3), i(3), i(1), (store,)),
        For("j", UINT, u(0), u(2), u(1), (store,)),
    )
    result = fold_constants(Kernel("k", PARAMS, body))
    verify(result)
    assert result.body == (store, body[-1])
