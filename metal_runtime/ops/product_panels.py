"""An operand of a product in, the kernel that packs it into panels out: elements are read, or computed, once each."""

from __future__ import annotations

import functools

from metal_runtime.dtype import DType
from metal_runtime.ir.nodes import (
    Array,
    Assign,
    Block,
    Declare,
    Expr,
    If,
    Kernel,
    Load,
    Param,
    Select,
    Stmt,
)
from metal_runtime.msl_types import AddressSpace, Pointer
from metal_runtime.ops.expressions import apply, convert, functions_called
from metal_runtime.ops.kernels import UINT, pointer
from metal_runtime.ops.product_arguments import (
    A_BATCH,
    BATCH_SIZES,
    Numbers,
    batch_function,
    batch_offset,
    source_param,
)
from metal_runtime.ops.products import (
    LONG,
    ULONG,
    Prologue,
    add,
    blocks,
    grid_place,
    index,
    lean_program,
    least,
    mul,
    number,
    sub,
    up_to,
    zero,
)
from metal_runtime.ops.promotion import dtype_name
from metal_runtime.program import MslProgram

DEPTH = 256
"""How deep a block is: its panels stay in the caches."""

COUNTS = Numbers("counts", UINT, ("lines", "depth"))
STRIDES = Numbers("strides", LONG, ("line_stride", "depth_stride"))


@functools.cache
def packing_program(source: DType, held: DType, width: int, adjacent: bool) -> MslProgram:
    """``a`` is (batch, lines, depth) with strides, ``panels`` is (batch, panels, depth, width): lines side by side.

    Grid: (panels, depth / DEPTH rounded up, batch). Lines that are not there are zeros. ``adjacent``:
    the lines' stride is 1.
    """
    line_stride = number(1) if adjacent else index("line_stride")

    def element(line: Expr) -> Expr:
        place = add(index("start"), mul(line, line_stride), mul(index("k"), index("depth_stride")))
        return convert(Load("a", place, source), held)

    here = index("here")
    steps = [number(i) if adjacent else mul(number(i), index("line_stride")) for i in range(width)]
    whole: Block = (
        Declare("here", ULONG, add(index("start"), mul(index("k"), index("depth_stride")))),
        Declare("to", ULONG, mul(add(index("panel"), index("k")), number(width))),
        *(
            Assign(
                Load("panels", add(index("to"), number(i)), held),
                convert(Load("a", add(here, step), source), held),
            )
            for i, step in enumerate(steps)
        ),
    )
    exists = apply("lt", add(index("first"), index("i")), index("lines"))
    guarded = _to_panel(held, width, Select(exists, element(index("i")), zero(held), held))
    matrix = batch_offset(grid_place("z"), A_BATCH)
    body: Block = (
        *_start(width),
        *STRIDES.declared,
        Declare("start", ULONG, add(matrix, mul(index("first"), line_stride))),
        If(
            apply("le", add(index("first"), number(width)), index("lines")),
            (_deep(whole),),
            (_deep((up_to("i", number(0), number(width), (guarded,)),)),),
        ),
    )
    params = (
        source_param("a", source),
        Param("panels", pointer(held)),
        *(n.param for n in (COUNTS, STRIDES, BATCH_SIZES, A_BATCH)),
    )
    words = ["pack", dtype_name(source), *(["lines"] if adjacent else []), str(width)]
    return lean_program(Kernel("_".join(words), params, body, (batch_function(),)))


@functools.cache
def computing_program(prologue: Prologue, held: DType, width: int) -> MslProgram:
    """The same of elements that the prologue computes, of matrices that are counted.

    A thread computes its block along what is adjacent in memory, into an array of its own, which nothing
    else can overlap: so that the loop vectorises. Then it copies the block to the panel.
    """
    k, i = index("k"), index("i")
    k_step, i_step = (width, 1) if prologue.adjacent else (1, DEPTH)
    place = add(mul(sub(k, index("begin")), number(k_step)), mul(i, number(i_step)))
    own = Load("computed", place, held)
    value = convert(prologue.build(grid_place("z"), add(index("first"), i), k), held)
    computed: Block = (Assign(own, value),)
    lines = least(number(width), sub(index("lines"), index("first")))

    def nested(lines: Expr) -> Block:
        if prologue.adjacent:
            return (_deep((up_to("i", number(0), lines, computed),)),)
        return (up_to("i", number(0), lines, (_deep(computed),)),)

    body: Block = (
        *_start(width),
        If(
            apply("le", add(index("first"), number(width)), index("lines")),
            nested(number(width)),
            (Declare("there", ULONG, lines), *nested(index("there"))),
        ),
        _deep((up_to("i", number(0), number(width), (_to_panel(held, width, own),)),)),
    )
    params = (Param("panels", pointer(held)), COUNTS.param, *prologue.params)
    functions = (*functions_called(value), *prologue.functions)
    words = ["pack", prologue.name, *(["lines"] if prologue.adjacent else []), str(width)]
    block = Array("computed", Pointer(AddressSpace.THREAD, held), (width * DEPTH,))
    return lean_program(Kernel("_".join(words), params, body, functions, (block,)))


def _start(width: int) -> Block:
    """The panel's first line, where it lies, and the block of the depth."""
    panel = add(mul(grid_place("z"), blocks(index("lines"), width)), grid_place("x"))
    return (
        *COUNTS.declared,
        Declare("first", ULONG, mul(grid_place("x"), number(width))),
        Declare("panel", ULONG, mul(panel, index("depth"))),
        Declare("begin", ULONG, mul(grid_place("y"), number(DEPTH))),
        end_of_block(),
    )


def end_of_block() -> Declare:
    """Where the block of the depth ends that starts at ``begin``."""
    return Declare("end", ULONG, least(add(index("begin"), number(DEPTH)), index("depth")))


def _deep(body: Block) -> Stmt:
    return up_to("k", index("begin"), index("end"), body)


def _to_panel(held: DType, width: int, value: Expr) -> Assign:
    """The element of line ``i`` of the panel at depth ``k``."""
    place = add(mul(add(index("panel"), index("k")), number(width)), index("i"))
    return Assign(Load("panels", place, held), value)
