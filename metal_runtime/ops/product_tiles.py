"""A product in, the kernel for processors with vector registers out: tiles of registers over packed panels.

No thread waits for another: each computes a block of the result from panels that lie in the caches.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from itertools import product as pairs

from metal_runtime.dtype import DType
from metal_runtime.ir.nodes import Assign, Block, Declare, Expr, Load, Read
from metal_runtime.ops.kernels import UINT
from metal_runtime.ops.product_arguments import (
    A_BATCH,
    B_BATCH,
    BATCH_SIZES,
    Numbers,
    batch_function,
    batch_offset,
    out_param,
    source_param,
)
from metal_runtime.ops.product_panels import DEPTH, end_of_block
from metal_runtime.ops.products import (
    ULONG,
    Product,
    add,
    blocks,
    four,
    grid_place,
    index,
    least,
    line_of,
    load_four,
    load_function,
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
)
from metal_runtime.program import MslProgram

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


COUNTS = Numbers("counts", UINT, ("rows", "columns", "depth"))


@functools.cache
def tile_program(product: Product, tile: Tile) -> MslProgram:
    """``a`` and ``b`` are panels of rows and of columns, ``out`` is (batch, rows, columns).

    Grid: (columns / block_columns, rows / block_rows, batch), rounded up. ``a_batch`` and ``b_batch``
    count matrices.
    """
    held = product.held
    row_panels = blocks(index("rows"), tile.rows)
    column_panels = blocks(index("columns"), tile.columns)
    down = up_to("p", index("first_p"), index("last_p"), _tile(held, tile))
    tiles = up_to("q", index("first_q"), index("last_q"), (down,))
    body: Block = (
        *COUNTS.declared,
        Declare("batch", ULONG, grid_place("z")),
        Declare("first_p", ULONG, mul(grid_place("y"), number(tile.row_panels))),
        Declare("last_p", ULONG, least(add(index("first_p"), number(tile.row_panels)), row_panels)),
        Declare("first_q", ULONG, mul(grid_place("x"), number(tile.column_panels))),
        Declare("last_q", ULONG, least(add(index("first_q"), number(tile.column_panels)), column_panels)),
        Declare("a_panel", ULONG, mul(batch_offset(index("batch"), A_BATCH), row_panels)),
        Declare("b_panel", ULONG, mul(batch_offset(index("batch"), B_BATCH), column_panels)),
        up_to("begin", number(0), index("depth"), (end_of_block(), tiles), DEPTH),
        *_stores(product, tile),
    )  # fmt: skip
    params = (
        source_param("a", held),
        source_param("b", four(held)),
        out_param(product.out),
        *(n.param for n in (COUNTS, BATCH_SIZES, A_BATCH, B_BATCH)),
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
        Declare("a_line", ULONG, mul(add(index("a_panel"), index("p")), index("depth"))),
        Declare("b_line", ULONG, mul(add(index("b_panel"), index("q")), index("depth"))),
        Declare("corner", ULONG, corner),
        *(Declare(f"c{i}_{v}", four(held), load_four(at(i, v), held)) for i, v in places),
        up_to("k", index("begin"), index("end"), step),
        *(store_four(at(i, v), sums(i, v), held) for i, v in places),
    )


def _stores(product: Product, tile: Tile) -> Block:
    """Stores the totals of the block, so far as they lie in the result."""
    place = add(
        mul(sub(index("row"), index("first_row")), number(tile.block_columns)),
        sub(index("column"), index("first_column")),
    )
    element = store(product, total_at(place, product.held), index("line"))
    line: Block = (
        Declare("line", ULONG, line_of(index("batch"))),
        up_to("column", index("first_column"), index("last_column"), (element,)),
    )
    last_row = least(mul(index("last_p"), number(tile.rows)), index("rows"))
    last_column = least(mul(index("last_q"), number(tile.columns)), index("columns"))
    return (
        Declare("first_row", ULONG, mul(index("first_p"), number(tile.rows))),
        Declare("last_row", ULONG, last_row),
        Declare("first_column", ULONG, mul(index("first_q"), number(tile.columns))),
        Declare("last_column", ULONG, last_column),
        up_to("row", index("first_row"), index("last_row"), line),
    )
