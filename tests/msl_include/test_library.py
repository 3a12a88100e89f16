"""The library's functions run on the CPU device: tables of expressions, each beside its meaning in float64."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import metal_runtime

Array = Any
FLOATS = {"float": np.float32, "half": np.float16, "bfloat": ml_dtypes.bfloat16}
WIDTHS = (1, 2, 3, 4)
COUNT = 257

HEAD = "#include <metal_stdlib>\nusing namespace metal;\n"


def _less(x: Array, y: Array) -> Array:
    """Metal's min: of a number and a NaN, the number; of two equal, the first."""
    return np.where(np.isnan(x), y, np.where(y < x, y, x))


def _more(x: Array, y: Array) -> Array:
    return np.where(np.isnan(x), y, np.where(x < y, y, x))


# Expressions over x, y and z of one type -> what they are. All are exact: any other bit is wrong.
EXACT: dict[str, Callable[..., Array]] = {
    "min(x, y)": lambda x, y, z: _less(x, y),
    "fmin(x, y)": lambda x, y, z: _less(x, y),
    "max(x, y)": lambda x, y, z: _more(x, y),
    "fmax(x, y)": lambda x, y, z: _more(x, y),
    "min3(x, y, z)": lambda x, y, z: _less(_less(x, y), z),
    "fmin3(x, y, z)": lambda x, y, z: _less(_less(x, y), z),
    "max3(x, y, z)": lambda x, y, z: _more(_more(x, y), z),
    "fmax3(x, y, z)": lambda x, y, z: _more(_more(x, y), z),
    "clamp(x, min(y, z), max(y, z))": lambda x, y, z: _less(_more(x, _less(y, z)), _more(y, z)),
    "saturate(x)": lambda x, y, z: _less(_more(x, 0.0 * np.ones_like(x)), np.ones_like(x)),
    "sign(x)": lambda x, y, z: np.where(np.isnan(x), 0, np.where(x == 0, x, np.copysign(1, x))),
    "step(x, y)": lambda x, y, z: np.where(y < x, 0.0, 1.0),
    "abs(x)": lambda x, y, z: np.abs(x),
    "fabs(x)": lambda x, y, z: np.abs(x),
    "copysign(x, y)": lambda x, y, z: np.copysign(x, y),
    "isfinite(x)": lambda x, y, z: np.isfinite(x),
    "isinf(x)": lambda x, y, z: np.isinf(x),
    "isnan(x)": lambda x, y, z: np.isnan(x),
    "signbit(x)": lambda x, y, z: np.signbit(x),
    "isordered(x, y)": lambda x, y, z: ~(np.isnan(x) | np.isnan(y)),
    "isunordered(x, y)": lambda x, y, z: np.isnan(x) | np.isnan(y),
    "select(x, y, z > T(0.5f))": lambda x, y, z: np.where(z > 0.5, y, x),
    "select(x, y, z != z)": lambda x, y, z: np.where(np.isnan(z), y, x),
    "select(x, y, true)": lambda x, y, z: y,
    "select(x, T(2.0f), z > T(0.5f))": lambda x, y, z: np.where(z > 0.5, 2, x),
    "not (x < y)": lambda x, y, z: ~(x < y),
    "ceil(x)": lambda x, y, z: np.ceil(x),
    "floor(x)": lambda x, y, z: np.floor(x),
    "trunc(x)": lambda x, y, z: np.trunc(x),
    "rint(x)": lambda x, y, z: np.rint(x),
}  # fmt: skip

# Those that round: a few units in the last place of a result near 1.
ROUNDED: dict[str, Callable[..., Array]] = {
    "mix(x, y, z)": lambda x, y, z: x + (y - x) * z,
    "smoothstep(T(0.0f), T(1.0f), z)": lambda x, y, z: np.clip(z, 0, 1) ** 2 * (3 - 2 * np.clip(z, 0, 1)),
    "fma(x, y, z)": lambda x, y, z: x * y + z,
    "divide(x, y + T(4.0f))": lambda x, y, z: x / (y + 4),
}  # fmt: skip


