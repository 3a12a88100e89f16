"""Packing and unpacking against NumPy: every byte, random words, values outside the range, NaN."""

from __future__ import annotations

import numpy as np
import pytest

import metal_runtime

NAMES = {"unorm4x8": (4, 8), "snorm4x8": (4, 8), "unorm2x16": (2, 16), "snorm2x16": (2, 16)}


def _library(name: str, width: int) -> metal_runtime.Library:
    return metal_runtime.compile(f"""
#include <metal_stdlib>
using namespace metal;
kernel void unpack(device const uint* x [[buffer(0)]], device float{width}* y [[buffer(1)]], device half{width}* h [[buffer(2)]],
                   uint i [[thread_position_in_grid]]) {{ y[i] = unpack_{name}_to_float(x[i]); h[i] = unpack_{name}_to_half(x[i]); }}
kernel void pack(device const float{width}* x [[buffer(0)]], device uint* y [[buffer(1)]], uint i [[thread_position_in_grid]]) {{
  y[i] = pack_float_to_{name}(x[i]);
}}
""")


@pytest.mark.parametrize("name", NAMES)
def test_packing_both_ways(name: str) -> None:
    width, bits = NAMES[name]
    signed = name.startswith("s")
    random = np.random.default_rng()
    words = random.integers(0, 2**32, 1025, np.uint32)
    library = _library(name, width)
    values = np.full((1025, width), np.nan, np.float32)
    halves = np.full((1025, width), np.nan, np.float16)
    library.unpack(words, values, halves, threads=(1025,))
    most = 2 ** (bits - signed) - 1
    parts = words.view(
        {(8, True): np.int8, (8, False): np.uint8, (16, True): np.int16, (16, False): np.uint16}[
            bits, signed
        ]
    )
    expected = np.maximum(parts.reshape(-1, width) / np.float64(most), -1.0)
    np.testing.assert_allclose(values, expected, rtol=1e-6)
    np.testing.assert_array_equal(halves, values.astype(np.float16))
    given = random.uniform(-1.5, 1.5, (1025, width)).astype(np.float32)
    given[:3] = [[np.nan] * width, [np.inf] * width, [-np.inf] * width]
    packed = np.zeros(1025, np.uint32)
    library.pack(given, packed, threads=(1025,))
    clipped = np.clip(np.nan_to_num(given, nan=0.0), -1.0 if signed else 0.0, 1.0)
    rounded = np.rint(clipped * np.float32(most)).astype(np.int64) & (2**bits - 1)
    wanted = sum(rounded[:, c] << (bits * c) for c in range(width))
    np.testing.assert_array_equal(packed, wanted)


def test_ten_bits_and_srgb_come_back() -> None:
    library = metal_runtime.compile("""
#include <metal_stdlib>
using namespace metal;
kernel void both(device uint* x [[buffer(0)]], uint i [[thread_position_in_grid]]) {
  x[2 * i] = pack_float_to_unorm10a2(unpack_unorm10a2_to_float(x[2 * i]));
  x[2 * i + 1] = pack_float_to_srgb_unorm4x8(unpack_unorm4x8_srgb_to_float(x[2 * i + 1]));
}
""")
    words = np.random.default_rng().integers(0, 2**32, 2048, np.uint32)
    same = words.copy()
    library.both(same, threads=(1024,))
    np.testing.assert_array_equal(same, words)


# Fields from the lowest bits up; signed or not.
FIELDS = {"unorm10a2": ((10, 10, 10, 2), False), "snorm10a2": ((10, 10, 10, 2), True), "unorm565": ((5, 6, 5), False)}  # fmt: skip


@pytest.mark.parametrize("name", FIELDS)
def test_fields_of_several_widths(name: str) -> None:
    fields, signed = FIELDS[name]
    width, word = len(fields), np.dtype(np.uint16 if sum(fields) == 16 else np.uint32)
    library = metal_runtime.compile(f"""
#include <metal_stdlib>
using namespace metal;
typedef {"ushort" if word.itemsize == 2 else "uint"} U;
kernel void unpack(device const U* x [[buffer(0)]], device float* y [[buffer(1)]], device half* h [[buffer(2)]],
                   uint i [[thread_position_in_grid]]) {{
  for (uint c = 0; c < {width}; ++c) {{
    y[i * {width} + c] = unpack_{name}_to_float(x[i])[c]; h[i * {width} + c] = unpack_{name}_to_half(x[i])[c];
  }}
}}
kernel void pack(device const float* x [[buffer(0)]], device U* y [[buffer(1)]], device U* h [[buffer(2)]],
                 uint i [[thread_position_in_grid]]) {{
  float{width} v;
  for (uint c = 0; c < {width}; ++c) v[c] = x[i * {width} + c];
  y[i] = pack_float_to_{name}(v); h[i] = pack_half_to_{name}(half{width}(v));
}}
""")
    random = np.random.default_rng()
    words = random.integers(0, 2 ** sum(fields), 1025, np.uint64).astype(word)
    starts = np.cumsum((0, *fields[:-1]))
    raw = np.stack(
        [(words.astype(np.int64) >> s) & (2**b - 1) for s, b in zip(starts, fields, strict=True)], 1
    )
    most = np.array([2 ** (b - signed) - 1 for b in fields])
    values = np.where(signed & (raw > most), raw - 2 * (most + 1), raw) / most
    floats, halves = np.full((1025, width), 77, np.float32), np.full((1025, width), 77, np.float16)
    library.unpack(words, floats, halves, threads=(1025,))
    np.testing.assert_allclose(floats, np.maximum(values, -1.0), rtol=1e-6)
    np.testing.assert_array_equal(halves, floats.astype(np.float16))
    given = random.uniform(-1.5, 1.5, (1025, width)).astype(np.float16).astype(np.float32)
    given[:3] = [[np.nan] * width, [np.inf] * width, [-np.inf] * width]
    given[3] = np.float32(0.5) / most  # halfway between two: the even one
    packed, of_halves = np.zeros(1025, word), np.zeros(1025, word)
    library.pack(given, packed, of_halves, threads=(1025,))

    def wanted(x: np.ndarray) -> np.ndarray:
        clipped = np.clip(np.nan_to_num(x, nan=0.0), -1.0 if signed else 0.0, 1.0)
        rounded = np.rint(clipped * most.astype(np.float32)).astype(np.int64)
        masked = rounded & np.array([2**b - 1 for b in fields])
        return np.asarray((masked << starts).sum(1).astype(word))

    np.testing.assert_array_equal(packed, wanted(given))
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(
            of_halves, wanted(given.astype(np.float16).astype(np.float32))
        )
