"""Dtypes in, the kernels that look elements up in sorted ones, count them, and find those that are not zero, out."""

from __future__ import annotations

import functools

from metal_runtime import language as metal
from metal_runtime.dtype import DType
from metal_runtime.ops.compiled import python_program
from metal_runtime.ops.programs.places import LONG, UINT, metal_type, read, written
from metal_runtime.ops.promotion import dtype_name
from metal_runtime.program import MslProgram

BLOCK = 4096
"""Elements that one thread looks at, where it counts those that are not zero."""


def _less(a, b):
    return a < b


def _less_nan_last(a, b):
    return a < b or (b != b and a == a)


def _bool_less(a, b):
    return b and not a


@functools.cache
def search_program(dtype: DType, right: bool) -> MslProgram:
    """How many of ``n`` sorted elements stand before each value (``right``: or equal it). Grid: (values)."""
    less = _less_nan_last if dtype.is_float else _bool_less if dtype is DType.BOOL else _less

    def search(ordered, values, out, n):
        i = metal.thread_id_x()
        value = values[i]
        low, high = metal.ulong(0), metal.ulong(n)
        while low < high:
            middle = (low + high) // 2
            before = not less(value, ordered[middle]) if right else less(ordered[middle], value)
            if before:
                low = middle + 1
            else:
                high = middle
        out[i] = metal.long(low)

    name = f"search_{'right' if right else 'left'}_{dtype_name(dtype)}"
    return python_program(search, name, read(dtype), read(dtype), written(LONG), UINT)


@functools.cache
def bins_program() -> MslProgram:
    """The bin of each element between ``edges`` of ``bins``, the last one closed; ``bins`` if it is in none. Grid: (n)."""

    def place(a, edges, out, bins):
        i = metal.thread_id_x()
        value = a[i]
        low, high = metal.uint(0), bins
        while low < high:
            middle = low + (high - low) // 2
            if edges[middle + 1] <= value:
                low = middle + 1
            else:
                high = middle
        if low == bins and value == edges[bins]:
            low = bins - 1
        out[i] = low if value >= edges[0] else bins

    types = (read(DType.FLOAT32), read(DType.FLOAT32), written(UINT), UINT)
    return python_program(place, "bins", *types)


def _one(weights, k):
    return metal.uint(1)


def _weight(weights, k):
    return weights[k]


@functools.cache
def tally_program(weighted: bool) -> MslProgram:
    """How often each number below ``bins`` stands in each block, or its weights' sum. Grid: (blocks)."""
    to, amount = (metal.float, _weight) if weighted else (metal.uint, _one)

    def tally(places, weights, counts, n, block, bins):
        b = metal.thread_id_x()
        row = metal.ulong(b) * bins
        for k in range(bins):
            counts[row + k] = to(0)
        first = metal.ulong(b) * block
        for k in range(first, min(first + block, metal.ulong(n))):
            counts[row + places[k]] += amount(weights, k)

    held = DType.FLOAT32 if weighted else UINT
    name = "tally_weights" if weighted else "tally"
    types = (read(UINT), read(DType.FLOAT32), written(held), UINT, UINT, UINT)
    return python_program(tally, name, *types)


@functools.cache
def totals_program(weighted: bool) -> MslProgram:
    """The sum of each column of ``blocks`` rows of ``bins``. Grid: (columns)."""
    held, out_dtype = (DType.FLOAT32, DType.FLOAT32) if weighted else (UINT, LONG)
    to = metal_type(out_dtype)

    def totals(counts, out, blocks, bins):
        k = metal.thread_id_x()
        total = to(0)
        for b in range(blocks):
            total += counts[metal.ulong(b) * bins + k]
        out[k] = total

    name = "totals_weights" if weighted else "totals"
    return python_program(totals, name, read(held), written(out_dtype), UINT, UINT)


@functools.cache
def count_nonzero_program(dtype: DType) -> MslProgram:
    """How many elements of each block are not zero. Grid: (blocks)."""
    zero = metal_type(dtype)

    def count(a, counts, n):
        b = metal.thread_id_x()
        first = metal.ulong(b) * BLOCK
        found = metal.uint(0)
        for k in range(first, min(first + BLOCK, metal.ulong(n))):
            found += 1 if a[k] != zero(0) else 0
        counts[b] = found

    return python_program(
        count, f"count_nonzero_{dtype_name(dtype)}", read(dtype), written(UINT), UINT
    )


@functools.cache
def find_nonzero_program(dtype: DType) -> MslProgram:
    """The places of the elements that are not zero; ``ends[b]`` of them up to block b. Grid: (blocks)."""
    zero = metal_type(dtype)

    def find(a, ends, out, n):
        b = metal.thread_id_x()
        first = metal.ulong(b) * BLOCK
        place = metal.ulong(0)
        if b > 0:
            place = ends[b - 1]
        for k in range(first, min(first + BLOCK, metal.ulong(n))):
            if a[k] != zero(0):
                out[place] = metal.long(k)
                place += 1

    name = f"find_nonzero_{dtype_name(dtype)}"
    return python_program(find, name, read(dtype), read(DType.UINT64), written(LONG), UINT)


@functools.cache
def coordinate_program() -> MslProgram:
    """``places / stride % extent``. Grid: (n)."""

    def coordinate(places, out, stride, extent):
        i = metal.thread_id_x()
        out[i] = metal.long(metal.uint(places[i]) // stride % extent)

    return python_program(coordinate, "coordinate", read(LONG), written(LONG), UINT, UINT)


@functools.cache
def first_of_equals_program(key: DType) -> MslProgram:
    """Whether a sorted key differs from the one before it. Grid: (n)."""

    def first(keys, out):
        i = metal.thread_id_x()
        before = keys[metal.uint(max(metal.long(i) - 1, metal.long(0)))]
        out[i] = i == 0 or keys[i] != before

    return python_program(
        first, f"first_of_equals_{dtype_name(key)}", read(key), written(DType.BOOL)
    )


@functools.cache
def inverse_program() -> MslProgram:
    """``out[positions[i]] = numbers[i] - 1``. Grid: (n)."""

    def inverse(positions, numbers, out):
        i = metal.thread_id_x()
        out[positions[i]] = numbers[i] - 1

    return python_program(inverse, "inverse", read(UINT), read(LONG), written(LONG))
