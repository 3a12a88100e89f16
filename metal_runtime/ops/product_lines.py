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
    Read,
    Swizzle,
)
from metal_runtime.ops.expressions import apply, convert
from metal_runtime.ops.products import (
    COUNTS,
    ULONG,
    Product,
    add,
    batch_function,
    four,
    grid_place,
    in_place_params,
    in_place_start,
    index,
    least,
    line_of,
    mul,
    multiply_add,
    number,
    out_param,
    product_program,
    source_param,
    splat,
    store,
    store_four,
    store_function,
    sub,
    total_at,
    totals,
    up_to,
    zero,
)
from metal_runtime.program import MslProgram

DOT_LANES = 32
"""How many sums of a dot product grow side by side: they hide the latency of one operation."""


@functools.cache
def columns_program(product: Product, width: int, adjacent: bool) -> MslProgram:
    """``out[z][row][column]`` sums ``a[row][k] * b[k][column]`` over block z % splits of the depth.

    Grid: (columns / width rounded up, rows, batch * splits). A thread takes ``width`` columns side by
    side; the last one's begin early enough, so that a few may be computed twice. Where the result is
    narrower, it takes them one by one. ``adjacent``: the stride of b's columns is 1.
    """
    held = product.held
    vectors = range(width // 4)
    b_column = number(1) if adjacent else index("b_column")
    sums = [Read(f"total{v}", four(held)) for v in vectors]

    def right(v: int) -> Construct:
        places = [number(4 * v + c) for c in range(4)]
        steps = places if adjacent else [mul(p, b_column) for p in places]
        loads = (Load("b", add(index("here"), step), product.b) for step in steps)
        return Construct(tuple(convert(load, held) for load in loads), four(held))

    def right_of(column: Expr) -> Expr:
        """Where the element of ``b`` lies that meets the factor."""
        return add(index("b_start"), mul(index("k"), index("b_depth")), mul(column, b_column))

    here = right_of(index("first"))
    a_place = add(index("a_line"), mul(index("k"), index("a_depth")))
    left = convert(Load("a", a_place, product.a), held)
    steps: Block = (
        Declare("factor", held, left),
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
        up_to(
            "column",
            index("first"),
            add(index("first"), number(width)),
            (_store(product, total_at(sub(index("column"), index("first")), held)),),
        ),
    )
    total = Read("total", held)
    single = convert(Load("b", right_of(index("column")), product.b), held)
    one: Block = (
        Declare("total", held, zero(held)),
        _deep((Assign(total, multiply_add(left, single, total)),)),
        _store(product, total),
    )
    begin = mul(grid_place("x"), number(width))
    body: Block = (
        *_start(),
        If(
            apply("le", number(width), index("columns")),
            (Declare("first", ULONG, least(begin, sub(index("columns"), number(width)))), *many),
            (up_to("column", begin, index("columns"), one),),
        ),
    )
    functions = (batch_function(), store_function(held))
    name = f"matmul_{width}_columns" if adjacent else f"matmul_{width}_strided_columns"
    return product_program(
        name, product, in_place_params(product), body, functions, (totals(held, width),)
    )


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
    line = add(index("b_start"), mul(index("column"), index("b_column")))
    steps: Block = (
        Declare("a_here", ULONG, add(index("a_line"), index("k"))),
        Declare("b_here", ULONG, add(index("b_line"), index("k"))),
        *(Assign(sums[v], multiply_add(parts("a", v), parts("b", v), sums[v])) for v in vectors),
    )
    left = element("a", add(index("a_line"), index("k")))
    right = element("b", add(index("b_line"), index("k")))
    body: Block = (
        *_start(),
        Declare("column", ULONG, grid_place("x")),
        Declare("b_line", ULONG, line),
        Declare("whole", ULONG, whole),
        *(Declare(s.name, four(held), splat(zero(held), held)) for s in sums),
        up_to("k", index("begin"), index("whole"), steps, DOT_LANES),
        Declare("total", held, _sum_of([Swizzle(s, c, held) for s in sums for c in "xyzw"])),
        up_to(
            "k", index("whole"), index("end"), (Assign(total, multiply_add(left, right, total)),)
        ),
        _store(product, total),
    )
    return product_program(
        "matmul_dots", product, in_place_params(product), body, (batch_function(),), ()
    )


@functools.cache
def finish_program(product: Product) -> MslProgram:
    """``out[batch][row][column]`` sums ``parts[batch][0 … splits][row][column]``. Grid: (columns, rows, batch)."""
    held = product.held
    total = Read("total", held)
    line = add(
        mul(add(mul(index("batch"), index("splits")), index("k")), index("rows")), index("row")
    )
    part = Load("parts", add(mul(line, index("columns")), index("column")), held)
    step: Block = (Assign(total, add(total, part)),)
    body: Block = (
        Declare("column", ULONG, grid_place("x")),
        Declare("row", ULONG, grid_place("y")),
        Declare("batch", ULONG, grid_place("z")),
        *COUNTS.declared,
        Declare("line", ULONG, line_of(index("batch"))),
        Declare("total", held, zero(held)),
        up_to("k", number(0), index("splits"), step),
        _store(product, total),
    )
    params = (source_param("parts", held), out_param(product.out), COUNTS.param)
    return product_program("matmul_finish", product, params, body, (), ())


# --- what they share -----------------------------------------------------------------------------


def _start() -> Block:
    """The row and the batch of the thread, the block of the depth that it sums, and where its operands begin."""
    z, splits = grid_place("z"), index("splits")
    block = apply("div", add(index("depth"), sub(splits, number(1))), splits)
    return (
        *in_place_start(apply("div", z, splits)),
        Declare("row", ULONG, grid_place("y")),
        Declare("block", ULONG, block),
        Declare("line", ULONG, line_of(z)),
        Declare("begin", ULONG, mul(apply("rem", z, splits), index("block"))),
        Declare("end", ULONG, least(add(index("begin"), index("block")), index("depth"))),
        Declare("a_line", ULONG, add(index("a_start"), mul(index("row"), index("a_row")))),
    )


def _deep(body: Block) -> For:
    return up_to("k", index("begin"), index("end"), body)


def _store(product: Product, total: Expr) -> Assign:
    return store(product, total, index("line"))


def _sum_of(parts: list[Swizzle]) -> Expr:
    """Pair by pair."""
    terms: list[Expr] = list(parts)
    while len(terms) > 1:
        half = len(terms) // 2
        terms = [add(a, b) for a, b in zip(terms[:half], terms[half:], strict=True)]
    return terms[0]
