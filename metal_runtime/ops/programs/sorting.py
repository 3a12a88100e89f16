"""Dtypes in, the kernels of sorting out: a stable radix sort, eight bits at a time, of keys without a sign.

A key of 32 bits (64 of 64-bit integers) orders as its element does, NaN last. Each pass counts the digits of every
block of a line, makes the counts into places, and moves every block's keys there, so that equal digits keep
their order.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from metal_runtime import language as metal
from metal_runtime.dtype import DType
from metal_runtime.ops.compiled import python_program
from metal_runtime.ops.programs.places import (
    LONG,
    UINT,
    ULONG,
    metal_type,
    place_reader,
    read,
    written,
)
from metal_runtime.ops.promotion import dtype_name
from metal_runtime.program import MslProgram

DIGITS = 256


def key_dtype(dtype: DType) -> DType:
    """What the keys of elements are."""
    return ULONG if dtype.bits == 64 else UINT


@functools.cache
def encode_program(
    dtype: DType, descending: bool, equal_zeros: bool, along_memory: bool
) -> MslProgram:
    """The keys of ``a``, line after line: ``keys[o, x, k]`` of ``a[o, k, x]``. Grid: ``Lines.grid(n)``."""
    place = place_reader(along_memory)
    key_of, one_zero = _key_function(dtype), equal_zeros and dtype.is_float
    greatest = metal_type(key_dtype(dtype))
    top = (1 << dtype.bits) - 1
    zero = metal_type(dtype)

    def positive_zero(value):
        return zero(0) if value == 0 else value

    def encode(a, keys, n, inner):
        k, o, x = place()
        value = a[(metal.ulong(o) * n + k) * inner + x]
        if one_zero:
            value = positive_zero(value)
        key = key_of(value)
        if descending:
            key = greatest(top) - key
        keys[(metal.ulong(o) * inner + x) * n + k] = key

    words = ["keys", dtype_name(dtype), "down" if descending else "up"]
    words += ["rows"] * (not along_memory) + ["zeros"] * equal_zeros
    types = (read(dtype), written(key_dtype(dtype)), UINT, UINT)
    return python_program(encode, "_".join(words), *types)


@functools.cache
def decode_program(dtype: DType, along_memory: bool) -> MslProgram:
    """The elements of sorted keys, where ``encode_program`` found them. Grid: ``Lines.grid(n)``."""
    place, element_of = place_reader(along_memory), _element_function(dtype)

    def decode(keys, out, n, inner):
        k, o, x = place()
        key = keys[(metal.ulong(o) * inner + x) * n + k]
        out[(metal.ulong(o) * n + k) * inner + x] = element_of(key)

    name = f"elements_{dtype_name(dtype)}" + ("" if along_memory else "_rows")
    return python_program(decode, name, read(key_dtype(dtype)), written(dtype), UINT, UINT)


@functools.cache
def positions_program(along_memory: bool) -> MslProgram:
    """``out[o, k, x] = positions[o, x, k]``, the first ``count`` of each line of ``n``. Grid: ``Lines.grid(count)``."""
    place = place_reader(along_memory)

    def copy(positions, out, n, count, inner):
        k, o, x = place()
        found = positions[(metal.ulong(o) * inner + x) * n + k]
        out[(metal.ulong(o) * count + k) * inner + x] = metal.long(found)

    name = "positions" if along_memory else "positions_rows"
    return python_program(copy, name, read(UINT), written(LONG), UINT, UINT, UINT)


@functools.cache
def count_program(key: DType) -> MslProgram:
    """How often each digit stands in each block: ``counts[line, digit, block]``. Grid: (blocks, lines)."""

    def count(keys, counts, n, blocks, block, shift):
        b, line, _ = metal.thread_id_3d()
        tally = metal.thread_array(metal.uint, DIGITS)
        first = metal.ulong(b) * block
        start = metal.ulong(line) * n
        for k in range(first, min(first + block, metal.ulong(n))):
            digit = metal.uint(keys[start + k] >> shift) & 255
            tally[digit] += 1
        for d in range(DIGITS):
            counts[(metal.ulong(line) * DIGITS + d) * blocks + b] = tally[d]

    types = (read(key), written(UINT), UINT, UINT, UINT, UINT)
    return python_program(count, f"radix_count_{dtype_name(key)}", *types)


@functools.cache
def offsets_program() -> MslProgram:
    """Counts into the places at which their keys begin. Grid: (lines)."""

    def offsets(counts, blocks):
        start = metal.ulong(metal.thread_id_x()) * DIGITS * blocks
        total = metal.uint(0)
        for k in range(start, start + metal.ulong(DIGITS) * blocks):
            count = counts[k]
            counts[k] = total
            total += count

    return python_program(offsets, "radix_offsets", written(UINT), UINT)


@functools.cache
def move_program(key: DType, with_positions: bool) -> MslProgram:
    """Keys to their places, and with them their positions, which in the ``first`` pass are k. Grid: (blocks, lines)."""

    def move(keys, positions, offsets, out, moved, n, blocks, block, shift, first):
        b, line, _ = metal.thread_id_3d()
        place = metal.thread_array(metal.uint, DIGITS)
        for d in range(DIGITS):
            place[d] = offsets[(metal.ulong(line) * DIGITS + d) * blocks + b]
        begin = metal.ulong(b) * block
        start = metal.ulong(line) * n
        for k in range(begin, min(begin + block, metal.ulong(n))):
            key = keys[start + k]
            digit = metal.uint(key >> shift) & 255
            target = start + place[digit]
            place[digit] += 1
            out[target] = key
            if with_positions:
                moved[target] = metal.uint(k) if first == 1 else positions[start + k]

    name = f"radix_move_{dtype_name(key)}" + ("_positions" if with_positions else "")
    arrays = (read(key), read(UINT), read(UINT), written(key), written(UINT))
    return python_program(move, name, *arrays, UINT, UINT, UINT, UINT, UINT)


@functools.cache
def insertion_program(key: DType, with_positions: bool) -> MslProgram:
    """Sorts short lines of keys in place, each in one thread; positions are written. Grid: (lines)."""

    def insert(keys, positions, n):
        start = metal.ulong(metal.thread_id_x()) * n
        for k in range(n):
            key = keys[start + k]
            i = k
            while i > 0 and keys[start + i - 1] > key:
                keys[start + i] = keys[start + i - 1]
                if with_positions:
                    positions[start + i] = positions[start + i - 1]
                i -= 1
            keys[start + i] = key
            if with_positions:
                positions[start + i] = k

    name = f"insertion_{dtype_name(key)}" + ("_positions" if with_positions else "")
    return python_program(insert, name, written(key), written(UINT), UINT)


# --- elements as keys, and back -------------------------------------------------------------------


def _unsigned_key(x):
    return metal.uint(x)


def _narrow_key(x):
    return metal.uint(x) ^ metal.uint(0x80000000)


def _long_key(x):
    return metal.ulong(x) ^ (metal.ulong(1) << 63)


def _ulong_key(x):
    return x


def _float_key(x):
    bits = metal.as_type(metal.uint, x)
    key = ~bits if bits >> 31 == 1 else bits | metal.uint(0x80000000)
    return metal.uint(0xFFFFFFFF) if x != x else key


def _half_key(x):
    bits = metal.uint(metal.as_type(metal.ushort, x))
    key = 0xFFFF - bits if bits >> 15 == 1 else bits + 0x8000
    return metal.uint(0xFFFF) if x != x else key


def _key_function(dtype: DType) -> Callable[..., Any]:
    if dtype.is_float:
        return _float_key if dtype.bits == 32 else _half_key
    if dtype.bits == 64:
        return _long_key if dtype.is_signed else _ulong_key
    if not dtype.is_signed:
        return _unsigned_key
    half = 1 << (dtype.bits - 1)

    def small_key(x):
        return metal.uint(metal.int(x) + half)

    return _narrow_key if dtype.bits == 32 else small_key


def _element_function(dtype: DType) -> Callable[..., Any]:
    to = metal_type(dtype)
    half = 1 << (dtype.bits - 1)

    def same(key):
        return to(key)

    def truth(key):
        return key != 0

    def small(key):
        return to(metal.int(key) - half)

    def narrow(key):
        return to(key ^ metal.uint(0x80000000))

    def long(key):
        return to(key ^ (metal.ulong(1) << 63))

    def floating(key):
        bits = key ^ metal.uint(0x80000000) if key >> 31 == 1 else ~key
        return metal.as_type(to, bits)

    def half_format(key):
        bits = key - 0x8000 if key >> 15 == 1 else 0xFFFF - key
        return metal.as_type(to, metal.ushort(bits))

    if dtype.is_float:
        return floating if dtype.bits == 32 else half_format
    if dtype is DType.BOOL:
        return truth
    if not dtype.is_signed:
        return same
    return {64: long, 32: narrow}.get(dtype.bits, small)
