"""Dtypes in, the kernels of running sums and products out, and of differences.

A line is cut into blocks, each the work of one thread: the first kernel combines the elements of each block,
and the second one starts every block from what those before it give. Neither needs a barrier.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from metal_runtime import language as metal
from metal_runtime.dtype import DType
from metal_runtime.ops.compiled import python_program
from metal_runtime.ops.programs.places import UINT, metal_type, read, written
from metal_runtime.ops.promotion import dtype_name
from metal_runtime.program import MslProgram

COLUMNS = 16
"""Lines side by side in memory that one thread scans."""


def _add(a, b):
    return a + b


def _multiply(a, b):
    return a * b


def _subtract(a, b):
    return a - b


def _differ(a, b):
    return a != b


@dataclass(frozen=True, slots=True)
class Scan:
    """``name`` is what the kernels are called after."""

    name: str
    combine: Callable[..., Any]
    start: int

    def blocks_differ(self, held: DType) -> bool:
        """Whether blocks may be scanned by themselves: of products of floats, one may overflow alone."""
        return self.name == "cumsum" or not held.is_float


CUMSUM = Scan("cumsum", _add, 0)
CUMPROD = Scan("cumprod", _multiply, 1)


@functools.cache
def line_totals_program(scan: Scan, source: DType, held: DType) -> MslProgram:
    """Of lines of ``n``: ``totals[o, b]`` combines ``block`` elements. Grid: (blocks, outer)."""
    combine, to, identity = scan.combine, metal_type(held), scan.start

    def totals(a, totals, n, blocks, block):
        b, o, _ = metal.thread_id_3d()
        start = metal.ulong(b) * block
        end = min(start + block, metal.ulong(n))
        line = metal.ulong(o) * n
        carry = to(identity)
        whole = start + (end - start) // 4 * 4
        for k in range(start, whole, 4):
            p0, p1 = to(a[line + k]), to(a[line + k + 1])
            p2, p3 = to(a[line + k + 2]), to(a[line + k + 3])
            carry = combine(carry, combine(combine(p0, p1), combine(p2, p3)))
        for k in range(whole, end):
            carry = combine(carry, to(a[line + k]))
        totals[metal.ulong(o) * blocks + b] = carry

    name = f"{scan.name}_totals_{dtype_name(source)}"
    return python_program(totals, name, read(source), written(held), UINT, UINT, UINT)


@functools.cache
def line_program(scan: Scan, source: DType, held: DType, out: DType) -> MslProgram:
    """Block b of each line, from ``before[o, b - 1]`` on. Grid: (blocks, outer)."""
    combine, to, result, identity = scan.combine, metal_type(held), metal_type(out), scan.start
    together = 4 if scan.blocks_differ(held) else 1

    def scan_lines(a, before, out, n, blocks, block):
        b, o, _ = metal.thread_id_3d()
        start = metal.ulong(b) * block
        end = min(start + block, metal.ulong(n))
        line = metal.ulong(o) * n
        carry = to(identity)
        if b > 0:
            carry = before[metal.ulong(o) * blocks + b - 1]
        whole = start
        if together == 4:
            # Four at a time: the chain of operations that wait for each other is a quarter as long.
            whole = start + (end - start) // 4 * 4
            for k in range(start, whole, 4):
                i = line + k
                p0, p1, p2, p3 = to(a[i]), to(a[i + 1]), to(a[i + 2]), to(a[i + 3])
                s1 = combine(p0, p1)
                s2, s3 = combine(s1, p2), combine(s1, combine(p2, p3))
                out[i] = result(combine(carry, p0))
                out[i + 1] = result(combine(carry, s1))
                out[i + 2] = result(combine(carry, s2))
                carry = combine(carry, s3)
                out[i + 3] = result(carry)
        for k in range(whole, end):
            carry = combine(carry, to(a[line + k]))
            out[line + k] = result(carry)

    name = f"{scan.name}_{dtype_name(source)}_{dtype_name(out)}"
    types = (read(source), read(held), written(out), UINT, UINT, UINT)
    return python_program(scan_lines, name, *types)


@functools.cache
def column_totals_program(scan: Scan, source: DType, held: DType) -> MslProgram:
    """As ``line_totals_program`` of (outer, n, inner). Grid: (inner / COLUMNS rounded up, blocks, outer)."""
    combine, to, identity = scan.combine, metal_type(held), scan.start

    def totals(a, totals, n, inner, blocks, block):
        x, b, o = metal.thread_id_3d()
        sums = metal.thread_array(to, COLUMNS)
        column = metal.ulong(x) * COLUMNS
        width = min(metal.ulong(COLUMNS), inner - column)
        start = metal.ulong(b) * block
        for c in range(COLUMNS):
            sums[c] = to(identity)
        for k in range(start, min(start + block, metal.ulong(n))):
            row = (metal.ulong(o) * n + k) * inner + column
            if width == COLUMNS:
                for c in range(COLUMNS):
                    sums[c] = combine(sums[c], to(a[row + c]))
            else:
                for c in range(width):
                    sums[c] = combine(sums[c], to(a[row + c]))
        place = (metal.ulong(o) * blocks + b) * inner + column
        for c in range(width):
            totals[place + c] = sums[c]

    name = f"{scan.name}_totals_{dtype_name(source)}_columns"
    return python_program(totals, name, read(source), written(held), UINT, UINT, UINT, UINT)


@functools.cache
def column_program(scan: Scan, source: DType, held: DType, out: DType) -> MslProgram:
    """As ``line_program`` of (outer, n, inner). Grid: (inner / COLUMNS rounded up, blocks, outer)."""
    combine, to, result, identity = scan.combine, metal_type(held), metal_type(out), scan.start

    def scan_columns(a, before, out, n, inner, blocks, block):
        x, b, o = metal.thread_id_3d()
        sums = metal.thread_array(to, COLUMNS)
        column = metal.ulong(x) * COLUMNS
        width = min(metal.ulong(COLUMNS), inner - column)
        start = metal.ulong(b) * block
        for c in range(COLUMNS):
            sums[c] = to(identity)
        if b > 0:
            place = (metal.ulong(o) * blocks + b - 1) * inner + column
            for c in range(width):
                sums[c] = before[place + c]
        for k in range(start, min(start + block, metal.ulong(n))):
            row = (metal.ulong(o) * n + k) * inner + column
            if width == COLUMNS:
                for c in range(COLUMNS):
                    sums[c] = combine(sums[c], to(a[row + c]))
                    out[row + c] = result(sums[c])
            else:
                for c in range(width):
                    sums[c] = combine(sums[c], to(a[row + c]))
                    out[row + c] = result(sums[c])

    name = f"{scan.name}_{dtype_name(source)}_{dtype_name(out)}_columns"
    types = (read(source), read(held), written(out), UINT, UINT, UINT, UINT)
    return python_program(scan_columns, name, *types)


@functools.cache
def differences_program(dtype: DType) -> MslProgram:
    """``out[o, j] = a[o, j + step] - a[o, j]`` (bool: whether they differ), rows of ``row + step``. Grid: (row, outer)."""
    difference = _differ if dtype is DType.BOOL else _subtract

    def differences(a, out, row, step):
        j, o, _ = metal.thread_id_3d()
        i = metal.ulong(o) * (metal.ulong(row) + step) + j
        target = metal.ulong(o) * row + j
        out[target] = difference(a[i + step], a[i])

    name = f"diff_{dtype_name(dtype)}"
    return python_program(differences, name, read(dtype), written(dtype), UINT, UINT)
