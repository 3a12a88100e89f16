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
from metal_runtime.ops.product_arguments import (
    batch_function,
    in_place_params,
    in_place_start,
)
from metal_runtime.ops.products import (
    ULONG,
    Product,
    add,
    four,
    grid_place,
    index,
    least,
    line_of,
    mul,
    multiply_add,
    number,
    product_program,
    splat,
    store,
    store_four,
    store_function,
    total_at,
    totals,
    up_to,
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
        Declare("x", ULONG, _within("x")),
        Declare("y", ULONG, _within("y")),
        Declare("thread_index", ULONG, add(mul(index("y"), number(THREADGROUP[0])), index("x"))),
        Declare("first_row", ULONG, rows),
        Declare("first_column", ULONG, columns),
        *in_place_start(grid_place("z")),
        *(Declare(s.name, four(held), splat(zero(held), held)) for s in sums),
        up_to(
            "begin", number(0), index("depth"),
            (*_shares(product), barrier, _sums(product, sums), barrier), DEPTH,
        ),
        *(store_four(number(_PART * i), s, held) for i, s in enumerate(sums)),
        _stores(product),
    )  # fmt: skip
    shared = Pointer(AddressSpace.THREADGROUP, held)
    arrays = (
        Array("a_tile", shared, (DEPTH * SIDE,)),
        Array("b_tile", shared, (DEPTH * SIDE,)),
        totals(held, _PART * _PART),
    )
    functions = (batch_function(), store_function(held))
    params = in_place_params(product)
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
    a_place = add(index("a_start"), mul(row, index("a_row")), mul(k, index("a_depth")))
    a = _guarded(apply("lt", row, index("rows")), k, convert(Load("a", a_place, product.a), held))
    column = add(index("first_column"), apply("rem", element, number(SIDE)))
    k = add(index("begin"), apply("div", element, number(SIDE)))
    b_place = add(index("b_start"), mul(k, index("b_depth")), mul(column, index("b_column")))
    b = _guarded(
        apply("lt", column, index("columns")), k, convert(Load("b", b_place, product.b), held)
    )
    writes: Block = (
        Assign(Load("a_tile", add(mul(deep, number(SIDE)), across), held), a),
        Assign(Load("b_tile", element, held), b),
    )
    return (up_to("element", index("thread_index"), number(DEPTH * SIDE), writes, _THREADS),)


def _guarded(inside: Expr, k: Expr, value: Expr) -> Expr:
    held = value.type
    assert not isinstance(held, Vector)
    there = apply("logical_and", inside, apply("lt", k, index("depth")))
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
    return up_to("k", number(0), number(DEPTH), steps)


def _stores(product: Product) -> For:
    """The thread's part, so far as it lies in the result."""
    total = total_at(add(mul(index("i"), number(_PART)), index("j")), product.held)
    element = store(product, total, line_of(index("batch")))
    corner_row = add(index("first_row"), mul(index("y"), number(_PART)))
    corner_column = add(index("first_column"), mul(index("x"), number(_PART)))

    def left(length: str, corner: Expr) -> Expr:
        """How many of the thread's rows or columns lie in the result."""
        beyond = apply("lt", index(length), corner)
        room = apply("sub", index(length), corner)
        return Select(beyond, number(0), least(room, number(_PART)), ULONG)

    across = up_to(
        "j", number(0), left("columns", corner_column),
        (Declare("column", ULONG, add(corner_column, index("j"))), element),
    )  # fmt: skip
    down: Block = (Declare("row", ULONG, add(corner_row, index("i"))), across)
    return up_to("i", number(0), left("rows", corner_row), down)
