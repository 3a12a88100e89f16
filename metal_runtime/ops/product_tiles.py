"""A product in, the kernels for processors with vector registers out: packing into panels, and tiles of registers.

No thread waits for another: each computes a block of the result from panels that lie in the caches.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from itertools import product as pairs

from metal_runtime.dtype import DType
from metal_runtime.ir.nodes import (
    Assign,
    Block,
    Declare,
    Expr,
    For,
    If,
    Kernel,
    Load,
    Param,
    Read,
    Select,
)
from metal_runtime.ops.expressions import apply, convert
from metal_runtime.ops.kernels import pointer
from metal_runtime.ops.products import (
    SIZES,
    ULONG,
    Product,
    add,
    batch_function,
    batch_offset,
    blocks,
    four,
    grid_place,
    index,
    lean_program,
    least,
    load_four,
    load_function,
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
from metal_runtime.ops.promotion import dtype_name
from metal_runtime.program import MslProgram

DEPTH = 256
"""How deep a block is: its panels stay in the caches."""

BLOCK = 96, 128
"""Rows and columns that a thread computes, at most."""


@dataclass(frozen=True, slots=True)
class Tile:
    """What is summed in registers at a time: so many rows by so many columns, a multiple of 4."""

    rows: int
    columns: int
    block: tuple[int, int] = BLOCK

    @property
    def row_panels(self) -> int:
        """Panels of rows in the block of a thread."""
        return max(self.block[0] // self.rows, 1)

    @property
    def column_panels(self) -> int:
        """Panels of columns in the block of a thread."""
        return max(self.block[1] // self.columns, 1)

    @property
    def block_rows(self) -> int:
        return self.rows * self.row_panels

    @property
    def block_columns(self) -> int:
        return self.columns * self.column_panels


def tile_for(vector_bytes: int, vector_registers: int, held: DType) -> Tile:
    """Two vectors side by side, in as many rows as leave four registers for what is multiplied."""
    columns = max(2 * vector_bytes // held.itemsize, 4)
    return Tile((vector_registers - 4) // 2, columns)


# --- packing -------------------------------------------------------------------------------------


@functools.cache
def packing_program(source: DType, held: DType, width: int, adjacent: bool) -> MslProgram:
    """``a`` is (batch, lines, depth) with strides, ``panels`` is (batch, panels, depth, width): lines side by side.

    Grid: (panels, depth / DEPTH rounded up, batch). Lines that are not there are zeros. ``adjacent``:
    the lines' stride is 1.
    """
    first = Declare("first", ULONG, mul(grid_place("x"), number(width)))
    line_stride = number(1) if adjacent else stride("line_stride")
    panel = add(mul(grid_place("z"), blocks(size("lines"), width)), grid_place("x"))

    def element(line: Expr) -> Expr:
        place = add(index("start"), mul(line, line_stride), mul(index("k"), stride("depth_stride")))
        return convert(Load("a", place, source), held)

    def place(line: Expr) -> Load:
        return Load("panels", add(mul(add(index("panel"), index("k")), number(width)), line), held)

    def deep(body: Block) -> For:
        return For("k", ULONG, index("begin"), index("end"), number(1), body)

    here, to = index("here"), index("to")
    steps = [number(i) if adjacent else mul(number(i), stride("line_stride")) for i in range(width)]
    whole: Block = (
        Declare("here", ULONG, add(index("start"), mul(index("k"), stride("depth_stride")))),
        Declare("to", ULONG, mul(add(index("panel"), index("k")), number(width))),
        *(
            Assign(
                Load("panels", add(to, number(i)), held),
                convert(Load("a", add(here, step), source), held),
            )
            for i, step in enumerate(steps)
        ),
    )
    exists = apply("lt", add(index("first"), index("i")), size("lines"))
    guarded = Assign(place(index("i")), Select(exists, element(index("i")), zero(held), held))
    start = add(
        stride("offset"),
        batch_offset(grid_place("z"), strides_param("batch_strides")),
        mul(index("first"), line_stride),
    )
    body: Block = (
        first,
        Declare("start", ULONG, start),
        Declare("panel", ULONG, mul(panel, size("depth"))),
        Declare("begin", ULONG, mul(grid_place("y"), number(DEPTH))),
        Declare("end", ULONG, least(add(index("begin"), number(DEPTH)), size("depth"))),
        If(
            apply("le", add(index("first"), number(width)), size("lines")),
            (deep(whole),),
            (deep((For("i", ULONG, number(0), number(width), number(1), (guarded,)),)),),
        ),
    )
    params = (
        source_param("a", source),
        Param("panels", pointer(held)),
        *uints("lines", "depth"),
        *longs("offset", "line_stride", "depth_stride"),
        SIZES,
        strides_param("batch_strides"),
    )
    words = ["pack", dtype_name(source), *(["lines"] if adjacent else []), str(width)]
    return lean_program(Kernel("_".join(words), params, body, (batch_function(),)))


# --- tiles ---------------------------------------------------------------------------------------


@functools.cache
def tile_program(product: Product, tile: Tile) -> MslProgram:
    """``a`` and ``b`` are panels of rows and of columns, ``out`` is (batch, rows, columns).

    Grid: (columns / block_columns, rows / block_rows, batch), rounded up. ``a_batch`` and ``b_batch``
    count matrices.
    """
    held = product.held
    a_batch, b_batch = strides_param("a_batch"), strides_param("b_batch")
    row_panels, column_panels = (
        blocks(size("rows"), tile.rows),
        blocks(size("columns"), tile.columns),
    )
    one = number(1)
    tiles = For(
        "q", ULONG, index("first_q"), index("last_q"), one,
        (For("p", ULONG, index("first_p"), index("last_p"), one, _tile(held, tile)),),
    )  # fmt: skip
    body: Block = (
        Declare("batch", ULONG, grid_place("z")),
        Declare("first_p", ULONG, mul(grid_place("y"), number(tile.row_panels))),
        Declare("last_p", ULONG, least(add(index("first_p"), number(tile.row_panels)), row_panels)),
        Declare("first_q", ULONG, mul(grid_place("x"), number(tile.column_panels))),
        Declare("last_q", ULONG, least(add(index("first_q"), number(tile.column_panels)), column_panels)),
        Declare("a_panel", ULONG, mul(batch_offset(index("batch"), a_batch), row_panels)),
        Declare("b_panel", ULONG, mul(batch_offset(index("batch"), b_batch), column_panels)),
        For(
            "begin", ULONG, number(0), size("depth"), number(DEPTH),
            (Declare("end", ULONG, least(add(index("begin"), number(DEPTH)), size("depth"))), tiles),
        ),
        *_stores(product, tile),
    )  # fmt: skip
    params = (
        source_param("a", held),
        source_param("b", four(held)),
        out_param(product.out),
        *uints("rows", "columns", "depth"),
        SIZES,
        a_batch,
        b_batch,
    )
    functions = (batch_function(), load_function(held), store_function(held))
    sums = totals(held, tile.block_rows * tile.block_columns)
    return product_program("matmul_tiles", product, params, body, functions, (sums,))


def _tile(held: DType, tile: Tile) -> Block:
    """Adds the products of one panel of rows and one of columns, from ``begin`` to ``end``, to their totals."""
    vectors = tile.columns // 4
    places = list(pairs(range(tile.rows), range(vectors)))

    def at(i: int, v: int) -> Expr:
        return add(index("corner"), number(i * tile.block_columns + 4 * v))

    def sums(i: int, v: int) -> Read:
        return Read(f"c{i}_{v}", four(held))

    a_place = mul(add(index("a_line"), index("k")), number(tile.rows))
    b_place = mul(add(index("b_line"), index("k")), number(vectors))
    corner = add(
        mul(sub(index("p"), index("first_p")), number(tile.rows * tile.block_columns)),
        mul(sub(index("q"), index("first_q")), number(tile.columns)),
    )
    step: Block = (
        Declare("a_here", ULONG, a_place),
        Declare("b_here", ULONG, b_place),
        *(
            Declare(f"a{i}", held, Load("a", add(index("a_here"), number(i)), held))
            for i in range(tile.rows)
        ),
        *(
            Declare(f"b{v}", four(held), Load("b", add(index("b_here"), number(v)), four(held)))
            for v in range(vectors)
        ),
        *(
            Assign(
                sums(i, v),
                multiply_add(
                    splat(Read(f"a{i}", held), held), Read(f"b{v}", four(held)), sums(i, v)
                ),
            )
            for i, v in places
        ),
    )
    return (
        Declare("a_line", ULONG, mul(add(index("a_panel"), index("p")), size("depth"))),
        Declare("b_line", ULONG, mul(add(index("b_panel"), index("q")), size("depth"))),
        Declare("corner", ULONG, corner),
        *(Declare(f"c{i}_{v}", four(held), load_four(at(i, v), held)) for i, v in places),
        For("k", ULONG, index("begin"), index("end"), number(1), step),
        *(store_four(at(i, v), sums(i, v), held) for i, v in places),
    )


def _stores(product: Product, tile: Tile) -> Block:
    """Stores the totals of the block, so far as they lie in the result."""
    row, column = index("row"), index("column")
    place = add(
        mul(sub(row, index("first_row")), number(tile.block_columns)),
        sub(column, index("first_column")),
    )
    value = product.finished(total_at(place, product.held), row, column, index("batch"))
    to = add(index("line"), column)
    line = add(mul(index("batch"), size("rows")), row)
    store: Block = (
        Declare("line", ULONG, mul(line, size("columns"))),
        For(
            "column", ULONG, index("first_column"), index("last_column"), number(1),
            (Assign(Load("out", to, product.out), value),),
        ),
    )  # fmt: skip
    last_row = least(mul(index("last_p"), number(tile.rows)), size("rows"))
    last_column = least(mul(index("last_q"), number(tile.columns)), size("columns"))
    return (
        Declare("first_row", ULONG, mul(index("first_p"), number(tile.rows))),
        Declare("last_row", ULONG, last_row),
        Declare("first_column", ULONG, mul(index("first_q"), number(tile.columns))),
        Declare("last_column", ULONG, last_column),
        For("row", ULONG, index("first_row"), index("last_row"), number(1), store),
    )
