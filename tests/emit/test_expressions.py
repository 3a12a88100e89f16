"""Expressions: parentheses, promotion, conversions and literals, one line each."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metal_runtime.dtype import DType
from metal_runtime.emit.ir_to_msl import ir_to_msl
from metal_runtime.emit.spelling import literal
from metal_runtime.ir.nodes import (
    Assign,
    Cast,
    Component,
    Constant,
    Construct,
    Declare,
    Kernel,
    Load,
    Param,
    Read,
    Select,
    Swizzle,
)
from metal_runtime.ir.verify import verify
from metal_runtime.msl_types import Vector
from tests.hand_made_kernels import BOOL, FLOAT, FLOAT4, INT, UINT, ap, device, f, i, u

CHAR, UCHAR, HALF, BFLOAT, LONG = (
    DType.INT8,
    DType.UINT8,
    DType.FLOAT16,
    DType.BFLOAT16,
    DType.INT64,
)
TYPES = {
    "a": INT, "b": INT, "c": INT, "x": FLOAT, "y": FLOAT, "p": BOOL, "q": BOOL, "r": BOOL, "s": CHAR, "t": CHAR,
    "d": UCHAR, "e": UCHAR, "h": HALF, "g": BFLOAT, "m": UINT, "n": UINT, "v": FLOAT4, "w": FLOAT4, "l": LONG,
}  # fmt: skip
A, B, C, X, Y, P, Q, R, S, T, D, E, H, G, M, N, V, W, L = (Read(n, t) for n, t in TYPES.items())
PARAMS = tuple(Param(n, t) for n, t in TYPES.items())


def text_of(value):
    """The text of a value that initialises a variable."""
    kernel = Kernel("k", PARAMS, (Declare("z", value.type, value),))
    verify(kernel)
    line = [t for t in ir_to_msl(kernel).source.splitlines() if " z = " in t][-1]
    return line.split(" z = ", 1)[1].rstrip(";")


def const(value, dtype):
    return Constant(value, dtype)


CASES = [
    # parentheses
    (ap("mul", ap("add", A, B), C), "(a + b) * c"),
    (ap("add", ap("mul", A, B), C), "a * b + c"),
    (ap("sub", A, ap("sub", B, C)), "a - (b - c)"),
    (ap("sub", ap("sub", A, B), C), "a - b - c"),
    (ap("div", X, ap("mul", Y, X)), "x / (y * x)"),
    (ap("logical_and", ap("logical_or", P, Q), R), "(p || q) && r"),
    (ap("logical_or", ap("logical_and", P, Q), R), "(p && q) || r"),
    (ap("logical_not", ap("lt", A, B)), "!(a < b)"),
    (ap("eq", ap("lt", A, B), P), "(a < b) == p"),
    (ap("add", ap("shl", A, i(2)), B), "(a << 2) + b"),
    (ap("shl", ap("add", A, B), i(2)), "(a + b) << 2"),
    (ap("bit_or", ap("shl", A, i(8)), B), "(a << 8) | b"),
    (ap("bit_and", ap("bit_or", A, B), C), "(a | b) & c"),
    (ap("bit_or", ap("bit_or", A, B), C), "a | b | c"),
    (ap("lt", ap("add", A, B), C), "a + b < c"),
    (ap("neg", ap("neg", A)), "-(-a)"),
    (ap("sub", A, i(-1)), "a - -1"),
    (ap("neg", ap("mul", A, B)), "-(a * b)"),
    (ap("bit_not", ap("bit_and", A, B)), "~(a & b)"),
    (Select(ap("lt", A, B), A, B, INT), "a < b ? a : b"),
    (ap("add", Select(P, A, B, INT), C), "(p ? a : b) + c"),
    (Select(P, Select(Q, A, B, INT), Select(R, A, C, INT), INT), "p ? (q ? a : b) : r ? a : c"),
    (Swizzle(ap("add", V, W), "xy", Vector(FLOAT, 2)), "(v + w).xy"),
    (Component(V, ap("bit_and", A, i(3)), FLOAT), "v[a & 3]"),
    # counts of shifts are taken modulo the width
    (ap("shl", A, B), "a << (b & 31)"),
    (ap("shr", L, L), "l >> (l & 63l)"),
    (ap("shr", M, u(31)), "m >> 31u"),
    # integral promotion
    (ap("add", Cast(S, INT), Cast(T, INT)), "s + t"),
    (ap("add", S, T), "s + t"),
    (ap("mul", ap("add", D, E), D), "(d + e) * d"),
    (ap("lt", ap("add", D, E), D), "uchar(d + e) < d"),
    (ap("shr", ap("add", D, E), const(1, UCHAR)), "uchar(d + e) >> 1"),
    (ap("min", D, const(3, UCHAR)), "min(d, uchar(3))"),
    (ap("max", ap("add", S, T), S), "max(char(s + t), s)"),
    (ap("add", Cast(ap("add", D, E), INT), A), "uchar(d + e) + a"),
    (Cast(ap("add", D, E), FLOAT), "uchar(d + e)"),
    (ap("mul", Cast(ap("bit_not", D), FLOAT), X), "float(uchar(~d)) * x"),
    (ap("eq", P, ap("lt", A, B)), "p == (a < b)"),
    # conversions
    (Cast(A, FLOAT), "a"),
    (ap("mul", Cast(A, FLOAT), X), "float(a) * x"),
    (Cast(X, INT), "int(x)"),
    (Cast(H, FLOAT), "h"),
    (ap("add", Cast(H, FLOAT), X), "float(h) + x"),
    (Cast(H, BFLOAT), "bfloat(float(h))"),
    (Cast(Cast(A, UINT), LONG), "uint(a)"),
    (Cast(L, INT), "int(l)"),
    (Cast(V, Vector(INT, 4)), "int4(v)"),
    # vectors and scalars
    (ap("mul", V, Construct((X,), FLOAT4)), "v * x"),
    (ap("mul", Construct((X,), FLOAT4), Construct((Y,), FLOAT4)), "float4(x) * float4(y)"),
    (ap("max", V, Construct((f(0),), FLOAT4)), "max(v, float4(0.0f))"),
    (Construct((Swizzle(V, "xyz", Vector(FLOAT, 3)), X), FLOAT4), "float4(v.xyz, x)"),
    # floor division and modulo
    (ap("floordiv", A, B), "floor_div(a, b)"),
    (ap("floordiv", M, N), "m / n"),
    (ap("mod", M, N), "m % n"),
    (ap("mod", A, B), "floor_mod(a, b)"),
    (ap("floordiv", X, Y), "floor(x / y)"),
    (ap("mod", X, Y), "floor_fmod(x, y)"),
    (ap("mod", H, H), "half(floor_fmod(float(h), float(h)))"),
    # bfloat has operators, but goes through float for functions
    (ap("add", G, G), "g + g"),
    (ap("exp", G), "bfloat(exp(float(g)))"),
    (ap("isnan", G), "isnan(float(g))"),
    (ap("exp", H), "exp(h)"),
    (ap("erf", H), "half(erf(float(h)))"),
]


@pytest.mark.parametrize(("value", "text"), CASES, ids=[text for _, text in CASES])
def test_expressions(value, text):
    assert text_of(value) == text


LITERALS = [
    (True, BOOL, "true"),
    (3, INT, "3"),
    (-3, INT, "-3"),
    (-(2**31), INT, "(-2147483647 - 1)"),
    (-(2**63), LONG, "(-9223372036854775807l - 1)"),
    (3, UINT, "3u"),
    (3, DType.UINT64, "3ul"),
    (-128, CHAR, "-128"),
    (0.1, FLOAT, "0.1f"),
    (2.0, FLOAT, "2.0f"),
    (-0.0, FLOAT, "-0.0f"),
    (1e-5, FLOAT, "1e-05f"),
    (100000.0, FLOAT, "100000.0f"),
    (3e38, FLOAT, "3e+38f"),
    (float("inf"), FLOAT, "INFINITY"),
    (-float("inf"), FLOAT, "-INFINITY"),
    (float("nan"), FLOAT, "NAN"),
    (0.5, HALF, "0.5h"),
    (65504.0, HALF, "65504.0h"),
    (float("inf"), HALF, "half(INFINITY)"),
    (2.0, BFLOAT, "bfloat(2.0f)"),
]


@pytest.mark.parametrize(("value", "dtype", "text"), LITERALS, ids=[t for *_, t in LITERALS])
def test_literals(value, dtype, text):
    if dtype.is_float:
        value = float(dtype.numpy_dtype.type(value))
    assert literal(value, dtype) == text


@given(
    st.floats(width=32, allow_nan=False, allow_infinity=False),
    st.sampled_from([FLOAT, HALF, BFLOAT]),
)
def test_float_literals_read_back_the_same(value, dtype):
    with np.errstate(over="ignore"):
        value = float(dtype.numpy_dtype.type(value))
        if not np.isfinite(value):
            return
        text = literal(value, dtype).removeprefix("bfloat(").rstrip("fh)")
        assert float(dtype.numpy_dtype.type(np.float32(text))) == value
    assert len(text) <= 16


COMPOUND = [
    (A, ap("add", A, i(1)), "a_ += 1"),
    (A, ap("sub", B, A), "a_ = b - a_"),
    (A, ap("shl", A, B), "a_ <<= b & 31"),
    (D, ap("div", D, ap("add", D, E)), "d_ /= uchar(d_ + e)"),
    (D, ap("add", D, E), "d_ += e"),
    (V, ap("mul", V, Construct((X,), FLOAT4)), "v_ *= x"),
    (A, ap("min", A, B), "a_ = min(a_, b)"),
]


@pytest.mark.parametrize(("target", "value", "text"), COMPOUND, ids=[t for *_, t in COMPOUND])
def test_compound_assignment(target, value, text):
    from metal_runtime.ir.walk import Rewriter

    name = f"{target.name}_"

    class Renamer(Rewriter):
        def rewrite_Read(self, node):
            return Read(name, node.type) if node.name == target.name else node

    place = Read(name, target.type)
    kernel = Kernel(
        "k",
        (*(p for p in PARAMS if p.name != target.name), Param("out", device(target.type))),
        (
            Declare(name, target.type, Load("out", u(0), target.type)),
            Assign(place, Renamer().rewrite(value)),
        ),
    )
    verify(kernel)
    assert f"    {text};" in ir_to_msl(kernel).source.splitlines()