def _element_kernel(expressions: list[str], type_: str, width: int) -> Any:
    """A kernel whose thread i computes every expression of the i-th elements or vectors of three arrays."""
    vector = type_ if width == 1 else f"{type_}{width}"
    at = "" if width == 1 else "[j]"
    body = "".join(
        f"{{ V r = V({text}); for (uint j = 0; j < W; ++j) out[{row} * n * W + W * i + j] = r{at}; }}\n"
        for row, text in enumerate(expressions)
    )
    return metal_runtime.compile(f"""{HEAD}
using T = {type_}; using V = {vector}; constant uint W = {width};
kernel void all_of_them(device const T* a [[buffer(0)]], device const T* b [[buffer(1)]], device const T* c [[buffer(2)]],
                        device T* out [[buffer(3)]], uint i [[thread_position_in_grid]], uint n [[threads_per_grid]]) {{
  V x, y, z;
  for (uint j = 0; j < W; ++j) {{ x{at} = a[W * i + j]; y{at} = b[W * i + j]; z{at} = c[W * i + j]; }}
  {body}
}}""").all_of_them


def _edge_values(rng: np.random.Generator, dtype: Any, size: int) -> Array:
    """Random bits, numbers near 1, and values at the edges."""
    patterns = rng.integers(0, 2 ** (8 * np.dtype(dtype).itemsize), size, np.uint64)
    with np.errstate(invalid="ignore"):  # some are signalling NaNs
        anything = patterns.astype(f"u{np.dtype(dtype).itemsize}").view(dtype).astype(np.float64)
    near = rng.standard_normal(size)
    info = ml_dtypes.finfo(dtype)
    edges = np.array([0.0, -0.0, 1, -1, 0.5, 2.5, -2.5, np.inf, -np.inf, np.nan, float(info.max), float(-info.max),
                      float(info.smallest_normal), float(info.smallest_subnormal)])  # fmt: skip
    return np.where(
        rng.random(size) < 0.4,
        near,
        np.where(rng.random(size) < 0.5, anything, rng.choice(edges, size)),
    ).astype(dtype)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("type_", FLOATS)
def test_exact_functions_of_floats(type_: str, width: int) -> None:
    rng, dtype = np.random.default_rng(), FLOATS[type_]
    a, b, c = (_edge_values(rng, dtype, COUNT * width) for _ in range(3))
    out = np.full((len(EXACT), COUNT * width), 77, dtype)
    _element_kernel(list(EXACT), type_, width)(a, b, c, out, threads=(COUNT,))
    with np.errstate(invalid="ignore"):
        given = [v.astype(np.float64) for v in (a, b, c)]
    for (text, meaning), got in zip(EXACT.items(), out, strict=True):
        with np.errstate(all="ignore"):
            wanted = np.asarray(meaning(*given), np.float64)
        np.testing.assert_array_equal(got.astype(np.float64), wanted, f"{text} of {type_}{width}")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("type_", FLOATS)
def test_rounded_functions_of_floats(type_: str, width: int) -> None:
    rng, dtype = np.random.default_rng(), FLOATS[type_]
    a, b, c = (rng.uniform(-1, 1, COUNT * width).astype(dtype) for _ in range(3))
    out = np.full((len(ROUNDED), COUNT * width), 77, dtype)
    _element_kernel(list(ROUNDED), type_, width)(a, b, c, out, threads=(COUNT,))
    given = [v.astype(np.float64) for v in (a, b, c)]
    for (text, meaning), got in zip(ROUNDED.items(), out, strict=True):
        error = np.abs(got.astype(np.float64) - meaning(*given)).max()
        assert error <= 4 * float(ml_dtypes.finfo(dtype).eps), (text, type_, width, error)


# Expressions over x and y, vectors of W floats in [-1, 1] -> what they are in float64, as rows; a scalar fills its row.
GEOMETRIC: dict[str, Callable[..., Array]] = {
    "dot(x, y)": lambda x, y: (x * y).sum(1, keepdims=True),
    "length(x)": lambda x, y: np.linalg.norm(x, axis=1, keepdims=True),
    "length_squared(x)": lambda x, y: (x * x).sum(1, keepdims=True),
    "distance(x, y)": lambda x, y: np.linalg.norm(x - y, axis=1, keepdims=True),
    "distance_squared(x, y)": lambda x, y: ((x - y) ** 2).sum(1, keepdims=True),
    "normalize(x)": lambda x, y: x / np.linalg.norm(x, axis=1, keepdims=True),
    "faceforward(x, y, x)": lambda x, y: np.where((x * y).sum(1, keepdims=True) < 0, x, -x),
    "reflect(x, normalize(y))": lambda x, y: x - 2 * (x * y).sum(1, keepdims=True) * y / (y * y).sum(1, keepdims=True),
    "refract(normalize(x), normalize(y), T(0.5f))": lambda x, y: _refracted(x, y, 0.5),
}  # fmt: skip


