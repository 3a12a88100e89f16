"""A product in, the kernels for vectors and small matrices out: columns side by side, dot products, their sum.

Operands are read where they lie. A deep product may be split: then a launch sums blocks of the depth,
and another their sums.
"""

from __future__ import annotations

import functools

from metal_runtime.ir.nodes import (
    Assign,
    Block,
    Construct,
    Declare,
    Expr,
    For,
    If,
    Load,
    Param,
    Read,
    Swizzle,
)
from metal_runtime.ops.expressions import apply, convert
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
    sub,
    total_at,
    totals,
    uints,
    zero,
)
from metal_runtime.program import MslProgram

DOT_LANES = 32
"""How many sums of a dot product grow side by side: they hide the latency of one operation."""

_A_BATCH, _B_BATCH = strides_param("a_batch"), strides_param("b_batch")


@functools.cache
def columns_program(product: Product, width: int, adjacent: bool) -> MslProgram:
    """``out[z][row][column]`` sums ``a[row][k] * b[k][column]`` over block z % splits of the depth.

    Grid: (columns / width rounded up, rows, batch * splits). A thread takes ``width`` columns side by
    side, or what is left of them. ``adjacent``: the stride of b's columns is 1.
    """
    held = product.held
    vectors = range(width // 4)
    sums = [Read(f"total{v}", four(held)) for v in vectors]

    def right(v: int) -> Construct:
        places = [number(4 * v + c) for c in range(4)]
        steps = places if adjacent else [mul(p, stride("b_column")) for p in places]
        loads = (Load("b", add(index("here"), step), product.b) for step in steps)
        return Construct(tuple(convert(load, held) for load in loads), four(held))

    across = index("first") if adjacent else mul(index("first"), stride("b_column"))
    here = add(index("b_start"), mul(index("k"), stride("b_depth")), across)
    steps: Block = (
        Declare("factor", held, _element("a", product, index("k"))),
        Declare("here", ULONG, here),
        *(
            Assign(sums[v], multiply_add(splat(Read("factor", held), held), right(v), sums[v]))
            for v in vectors
        ),
    )
    many: Block = (
        *(Declare(s.name, four(held), splat(zero(held), held)) for s in sums),
        _deep(steps),
        *(store_four(number(4 * v), sums[v], held) for v in vectors),
        For(
            "column", ULONG, index("first"), add(index("first"), number(width)), number(1),
            (_store(product, total_at(sub(index("column"), index("first")), held)),),
        ),
    )  # fmt: skip
    total = Read("total", held)
    left = _element("a", product, index("k"))
    single = _element("b", product, index("k"), index("column"), adjacent)
    one: Block = (
        Declare("total", held, zero(held)),
        _deep((Assign(total, multiply_add(left, single, total)),)),
        _store(product, total),
    )
    body: Block = (
        *_start(),
        Declare("first", ULONG, mul(grid_place("x"), number(width))),
        If(
            apply("le", add(index("first"), number(width)), size("columns")),
            many,
            (For("column", ULONG, index("first"), size("columns"), number(1), one),),
        ),
    )
    functions = (batch_function(), store_function(held))
    name = f"matmul_{width}_columns" if adjacent else f"matmul_{width}_strided_columns"
    return product_program(name, product, _params(product), body, functions, (totals(held, width),))


@functools.cache
def dots_program(product: Product) -> MslProgram:
    """The same, one element a thread, where the depth has stride 1 in both operands.

    Grid: (columns, rows, batch * splits).
    """
    held = product.held
    vectors = range(DOT_LANES // 4)
    sums = [Read(f"total{v}", four(held)) for v in vectors]
    total = Read("total", held)

    def element(name: str, place: Expr) -> Expr:
        source = product.a if name == "a" else product.b
        return convert(Load(name, place, source), held)

    def parts(name: str, v: int) -> Construct:
        places = [add(index(f"{name}_here"), number(4 * v + c)) for c in range(4)]
        return Construct(tuple(element(name, place) for place in places), four(held))

    whole = sub(index("end"), apply("rem", sub(index("end"), index("begin")), number(DOT_LANES)))
    line = add(index("b_start"), mul(index("column"), stride("b_column")))
    steps: Block = (
        Declare("a_here", ULONG, add(index("a_start"), index("k"))),
        Declare("b_here", ULONG, add(index("b_line"), index("k"))),
        *(Assign(sums[v], multiply_add(parts("a", v), parts("b", v), sums[v])) for v in vectors),
    )
    left = element("a", add(index("a_start"), index("k")))
    right = element("b", add(index("b_line"), index("k")))
    body: Block = (
        *_start(),
        Declare("column", ULONG, grid_place("x")),
        Declare("b_line", ULONG, line),
        Declare("whole", ULONG, whole),
        *(Declare(s.name, four(held), splat(zero(held), held)) for s in sums),
        For("k", ULONG, index("begin"), index("whole"), number(DOT_LANES), steps),
        Declare("total", held, _sum_of([Swizzle(s, c, held) for s in sums for c in "xyzw"])),
        For(
            "k", ULONG, index("whole"), index("end"), number(1),
            (Assign(total, multiply_add(left, right, total)),),
        ),
        _store(product, total),
    )  # fmt: skip
    return product_program("matmul_dots", product, _params(product), body, (batch_function(),), ())


@functools.cache
def finish_program(product: Product) -> MslProgram:
    """``out[batch][row][column]`` sums ``parts[batch][0 … splits][row][column]``. Grid: (columns, rows, batch)."""
    held = product.held
    total = Read("total", held)
    line = add(
        mul(add(mul(index("batch"), size("splits")), index("k")), size("rows")), index("row")
    )
    part = Load("parts", add(mul(line, size("columns")), index("column")), held)
    step: Block = (Assign(total, add(total, part)),)
    body: Block = (
        Declare("column", ULONG, grid_place("x")),
        Declare("row", ULONG, grid_place("y")),
        Declare("batch", ULONG, grid_place("z")),
        Declare("line", ULONG, mul(add(mul(index("batch"), size("rows")), index("row")), size("columns"))),
        Declare("total", held, zero(held)),
        For("k", ULONG, number(0), size("splits"), number(1), step),
        _store(product, total),
    )  # fmt: skip
    params = (
        source_param("parts", held),
        out_param(product.out),
        *uints("rows", "columns", "splits"),
    )
    return product_program("matmul_finish", product, params, body, (), ())


# --- what they share -----------------------------------------------------------------------------


def _params(product: Product) -> tuple[Param, ...]:
    return (
        source_param("a", product.a),
        source_param("b", product.b),
        out_param(product.out),
        *uints("rows", "columns", "depth", "block", "splits"),
        *longs("a_offset", "a_row", "a_depth", "b_offset", "b_depth", "b_column"),
        SIZES,
        _A_BATCH,
        _B_BATCH,
    )


def _start() -> Block:
    """The row and the batch of the thread, the block of the depth that it sums, and where its operands begin."""
    z = grid_place("z")
    split = apply("rem", z, size("splits"))
    a = add(
        stride("a_offset"),
        batch_offset(index("batch"), _A_BATCH),
        mul(index("row"), stride("a_row")),
    )
    b = add(stride("b_offset"), batch_offset(index("batch"), _B_BATCH))
    return (
        Declare("row", ULONG, grid_place("y")),
        Declare("batch", ULONG, apply("div", z, size("splits"))),
        Declare("line", ULONG, mul(add(mul(z, size("rows")), index("row")), size("columns"))),
        Declare("begin", ULONG, mul(split, size("block"))),
        Declare("end", ULONG, least(add(index("begin"), size("block")), size("depth"))),
        Declare("a_start", ULONG, a),
        Declare("b_start", ULONG, b),
    )  # fmt: skip


def _element(
    name: str, product: Product, k: Expr, column: Expr | None = None, adjacent: bool = False
) -> Expr:
    """An element of ``a`` in the thread's row, or of ``b`` in a column, as it is summed."""
    place = add(index(f"{name}_start"), mul(k, stride(f"{name}_depth")))
    if column is not None:
        place = add(place, column if adjacent else mul(column, stride("b_column")))
    source = product.a if name == "a" else product.b
    return convert(Load(name, place, source), product.held)


def _deep(body: Block) -> For:
    return For("k", ULONG, index("begin"), index("end"), number(1), body)


def _store(product: Product, total: Expr) -> Assign:
    value = product.finished(total, index("row"), index("column"), index("batch"))
    return Assign(Load("out", add(index("line"), index("column")), product.out), value)


def _sum_of(parts: list[Swizzle]) -> Expr:
    """Pair by pair."""
    terms: list[Expr] = list(parts)
    while len(terms) > 1:
        half = len(terms) // 2
        terms = [add(a, b) for a, b in zip(terms[:half], terms[half:], strict=True)]
    return terms[0]
