# ruff: noqa: N801 -- the classes bear the names of MSL's types
"""``simdgroup_matrix``: 8 x 8 elements spread over the 32 threads of a simdgroup, all of which work on it together.

A matrix is a value: what MSL's functions give through their first argument, these return.
"""

from __future__ import annotations

from typing import Any

from metal_runtime.dtype import DType
from metal_runtime.language.outside import only_in_a_kernel
from metal_runtime.msl_types import Matrix

__all__ = [
    "make_filled_simdgroup_matrix",
    "simdgroup_bfloat8x8",
    "simdgroup_float8x8",
    "simdgroup_half8x8",
    "simdgroup_load",
    "simdgroup_multiply",
    "simdgroup_multiply_accumulate",
    "simdgroup_store",
]


class SimdgroupMatrix:
    """``metal.simdgroup_float8x8(x)``: x on the diagonal, zeros beside it; without x, zeros."""

    msl_type: Matrix

    def __init__(self, diagonal: Any = 0.0) -> None:
        only_in_a_kernel(f"{type(self).__name__}(...)")


class simdgroup_float8x8(SimdgroupMatrix):
    """A matrix of ``float``."""

    msl_type = Matrix(DType.FLOAT32)


class simdgroup_half8x8(SimdgroupMatrix):
    """A matrix of ``half``."""

    msl_type = Matrix(DType.FLOAT16)


class simdgroup_bfloat8x8(SimdgroupMatrix):
    """A matrix of ``bfloat``."""

    msl_type = Matrix(DType.BFLOAT16)


def make_filled_simdgroup_matrix(dtype: Any, value: Any) -> Any:
    """A matrix of ``dtype`` with ``value`` in every element."""
    only_in_a_kernel("make_filled_simdgroup_matrix(dtype, value)")


def simdgroup_load(element: Any, elements_per_row: Any = 8, transpose: Any = False) -> Any:
    """The 8 x 8 elements from ``x[i]`` on, whose rows lie ``elements_per_row`` apart."""
    only_in_a_kernel("simdgroup_load(x[i], elements_per_row)")


def simdgroup_store(
    matrix: Any, element: Any, elements_per_row: Any = 8, transpose: Any = False
) -> None:
    """Writes the elements to ``x[i]`` and on."""
    only_in_a_kernel("simdgroup_store(matrix, x[i], elements_per_row)")


def simdgroup_multiply(a: Any, b: Any) -> Any:
    """``a * b``."""
    only_in_a_kernel("simdgroup_multiply(a, b)")


def simdgroup_multiply_accumulate(a: Any, b: Any, c: Any) -> Any:
    """``a * b + c``."""
    only_in_a_kernel("simdgroup_multiply_accumulate(a, b, c)")