def _refracted(x: Array, y: Array, eta: float) -> Array:
    i, n = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (x, y))
    d = (n * i).sum(1, keepdims=True)
    k = 1 - eta * eta * (1 - d * d)
    return eta * i - (eta * d + np.sqrt(k)) * n


@pytest.mark.parametrize("width", WIDTHS[1:])
@pytest.mark.parametrize("type_", FLOATS)
def test_geometric_functions(type_: str, width: int) -> None:
    rng, dtype = np.random.default_rng(), FLOATS[type_]
    table = dict(GEOMETRIC)
    if width == 3:
        table["cross(x, y)"] = np.cross
    if type_ == "float":
        table |= {f"{form}::{name}": table[name] for form in ("fast", "precise")
                  for name in ("distance(x, y)", "length(x)", "normalize(x)")}  # fmt: skip
    a, b = (rng.uniform(-1, 1, (COUNT, width)) for _ in range(2))
    a, b = ((v + np.where(np.abs(v) < 0.2, np.copysign(0.2, v), 0)).astype(dtype) for v in (a, b))
    with np.errstate(all="ignore"):
        x, y = a.astype(np.float64), b.astype(np.float64)
        clear = np.abs((x * y).sum(1)) > 0.05  # faceforward asks for a sign
    out = np.full((len(table), COUNT, width), 77, dtype)
    _element_kernel(list(table), type_, width)(
        a.ravel(), b.ravel(), a.ravel(), out, threads=(COUNT,)
    )
    for (text, meaning), got in zip(table.items(), out, strict=True):
        wanted = np.broadcast_to(meaning(x, y), x.shape)
        error = np.abs(got.astype(np.float64) - wanted)[clear].max()
        assert error <= 24 * float(ml_dtypes.finfo(dtype).eps), (text, type_, width, error)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("type_", FLOATS)
def test_normal_numbers_and_medians(type_: str, width: int) -> None:
    """A median with a NaN is either of two numbers: there are none here."""
    rng, dtype = np.random.default_rng(), FLOATS[type_]
    x = _edge_values(rng, dtype, COUNT * width)
    a, b, c = (np.where(np.isnan(v), dtype(0.25), v) for v in (x, x[::-1], np.roll(x, 3)))
    a, b, c = (v.astype(dtype) for v in (a, b, c))
    out = np.full((3, COUNT * width), 77, dtype)
    names = ["isnormal(x)", "median3(x, y, z)", "fmedian3(x, y, z)"]
    _element_kernel(names, type_, width)(a, b, c, out, threads=(COUNT,))
    wide = a.astype(np.float64)
    normal = np.isfinite(wide) & (np.abs(wide) >= float(ml_dtypes.finfo(dtype).smallest_normal))
    np.testing.assert_array_equal(out[0].astype(np.float64), normal)
    middle = np.median([v.astype(np.float64) for v in (a, b, c)], axis=0)
    for got in out[1:]:
        np.testing.assert_array_equal(got.astype(np.float64), middle)


# Functions with a second result or an integer argument: x, then the exponent or count -> both results.
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("type_", FLOATS)
def test_parts_of_floats(type_: str, width: int) -> None:
    rng, dtype = np.random.default_rng(), FLOATS[type_]
    vector, ints = (type_, "int") if width == 1 else (f"{type_}{width}", f"int{width}")
    at = "" if width == 1 else "[j]"
    library = metal_runtime.compile(f"""{HEAD}
kernel void parts(device const {type_}* a [[buffer(0)]], device const int* k [[buffer(1)]], device {type_}* out [[buffer(2)]],
                  device int* whole [[buffer(3)]], uint i [[thread_position_in_grid]], uint n [[threads_per_grid]]) {{
  {vector} x, integral, one = {vector}({type_}(1.0f)); {ints} count, exponent;
  const uint W = {width}, step = n * W;
  for (uint j = 0; j < W; ++j) {{ x{at} = a[W * i + j]; count{at} = k[W * i + j]; }}
  {vector} mantissa = frexp(x, exponent), part = modf(x, integral), scaled = ldexp(x, count), next = nextafter(x, one);
  {ints} order = ilogb(x);
  for (uint j = 0; j < W; ++j) {{
    const uint at = W * i + j;
    out[at] = mantissa{at}; out[step + at] = part{at}; out[2 * step + at] = integral{at}; out[3 * step + at] = scaled{at};
    out[4 * step + at] = next{at};
    whole[at] = exponent{at}; whole[step + at] = order{at};
  }}
}}""")
    x = _edge_values(rng, dtype, COUNT * width)
    k = rng.integers(-30, 30, x.size).astype(np.int32)
    out = np.full((5, x.size), 77, dtype)
    whole = np.full((2, x.size), 77, np.int32)
    library.parts(x, k, out, whole, threads=(COUNT,))
    with np.errstate(invalid="ignore"):
        wide = x.astype(np.float64)
    finite, plain = np.isfinite(wide), np.isfinite(wide) & (wide != 0)
    with np.errstate(all="ignore"):
        mantissa, exponent = np.frexp(wide)
        part, integral = np.modf(wide)
        scaled = np.ldexp(wide, k).astype(dtype)
        next_ = np.nextafter(x, np.ones_like(x))
    np.testing.assert_array_equal(out[0].astype(float)[finite], mantissa[finite])
    np.testing.assert_array_equal(whole[0][finite], exponent[finite])
    np.testing.assert_array_equal(whole[1][plain], exponent[plain] - 1)
    np.testing.assert_array_equal(out[1].astype(float)[finite], part[finite])
    np.testing.assert_array_equal(out[2].astype(float)[finite], integral[finite])
    np.testing.assert_array_equal(out[3].astype(float), scaled.astype(float))
    np.testing.assert_array_equal(out[4].astype(float), next_.astype(float))


