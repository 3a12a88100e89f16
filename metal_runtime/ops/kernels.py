"""An operator, the dtypes of its operands and a layout in, the ir.Kernel that computes it out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from metal_runtime.dtype import DType
from metal_runtime.ir.nodes import (
    Assign,
    Builtin,
    Constant,
    Declare,
    Expr,
    Kernel,
    Load,
    Param,
    Read,
    Select,
    Stmt,
    Swizzle,
)
from metal_runtime.ir.walk import walk
from metal_runtime.msl_types import AddressSpace, Pointer, Vector
from metal_runtime.ops.expressions import Builder, apply, convert, functions_called
from metal_runtime.ops.layout import Layout
from metal_runtime.ops.promotion import dtype_name
from metal_runtime.ops.rules import OperatorTypes

OPERAND_NAMES = ("a", "b", "c")
UINT = DType.UINT32


@dataclass(frozen=True, slots=True)
class Operand:
    """How one operand reaches a kernel: an array of ``dtype``, or a scalar passed by value as ``dtype``."""

    dtype: DType
    is_array: bool


def elementwise_kernel(
    name: str,
    build: Builder,
    operands: Sequence[Operand],
    types: OperatorTypes,
    out: DType,
    layout: Layout,
) -> Kernel:
    """``out[i] = build(a[i], b[i], …)``, one thread an element; parameters are the operands, then ``out``,
    then, where the layout has more than one axis, what ``index_parameters`` lists.

    Scalars come by value in the dtype that they are computed in.
    """
    arrays = [k for k, operand in enumerate(operands) if operand.is_array]
    setup, out_index, array_indices = _indices(layout, arrays)
    loads: list[Expr] = []
    params: list[Param] = []
    for k, operand in enumerate(operands):
        letter = OPERAND_NAMES[k]
        if operand.is_array:
            params.append(Param(letter, pointer(operand.dtype, const=True)))
            loads.append(Load(letter, array_indices[arrays.index(k)], operand.dtype))
        else:
            params.append(Param(letter, operand.dtype))
            loads.append(Read(letter, operand.dtype))
    if _chooses(build, types):
        # Both sides of a choice are loaded, for a load behind a condition stops vectorisation.
        for k in arrays:
            variable = Read(f"{OPERAND_NAMES[k]}_i", operands[k].dtype)
            setup.append(Declare(variable.name, variable.type, loads[k]))
            loads[k] = variable
    value = convert(build(*_converted(loads, types)), out)
    params.append(Param("out", pointer(out)))
    params.extend(Param(n, UINT) for n in index_parameters(layout, arrays))
    body = (*setup, Assign(Load("out", out_index, out), value))
    name = _kernel_name(name, operands, types, out, layout)
    return Kernel(name, tuple(params), body, functions_called(value))


def _converted(operands: Sequence[Expr], types: OperatorTypes) -> list[Expr]:
    return [convert(o, dtype) for o, dtype in zip(operands, types.operands, strict=True)]


def _chooses(build: Builder, types: OperatorTypes) -> bool:
    """Whether the operator's expression has a ``?:`` in it."""
    names = zip(OPERAND_NAMES, types.operands, strict=False)
    return any(isinstance(n, Select) for n in walk(build(*(Read(n, t) for n, t in names))))


def pointer(dtype: DType, *, const: bool = False) -> Pointer:
    """A pointer into device memory."""
    return Pointer(AddressSpace.DEVICE, dtype, const)


def uint(value: int) -> Constant:
    """An unsigned constant."""
    return Constant(value, UINT)


def position(axis: str) -> Expr:
    """The thread's place in the grid along ``x``, ``y`` or ``z``."""
    return Swizzle(Builtin("thread_position_in_grid", Vector(UINT, 3)), axis, UINT)


def index_parameters(layout: Layout, arrays: Sequence[int]) -> tuple[str, ...]:
    """The unsigned parameters after ``out``: sizes of all axes but the outermost, then each array's strides.

    ``Broadcast.sizes`` and ``Broadcast.strides`` hold their values in this order.
    """
    if layout.rank == 1:
        return ()
    sizes = tuple(f"size{axis}" for axis in range(layout.rank - 1))
    strides = tuple(
        f"{OPERAND_NAMES[k]}_stride{axis}" for k in arrays for axis in range(1, layout.rank)
    )
    return sizes + strides


def _indices(layout: Layout, arrays: Sequence[int]) -> tuple[list[Stmt], Expr, list[Expr]]:
    """Statements that find the thread's coordinates, the result's index, and the index into each array."""
    if layout.rank == 1:
        i = Read("i", UINT)
        setup: list[Stmt] = [Declare("i", UINT, position("x"))]
        return setup, i, [i if advances else uint(0) for advances in layout.advances]
    setup, coordinates = _coordinates(layout.rank)
    out_index: Expr = position("xyz"[min(layout.rank, 3) - 1])
    for axis in reversed(range(min(layout.rank, 3) - 1)):
        scaled = apply("mul", out_index, Read(f"size{axis}", UINT))
        out_index = apply("add", scaled, coordinates[axis])
    found: list[Expr] = []
    for k, advances in zip(arrays, layout.advances, strict=True):
        terms = [
            apply("mul", coordinates[axis], Read(f"{OPERAND_NAMES[k]}_stride{axis}", UINT))
            for axis in reversed(range(1, layout.rank))
        ]
        found.append(_sum([*terms, coordinates[0]] if advances else terms))
    return setup, out_index, found


def _sum(terms: Sequence[Expr]) -> Expr:
    total = terms[0]
    for term in terms[1:]:
        total = apply("add", total, term)
    return total


def _coordinates(rank: int) -> tuple[list[Stmt], list[Expr]]:
    """The thread's coordinate along each axis; axes beyond the third share z and are divided out of it."""
    coordinates: list[Expr] = [position(axis) for axis in "xyz"[:rank]]
    setup: list[Stmt] = []
    if rank > 3:
        rest = coordinates.pop()
        for axis in range(2, rank - 1):
            size = Read(f"size{axis}", UINT)
            setup.append(Declare(f"i{axis}", UINT, apply("rem", rest, size)))
            setup.append(Declare(f"rest{axis}", UINT, apply("div", rest, size)))
            coordinates.append(Read(f"i{axis}", UINT))
            rest = Read(f"rest{axis}", UINT)
        coordinates.append(rest)
    return setup, coordinates


def _kernel_name(
    name: str, operands: Sequence[Operand], types: OperatorTypes, out: DType, layout: Layout
) -> str:
    """``add_float32``, ``sub_scalar_float32``, ``mul_int32_float32``, ``add_float32_2d_row_column`` …"""
    if len({o.dtype for o in operands}) == 1 and all(o.is_array for o in operands):
        words = [name, dtype_name(operands[0].dtype)]
    else:
        words = [name, *(dtype_name(o.dtype) if o.is_array else "scalar" for o in operands)]
        if not any(o.is_array for o in operands):
            words.append(dtype_name(types.operands[-1]))
    if out is not types.result:
        words += ["to", dtype_name(out)]
    if not layout.is_line:
        words.append(f"{layout.rank}d")
        words += ["row" if advances else "column" for advances in layout.advances]
    return "_".join(words)
