"""Dtypes in, the kernels of random numbers out: Philox 4x32-10, a function of a key and a counter alone.

The generator is that of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (SC 2011). The key is the seed; the
counter is (block, 0, call), so that a word depends on the seed, the call and its own place.
"""

from __future__ import annotations

import functools

from metal_runtime import language as metal
from metal_runtime.dtype import DType
from metal_runtime.ops.compiled import python_program
from metal_runtime.ops.programs.places import LONG, UINT, ULONG, metal_type, written
from metal_runtime.ops.promotion import dtype_name
from metal_runtime.program import MslProgram

FLOAT = DType.FLOAT32
KEYS = (UINT,) * 4
"""The seed's two words and the call's."""

_UNIT = 2.0**-24


def philox(block, seed0, seed1, call0, call1):
    """Four random words."""
    a, b, c, d = block, metal.uint(0), call0, call1
    k0, k1 = seed0, seed1
    for _ in range(10):
        # The multipliers and the steps of the key are those of the paper, table 2.
        m0, m1 = metal.uint(0xD2511F53), metal.uint(0xCD9E8D57)
        high0, low0 = metal.mulhi(m0, a), m0 * a
        high1, low1 = metal.mulhi(m1, c), m1 * c
        a, b, c, d = high1 ^ b ^ k0, low1, high0 ^ d ^ k1, low0
        k0 += metal.uint(0x9E3779B9)
        k1 += metal.uint(0xBB67AE85)
    return metal.uint4(a, b, c, d)


@functools.cache
def words_program() -> MslProgram:
    """``out[4 * i + k]``: word k of block i. Grid: (blocks)."""

    def words(out, seed0, seed1, call0, call1):
        i = metal.thread_id_x()
        four = philox(i, seed0, seed1, call0, call1)
        base = metal.ulong(i) * 4
        out[base] = four.x
        out[base + 1] = four.y
        out[base + 2] = four.z
        out[base + 3] = four.w

    return python_program(words, "philox_words", written(UINT), *KEYS)


@functools.cache
def uniform_program(dtype: DType) -> MslProgram:
    """``low + width * u``, at most ``limit``; u is the upper 24 bits of a word. Grid: (blocks)."""
    to = metal_type(dtype)

    def uniform(out, seed0, seed1, call0, call1, low, width, limit):
        i = metal.thread_id_x()
        four = metal.float4(philox(i, seed0, seed1, call0, call1) >> 8) * _UNIT
        base = metal.ulong(i) * 4
        out[base] = to(min(metal.fma(four.x, width, low), limit))
        out[base + 1] = to(min(metal.fma(four.y, width, low), limit))
        out[base + 2] = to(min(metal.fma(four.z, width, low), limit))
        out[base + 3] = to(min(metal.fma(four.w, width, low), limit))

    types = (written(dtype), *KEYS, FLOAT, FLOAT, FLOAT)
    return python_program(uniform, f"uniform_{dtype_name(dtype)}", *types)


def gaussian_pair(u, v):
    """Two numbers of the normal distribution from two words: Box and Muller."""
    radius = metal.sqrt(-2.0 * metal.log(metal.fma(metal.float(u), 2.0**-32, 2.0**-33)))
    turns = metal.float(v >> 8) * (2 * _UNIT)
    return metal.float2(radius * metal.cospi(turns), radius * metal.sinpi(turns))


@functools.cache
def normal_program(dtype: DType) -> MslProgram:
    """``mean + deviation * z``. Grid: (blocks)."""
    to = metal_type(dtype)

    def normal(out, seed0, seed1, call0, call1, mean, deviation):
        i = metal.thread_id_x()
        four = philox(i, seed0, seed1, call0, call1)
        p, q = gaussian_pair(four.x, four.y), gaussian_pair(four.z, four.w)
        base = metal.ulong(i) * 4
        out[base] = to(metal.fma(p.x, deviation, mean))
        out[base + 1] = to(metal.fma(p.y, deviation, mean))
        out[base + 2] = to(metal.fma(q.x, deviation, mean))
        out[base + 3] = to(metal.fma(q.y, deviation, mean))

    types = (written(dtype), *KEYS, FLOAT, FLOAT)
    return python_program(normal, f"normal_{dtype_name(dtype)}", *types)


@functools.cache
def bernoulli_program() -> MslProgram:
    """Whether a word is below ``threshold``, which is up to 2**32. Grid: (blocks)."""

    def bernoulli(out, seed0, seed1, call0, call1, threshold):
        i = metal.thread_id_x()
        four = philox(i, seed0, seed1, call0, call1)
        base = metal.ulong(i) * 4
        out[base] = metal.ulong(four.x) < threshold
        out[base + 1] = metal.ulong(four.y) < threshold
        out[base + 2] = metal.ulong(four.z) < threshold
        out[base + 3] = metal.ulong(four.w) < threshold

    return python_program(bernoulli, "bernoulli", written(DType.BOOL), *KEYS, ULONG)


@functools.cache
def integers_program(dtype: DType) -> MslProgram:
    """``low`` plus 128 random bits times ``count``, shifted down; all 64 bits where count is 0. Grid: (n).

    One block an element: the values' probabilities differ by less than 2**-64 of each.
    """
    to = metal_type(dtype)

    def integers(out, seed0, seed1, call0, call1, low, count):
        i = metal.thread_id_x()
        four = philox(i, seed0, seed1, call0, call1)
        lower = metal.ulong(four.y) << 32 | metal.ulong(four.x)
        upper = metal.ulong(four.w) << 32 | metal.ulong(four.z)
        part = upper * count
        total = part + metal.mulhi(lower, count)
        carry = metal.ulong(1) if total < part else metal.ulong(0)
        drawn = upper if count == 0 else metal.mulhi(upper, count) + carry
        out[i] = to(metal.ulong(low) + drawn)

    types = (written(dtype), *KEYS, LONG, ULONG)
    return python_program(integers, f"integers_{dtype_name(dtype)}", *types)
