"""A product in, the kernels for vectors and small matrices out: columns side by side, dot products, their sum.

Operands are read where they lie. A deep product may be split: then a launch sums blocks of the depth,
and another their sums.
"""

from __future__ import annotations

import functools

from metal_runtime.ir.nodes import (
    Array,
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
from metal_runtime.msl_types import AddressSpace, Pointer
from metal_runtime.ops.expressions import apply, convert
from metal_runtime.ops.product_arguments import (
    COUNTS,
    batch_function,
    in_place_params,
    in_place_start,
    out_param,
    source_param,
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
    k, column = index("k"), index("column")
    b_column = number(1) if adjacent else index("b_column")
    sums = [Read(f"total{v}", four(held)) for v in vectors]

    def right(v: int) -> Construct:
        places = [number(4 * v + c) for c in range(4)]
        if product.b_prologue is not None:
            return Construct(tuple(Load("b_staged", place, held) for place in places), four(held))
        steps = places if adjacent else [mul(p, b_column) for p in places]
        loads = (Load("b", add(index("here"), step), product.b) for step in steps)
        return Construct(tuple(convert(load, held) for load in loads), four(held))

    def right_of(column: Expr) -> Expr:
        """Where the element of ``b`` lies that meets the factor."""
        return add(index("b_start"), mul(index("k"), index("b_depth")), mul(column, b_column))

    here = right_of(index("first"))
    a_place = add(index("a_line"), mul(index("k"), index("a_depth")))
    left = product.element("a", a_place, index("row"), k)
    single = product.element("b", right_of(column), column, k)
    steps: Block = (
        Declare("factor", held, left),
        *_staged(product, "b", single, "column", index("first"), width),
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
    arrays = (totals(held, width), *_stages(product, width))
    return product_program(name, product, in_place_params(product), body, functions, arrays)


@functools.cache
def dots_program(product: Product) -> MslProgram:
    """The same, one element a thread, where the depth has stride 1 in both operands.

    Grid: (columns, rows, batch * splits).
    """
    held = product.held
    vectors = range(DOT_LANES // 4)
    sums = [Read(f"total{v}", four(held)) for v in vectors]
    total = Read("total", held)

    column = index("column")

    def element(side: str, at: Expr) -> Expr:
        line = index("row") if side == "a" else column
        return product.element(side, add(index(f"{side}_line"), at), line, at)

    def parts(side: str, v: int) -> Construct:
        places = [number(4 * v + c) for c in range(4)]
        if prologues[side] is not None:
            loads = [Load(f"{side}_staged", place, held) for place in places]
            return Construct(tuple(loads), four(held))
        return Construct(tuple(element(side, add(index("k"), p)) for p in places), four(held))

    prologues = {"a": product.a_prologue, "b": product.b_prologue}

    whole = sub(index("end"), apply("rem", sub(index("end"), index("begin")), number(DOT_LANES)))
    line = add(index("b_start"), mul(index("column"), index("b_column")))
    steps: Block = (
        *(
            loop
            for side in "ab"
            for loop in _staged(
                product, side, element(side, index("deep")), "deep", index("k"), DOT_LANES
            )
        ),
        *(Assign(sums[v], multiply_add(parts("a", v), parts("b", v), sums[v])) for v in vectors),
    )
    left, right = element("a", index("k")), element("b", index("k"))
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
    arrays = _stages(product, DOT_LANES)
    return product_program(
        "matmul_dots", product, in_place_params(product), body, (batch_function(),), arrays
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


def _stages(product: Product, count: int) -> tuple[Array, ...]:
    """For each operand that is computed, so many elements of it."""
    prologues = {"a": product.a_prologue, "b": product.b_prologue}
    shared = Pointer(AddressSpace.THREAD, product.held)
    return tuple(Array(f"{side}_staged", shared, (count,)) for side, p in prologues.items() if p)


def _staged(product: Product, side: str, value: Expr, name: str, begin: Expr, count: int) -> Block:
    """Computes the next elements of an operand, ``value`` at each ``name``, in a loop that vectorises."""
    if (product.a_prologue if side == "a" else product.b_prologue) is None:
        return ()
    place = Load(f"{side}_staged", sub(index(name), begin), product.held)
    return (up_to(name, begin, add(begin, number(count)), (Assign(place, value),)),)


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
