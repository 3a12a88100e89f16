"""Dtypes in, the kernels that copy elements to other places out: joining, padding, repeating, transposing."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from metal_runtime import language as metal
from metal_runtime.dtype import DType
from metal_runtime.ops.compiled import python_program
from metal_runtime.ops.programs.places import UINT, metal_type, place_reader, read, written
from metal_runtime.ops.promotion import dtype_name
from metal_runtime.program import MslProgram


@functools.cache
def rows_program(source: DType, out: DType) -> MslProgram:
    """``out[o, start + j] = a[o, begin + j]``, rows of ``row`` and ``out_row`` elements. Grid: (elements, outer)."""
    to = metal_type(out)

    def copy(a, out, row, out_row, begin, start):
        j, o, _ = metal.thread_id_3d()
        out[metal.ulong(o) * out_row + start + j] = to(a[metal.ulong(o) * row + begin + j])

    name = f"copy_rows_{dtype_name(source)}_{dtype_name(out)}"
    return python_program(copy, name, read(source), written(out), UINT, UINT, UINT, UINT)


@functools.cache
def repeat_program(dtype: DType, along_memory: bool) -> MslProgram:
    """``out[o, k, x] = a[o, k / times, x]``. Grid: ``Lines.grid(n * times)``."""
    place = place_reader(along_memory)

    def repeat(a, out, n, times, inner):
        k, o, x = place()
        source = metal.ulong(o) * n + k // times
        out[((metal.ulong(o) * n) * times + k) * inner + x] = a[source * inner + x]

    name = f"repeat_{dtype_name(dtype)}" + ("" if along_memory else "_rows")
    return python_program(repeat, name, read(dtype), written(dtype), UINT, UINT, UINT)


@functools.cache
def border_program(dtype: DType, mode: str, along_memory: bool) -> MslProgram:
    """The places of a padded line that are none of the line's own. Grid: ``Lines.grid(before + after)``.

    ``p`` and ``q`` are what ``turned`` says; ``value`` is the constant of mode "constant".
    """
    place = place_reader(along_memory)
    fill = mode == "constant"
    choose = _CHOICES.get(mode, _edge)

    def pad(a, out, n, count, inner, before, p, q, value):
        b, o, x = place()
        k = b if b < before else b + n
        target = (metal.ulong(o) * count + k) * inner + x
        if fill:
            out[target] = value
        else:
            out[target] = a[(metal.ulong(o) * n + choose(k, n, p, q)) * inner + x]

    name = f"pad_{mode}_{dtype_name(dtype)}" + ("" if along_memory else "_rows")
    return python_program(pad, name, read(dtype), written(dtype), *(UINT,) * 6, dtype)


# --- which element of a line stands at place k of the padded one ----------------------------------


def _edge(k, n, p, q):
    """``p`` places were added before the line."""
    return 0 if k < p else n - 1


def _turned(k, p, q):
    """``(k + p) % q`` for p < q, without overflow."""
    rest = k % q
    return rest - (q - p) if rest >= q - p else rest + p


def _wrap(k, n, p, q):
    return _turned(k, p, q)


def _reflect(k, n, p, q):
    turned = _turned(k, p, q)
    return turned if turned < n else q - turned


def _symmetric(k, n, p, q):
    turned = _turned(k, p, q)
    return turned if turned < n else q - 1 - turned


_CHOICES: dict[str, Callable[..., Any]] = {
    "edge": _edge,
    "wrap": _wrap,
    "reflect": _reflect,
    "symmetric": _symmetric,
}
"""All arguments are of 32 bits without a sign."""
