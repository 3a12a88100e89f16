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
