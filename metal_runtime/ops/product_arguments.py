"""A product in, the arguments of its kernels out: operands, the result, and numbers in groups, with what unpacks them."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from metal_runtime.dtype import DType
from metal_runtime.ir.nodes import (
    Block,
    Call,
    Cast,
    Declare,
    Expr,
    Function,
    Param,
    Read,
    Return,
    Stmt,
    Swizzle,
)
from metal_runtime.msl_types import AddressSpace, Pointer, Vector
from metal_runtime.ops.expressions import apply
from metal_runtime.ops.kernels import UINT, pointer
from metal_runtime.ops.products import BATCH_AXES, LONG, ULONG, Product, add, index, mul


@dataclass(frozen=True, slots=True)
class Numbers:
    """Up to four sizes or strides that are one argument: each costs a launch some time, and kernels have 31."""

    name: str
    dtype: DType
    """UINT, or LONG for what may be negative."""

    names: tuple[str, ...]

    @property
    def param(self) -> Param:
        return Param(self.name, Vector(self.dtype, 4))

    @property
    def declared(self) -> Block:
        """Each as an index of its name; negative strides wrap, and so does the sum that they are part of."""
        whole = Read(self.name, Vector(self.dtype, 4))
        parts = zip(self.names, "xyzw", strict=False)
        return tuple(
            Declare(n, ULONG, Cast(Swizzle(whole, c, self.dtype), ULONG)) for n, c in parts
        )

    def packed(self, *values: int) -> bytes:
        """What is bound, in the order of the names."""
        assert len(values) == len(self.names)
        return struct.pack(
            "=4I" if self.dtype is UINT else "=4q", *values, *[0] * (4 - len(values))
        )


_AXES = ("outermost", "outer", "inner", "innermost")
BATCH_SIZES = Numbers("batch_sizes", UINT, _AXES)
A_BATCH, B_BATCH = Numbers("a_batch", LONG, _AXES), Numbers("b_batch", LONG, _AXES)
"""The batch strides of the operands."""


def batch_offset(batch: Expr, strides: Numbers) -> Call:
    """Where a batch's matrix begins, in whatever the strides count."""
    sizes = Read(BATCH_SIZES.name, Vector(UINT, BATCH_AXES))
    return Call("batch_offset", (batch, sizes, Read(strides.name, Vector(LONG, BATCH_AXES))), ULONG)


def batch_function() -> Function:
    """The batch's number -> its place along each axis (x outermost) -> the sum of places times strides."""
    sizes, strides = Read("sizes", Vector(UINT, 4)), Read("strides", Vector(LONG, 4))
    rest: Expr = index("batch")
    body: list[Stmt] = []
    terms: list[Expr] = []
    for axis in "wzy":
        length = Cast(Swizzle(sizes, axis, UINT), ULONG)
        terms.append(mul(apply("rem", rest, length), Cast(Swizzle(strides, axis, LONG), ULONG)))
        body.append(Declare(f"beyond_{axis}", ULONG, apply("div", rest, length)))
        rest = index(f"beyond_{axis}")
    terms.append(mul(rest, Cast(Swizzle(strides, "x", LONG), ULONG)))
    body.append(Return(add(*terms)))
    params = (
        Param("batch", ULONG),
        Param("sizes", sizes.type),
        Param("strides", strides.type),
    )
    return Function("batch_offset", params, ULONG, tuple(body))


def source_param(name: str, dtype: DType | Vector) -> Param:
    return Param(name, Pointer(AddressSpace.DEVICE, dtype, const=True))


def out_param(dtype: DType) -> Param:
    return Param("out", pointer(dtype))


# --- operands that are read where they lie, and the result -----------------------------------------

COUNTS = Numbers("counts", UINT, ("rows", "columns", "depth", "splits"))
STRIDES = Numbers("strides", LONG, ("a_row", "a_depth", "b_depth", "b_column"))


def in_place_params(product: Product) -> tuple[Param, ...]:
    """Operands from their first elements on, the result, sizes and strides."""
    numbers = (COUNTS, STRIDES, BATCH_SIZES, A_BATCH, B_BATCH)
    a, b = product.a_prologue, product.b_prologue
    return (
        *((source_param("a", product.a),) if a is None else a.params),
        *((source_param("b", product.b),) if b is None else b.params),
        out_param(product.out),
        *(n.param for n in numbers),
    )


def in_place_start(batch: Expr) -> Block:
    """The numbers by their names, the batch, and where its matrices begin."""
    return (
        *COUNTS.declared,
        *STRIDES.declared,
        Declare("batch", ULONG, batch),
        Declare("a_start", ULONG, batch_offset(index("batch"), A_BATCH)),
        Declare("b_start", ULONG, batch_offset(index("batch"), B_BATCH)),
    )
