"""A conditional of a bfloat and an integer literal is a bfloat, and every other conditional is what it was."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

import metal_runtime
from metal_runtime.msl.bfloat_conditionals import literal_arms
from metal_runtime.msl.tokens import tokenize

SOURCE = """#include <metal_stdlib>
using namespace metal;
template <typename T> T relu(T x) { return x < T(0) ? 0 : x; }
template <typename T> T pick(T x, int c) { return c == 0 ? -1 : c == 1 ? (x > T(0) ? x : 2) : x; }
template <typename A, typename B> A first(A a, B b) { return a; }
kernel void k(device const bfloat* x [[buffer(0)]], device bfloat* y [[buffer(1)]], device float* z [[buffer(2)]],
              device int* w [[buffer(3)]], uint i [[thread_position_in_grid]]) {
    y[i] = relu(x[i]);
    device float* p = i < 100 ? z : 0;
    if (p) z[i] = (x[i] > 0 ? first<bfloat, int>(x[i], 1) : 3) * 2.0f + float(pick(x[i], int(i) % 3));
    w[i] = pick(int(i), int(i) % 3) + (i > 2 ? i : 7) + (i > 3 ? 1 : 0);
}
"""


def test_values_are_those_of_a_plain_number():
    x = np.random.default_rng().standard_normal(101).astype(ml_dtypes.bfloat16)
    y, z, w = np.zeros_like(x), np.zeros(101, np.float32), np.zeros(101, np.int32)
    metal_runtime.compile(SOURCE).k(x, y, z, w, threads=101)
    wide, i = x.astype(np.float64), np.arange(101)
    assert np.array_equal(y.astype(np.float64), np.maximum(wide, 0))

    def pick(v: np.ndarray) -> np.ndarray:
        return np.where(i % 3 == 0, -1, np.where(i % 3 == 1, np.where(v > 0, v, 2), v))

    expected = np.where(wide > 0, wide, 3) * 2 + pick(wide)
    assert np.allclose(z[:100], expected[:100], rtol=1e-6)
    assert np.array_equal(w, pick(i) + np.where(i > 2, i, 7) + (i > 3))


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("bfloat b; c ? b : 0;", {"0": ("b", "0")}),
        ("bfloat b; f(c ? 1 : b, 2);", {"1": ("b", "1")}),
        ("bfloat b; c ? b : -1;", {"-": ("b", "-1")}),
        ("bfloat b; c ? 1 : 2;", {}),
        ("bfloat b; c ? 7 : (d >= 8 ? b : a >> b);", {"7": ("(d >= 8 ? b : a >> b)", "7")}),
        ("bfloat b; c ? d >= 8 ? b : 1 : b;", {"1": ("b", "1")}),
        ("bfloat b; c ? b : 0.5;", {}),
        ("bfloat b; f(c ? 0 : g<a, b>(x), 1);", {}),  # the comma may end the arm, or not
        ("bfloat b; c ? [] { return b; }() : 0;", {}),
        ("float b; c ? b : 0;", {}),
        ("bfloat b; switch (c) { case 0: ; } for (T x : y) ;", {}),
        ("bfloat b; c ? b", {}),
    ],
)
def test_which_literals_change(text, changed):
    tokens = tokenize(text)
    found = literal_arms(tokens, lambda i, arms: arms.get(i, tokens[i].text))
    texts = {tokens[i].text: new for i, new in found.items() if new}
    assert texts == {
        literal: f"metal::__impl::arm<decltype( {other})>({value})"
        for literal, (other, value) in changed.items()
    }
