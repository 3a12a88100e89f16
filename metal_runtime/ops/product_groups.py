"""A product in, the kernel for GPUs out: threadgroups that share tiles of both operands."""

from __future__ import annotations

import functools

from metal_runtime.ir.nodes import (
    Array,
    Assign,
    Barrier,
    BarrierScope,
    Block,
    Builtin,
    Cast,
    Construct,
    Declare,
    Expr,
    For,
    Load,
    Read,
    Select,
    Swizzle,
)
from metal_runtime.msl_types import AddressSpace, Pointer, Vector
from metal_runtime.ops.expressions import apply, convert
from metal_runtime.ops.kernels import UINT
from metal_runtime.ops.products import (
    SIZES,
    ULONG,
    Product,
    add,
    batch_function,
    batch_offset,
    four,
    grid_place,
    index,
    least,
    longs,
    mul,
    multiply_add,
    number,
    out_param,
    product_program,
    size,
    source_param,
    splat,
    store_four,
    store_function,
    stride,
    strides_param,
    total_at,
    totals,
    uints,
    zero,
)
from metal_runtime.program import MslProgram

SIDE = 32
"""Rows and columns of the result that a threadgroup computes."""

DEPTH = 16
"""How deep the tiles are that it shares."""

THREADGROUP = (8, 8, 1)
_PART = 4  # rows and columns of one thread
_THREADS = 64

_A_BATCH, _B_BATCH = strides_param("a_batch"), strides_param("b_batch")


@functools.cache
def group_program(product: Product) -> MslProgram:
    """``out`` is (batch, rows, columns); the operands are read where they lie.

    Grid: 8 threads by 8 for each SIDE columns and SIDE rows, whole threadgroups only; batch.
    """
    held = product.held
    sums = [Read(f"c{i}", four(held)) for i in range(_PART)]
    rows, columns = _first("y"), _first("x")
    barrier = Barrier(BarrierScope.THREADGROUP)
    body: Block = (
        Declare("batch", ULONG, grid_place("z")),
        Declare("x", ULONG, _within("x")),
        Declare("y", ULONG, _within("y")),
        Declare("thread_index", ULONG, add(mul(index("y"), number(THREADGROUP[0])), index("x"))),
        Declare("first_row", ULONG, rows),
        Declare("first_column", ULONG, columns),
        Declare("a_start", ULONG, add(stride("a_offset"), batch_offset(index("batch"), _A_BATCH))),
        Declare("b_start", ULONG, add(stride("b_offset"), batch_offset(index("batch"), _B_BATCH))),
        *(Declare(s.name, four(held), splat(zero(held), held)) for s in sums),
        For(
            "begin", ULONG, number(0), size("depth"), number(DEPTH),
            (*_shares(product), barrier, _sums(product, sums), barrier),
        ),
        *(store_four(number(_PART * i), s, held) for i, s in enumerate(sums)),
        _stores(product),
    )  # fmt: skip
    params = (
        source_param("a", product.a),
        source_param("b", product.b),
        out_param(product.out),
        *uints("rows", "columns", "depth"),
        *longs("a_offset", "a_row", "a_depth", "b_offset", "b_depth", "b_column"),
        SIZES,
        _A_BATCH,
        _B_BATCH,
    )
    shared = Pointer(AddressSpace.THREADGROUP, held)
    arrays = (
        Array("a_tile", shared, (DEPTH * SIDE,)),
        Array("b_tile", shared, (DEPTH * SIDE,)),
        totals(held, _PART * _PART),
    )
    functions = (batch_function(), store_function(held))
    return product_program("matmul_groups", product, params, body, functions, arrays)


def _first(axis: str) -> Expr:
    """The first row or column of the threadgroup."""
    group = Swizzle(Builtin("threadgroup_position_in_grid", Vector(UINT, 3)), axis, UINT)
    return mul(Cast(group, ULONG), number(SIDE))


def _within(axis: str) -> Expr:
    place = Swizzle(Builtin("thread_position_in_threadgroup", Vector(UINT, 3)), axis, UINT)
    return Cast(place, ULONG)


def _shares(product: Product) -> Block:
    """The threads write a tile of each operand, zeros where there are no elements: ``[k][row]``, ``[k][column]``.

    Neighbouring threads read along the depth of ``a`` and along the columns of ``b``.
    """
    held = product.held
    element = index("element")
    deep, across = apply("rem", element, number(DEPTH)), apply("div", element, number(DEPTH))
    row, k = add(index("first_row"), across), add(index("begin"), deep)
    a_place = add(index("a_start"), mul(row, stride("a_row")), mul(k, stride("a_depth")))
    a = _guarded(apply("lt", row, size("rows")), k, convert(Load("a", a_place, product.a), held))
    column = add(index("first_column"), apply("rem", element, number(SIDE)))
    k = add(index("begin"), apply("div", element, number(SIDE)))
    b_place = add(index("b_start"), mul(k, stride("b_depth")), mul(column, stride("b_column")))
    b = _guarded(
        apply("lt", column, size("columns")), k, convert(Load("b", b_place, product.b), held)
    )
    writes: Block = (
        Assign(Load("a_tile", add(mul(deep, number(SIDE)), across), held), a),
        Assign(Load("b_tile", element, held), b),
    )
    return (
        For("element", ULONG, index("thread_index"), number(DEPTH * SIDE), number(_THREADS), writes),
    )  # fmt: skip


def _guarded(inside: Expr, k: Expr, value: Expr) -> Expr:
    held = value.type
    assert not isinstance(held, Vector)
    there = apply("logical_and", inside, apply("lt", k, size("depth")))
    return Select(there, value, zero(held), held)  # type: ignore[arg-type]


def _sums(product: Product, sums: list[Read]) -> For:
    held = product.held
    line = mul(index("k"), number(SIDE))

    def shared(tile: str, part: str, offset: int) -> Load:
        return Load(tile, add(line, mul(index(part), number(_PART)), number(offset)), held)

    right = Construct(tuple(shared("b_tile", "x", c) for c in range(_PART)), four(held))
    steps: Block = (
        Declare("right", right.type, right),
        *(
            Assign(
                s,
                multiply_add(splat(shared("a_tile", "y", i), held), Read("right", right.type), s),
            )
            for i, s in enumerate(sums)
        ),
    )
    return For("k", ULONG, number(0), number(DEPTH), number(1), steps)


def _stores(product: Product) -> For:
    """The thread's part, so far as it lies in the result."""
    row, column = index("row"), index("column")
    value = product.finished(
        total_at(add(mul(index("i"), number(_PART)), index("j")), product.held),
        row,
        column,
        index("batch"),
    )
    line = add(mul(index("batch"), size("rows")), row)
    store = Assign(Load("out", add(mul(line, size("columns")), column), product.out), value)
    corner_row = add(index("first_row"), mul(index("y"), number(_PART)))
    corner_column = add(index("first_column"), mul(index("x"), number(_PART)))

    def left(length: str, corner: Expr) -> Expr:
        """How many of the thread's rows or columns lie in the result."""
        beyond = apply("lt", size(length), corner)
        room = apply("sub", size(length), corner)
        return Select(beyond, number(0), least(room, number(_PART)), ULONG)

    return For(
        "i", ULONG, number(0), left("rows", corner_row), number(1),
        (
            Declare("row", ULONG, add(corner_row, index("i"))),
            For(
                "j", ULONG, number(0), left("columns", corner_column), number(1),
                (Declare("column", ULONG, add(corner_column, index("j"))), store),
            ),
        ),
    )  # fmt: skip