@functools.cache
def _matrix_kernel(type_: str, columns: int, rows: int) -> Any:
    m, n = f"{type_}{columns}x{rows}", f"{type_}{rows}x{columns}"
    square = "out[p++] = determinant(a);" if columns == rows else ""
    return metal_runtime.compile(f"""{HEAD}
kernel void matrices(device const {m}* a_ [[buffer(0)]], device const {m}* b_ [[buffer(1)]], device {type_}* out [[buffer(2)]],
                     uint i [[thread_position_in_grid]], constant uint& stride [[buffer(3)]]) {{
  {m} a = a_[i], b = b_[i], c = a; {n} t = transpose(b);
  c += b; c -= a; c *= {type_}(2.0f);
  uint p = i * stride;
  {type_}{rows} column = a * t[0]; {type_}{columns} row = a[0] * a;
  {type_}{rows}x{rows} product = a * t; {m} sum = a + b, difference = a - b, twice = {type_}(2.0f) * a, minus = -a;
  for (uint k = 0; k < {rows}; ++k) out[p++] = column[k];
  for (uint k = 0; k < {columns}; ++k) out[p++] = row[k];
  for (uint k = 0; k < {rows}; ++k) for (uint r = 0; r < {rows}; ++r) out[p++] = product[k][r];
  for (uint k = 0; k < {columns}; ++k) for (uint r = 0; r < {rows}; ++r) {{
    out[p++] = sum[k][r]; out[p++] = difference[k][r]; out[p++] = twice[k][r]; out[p++] = minus[k][r];
    out[p++] = c[k][r]; out[p++] = t[r][k];
  }}
  out[p++] = {type_}(a == a && a != b);
  {square}
}}""").matrices


@pytest.mark.parametrize("type_", ["float", "half"])
@pytest.mark.parametrize("rows", [2, 3, 4])
@pytest.mark.parametrize("columns", [2, 3, 4])
def test_matrices(type_: str, columns: int, rows: int) -> None:
    rng, dtype, count = np.random.default_rng(), FLOATS[type_], 33
    room = 4 if rows == 3 else rows
    raw = np.full((2, count, columns, room), 77, dtype)
    raw[..., :rows] = rng.integers(
        -3, 4, (2, count, columns, rows)
    )  # every result is a small integer: exact
    raw[1] += raw[0] == raw[1]
    a, b = (m.astype(np.float64)[..., :rows] for m in raw)  # the columns, as rows
    bT = b.transpose(0, 2, 1)
    product = np.einsum("nkr,nck->ncr", a, bT)
    parts = [
        np.einsum("nkr,nk->nr", a, bT[:, 0]),
        np.einsum("nr,nkr->nk", a[:, 0], a),
        product.reshape(count, -1),
    ]
    cells = [a + b, a - b, 2 * a, -a, 2 * b, b]
    parts += [np.stack(cells, -1).reshape(count, -1), np.ones((count, 1))]
    if rows == columns:
        parts.append(np.linalg.det(a).round()[:, None])
    wanted = np.concatenate(parts, 1)
    out = np.full(wanted.shape, 77, dtype)
    _matrix_kernel(type_, columns, rows)(raw[0], raw[1], out, wanted.shape[1], threads=(count,))
    np.testing.assert_array_equal(out.astype(np.float64), wanted)
