"""What decides a product's kernels: its dtypes and its epilogue in, the IR that all of its kernels share out.

Indices are 64 bits wide: a 32-bit index may wrap, and what may wrap is not vectorised.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace

from metal_runtime.dtype import DType
from metal_runtime.ir.nodes import (
    Address,
    Array,
    Assign,
    Block,
    Builtin,
    Call,
    Cast,
    Constant,
    Construct,
    Evaluate,
    Expr,
    For,
    Function,
    Kernel,
    Load,
    Param,
    Read,
    Return,
    Swizzle,
)
from metal_runtime.ir.walk import walk
from metal_runtime.msl_types import VOID, AddressSpace, Pointer, Vector
from metal_runtime.ops.compiled import kernel_program
from metal_runtime.ops.expressions import apply, convert, functions_called
from metal_runtime.ops.kernels import UINT
from metal_runtime.ops.promotion import dtype_name
from metal_runtime.passes.common_subexpressions import common_subexpressions
from metal_runtime.passes.pipeline import PASSES
from metal_runtime.program import CompileOptions, MslProgram

ULONG = DType.UINT64
LONG = DType.INT64
BATCH_AXES = 4
"""Batch axes that a kernel knows, merged as far as their strides allow."""

Finish = Callable[[Expr, Expr, Expr, Expr], Expr]
"""(accumulated value, row, column, batch) -> what is stored. The places are ulong; ``batch`` counts in C order."""


@dataclass(frozen=True, slots=True)
class Epilogue:
    """What is done to each element before it is stored; equal to another of the same ``key`` and parameters.

    ``params`` follow the kernel's own, and must have other names: letters with an underscore before
    them are never taken. The value is float32 for floats, and of the result's dtype for integers.
    """

    key: Hashable
    build: Finish = field(compare=False)
    params: tuple[Param, ...] = ()
    functions: tuple[Function, ...] = ()
    """What it calls that users wrote, each before its callers."""


Element = Callable[[Expr, Expr, Expr], Expr]
"""(matrix, line, depth) -> an operand's element. The places are ulong; matrices count in C order."""


@dataclass(frozen=True, slots=True)
class Prologue:
    """What computes an operand's elements where they are packed; equal to another of the same ``key`` and parameters."""

    key: Hashable
    build: Element = field(compare=False)
    name: str = field(compare=False)
    """The word for it in the kernel's name."""

    adjacent: bool
    """Whether what it reads lies side by side along the lines, not along the depth."""

    params: tuple[Param, ...] = ()
    functions: tuple[Function, ...] = ()
    """What it calls that users wrote, each before its callers."""


@dataclass(frozen=True, slots=True)
class Product:
    """The dtypes of the operands, of what they are computed in, of the product, and of the array it is stored to."""

    a: DType
    b: DType
    result: DType
    out: DType
    epilogue: Epilogue | None = None
    a_prologue: Prologue | None = None
    """Of an operand whose elements are computed where they are multiplied, once each."""

    b_prologue: Prologue | None = None

    @property
    def held(self) -> DType:
        """The accumulator's: integers wrap, so that unsigned ones of 32 or 64 bits serve for all."""
        if self.result.is_float:
            return DType.FLOAT32
        return ULONG if self.result.bits == 64 else UINT

    @property
    def partial(self) -> Product:
        """The same operands, with sums of a part of the depth stored as they are."""
        return replace(self, result=self.held, out=self.held, epilogue=None)

    def element(self, side: str, place: Expr, line: Expr, depth: Expr) -> Expr:
        """The element of ``a`` or ``b`` at a place in memory, or what computes it of ``batch``, line and depth."""
        prologue = self.a_prologue if side == "a" else self.b_prologue
        if prologue is not None:
            return convert(prologue.build(index("batch"), line, depth), self.held)
        return convert(Load(side, place, self.a if side == "a" else self.b), self.held)

    @property
    def of_panels(self) -> Product:
        """The same once its operands are packed: one kernel whatever they were packed from."""
        return Product(self.held, self.held, self.result, self.out, self.epilogue)

    def finished(self, total: Expr, row: Expr, column: Expr, batch: Expr) -> Expr:
        """What is stored for a sum."""
        seen = DType.FLOAT32 if self.result.is_float else self.result
        value = convert(total, seen)
        if self.epilogue is not None:
            value = self.epilogue.build(value, row, column, batch)
        return convert(value, self.out)

    @property
    def name(self) -> str:
        """``float32``, ``int8_float16``, ``float16_to_float32`` …"""
        words = [dtype_name(self.a)]
        if self.b is not self.a:
            words.append(dtype_name(self.b))
        if self.out is not self.result:
            words += ["to", dtype_name(self.out)]
        return "_".join(words)


# --- arithmetic ----------------------------------------------------------------------------------


def add(*terms: Expr) -> Expr:
    """The sum of several terms."""
    return functools.reduce(lambda a, b: apply("add", a, b), terms)


def sub(a: Expr, b: Expr) -> Expr:
    return apply("sub", a, b)


def mul(a: Expr, b: Expr) -> Expr:
    return apply("mul", a, b)


def least(a: Expr, b: Expr) -> Expr:
    return apply("min", a, b)


def number(value: int) -> Constant:
    """A constant that indexes."""
    return Constant(value, ULONG)


def index(name: str) -> Read:
    """A variable that indexes."""
    return Read(name, ULONG)


def up_to(name: str, begin: Expr, end: Expr, body: Block, step: int = 1) -> For:
    """A loop over an index."""
    return For(name, ULONG, begin, end, number(step), body)


def blocks(length: Expr, block: int) -> Expr:
    """How many blocks a length has, the last one partial."""
    return apply("div", add(length, number(block - 1)), number(block))


def grid_place(axis: str) -> Expr:
    """The thread's place in the grid along an axis."""
    place = Swizzle(Builtin("thread_position_in_grid", Vector(UINT, 3)), axis, UINT)
    return Cast(place, ULONG)


def zero(dtype: DType) -> Constant:
    return Constant(0.0 if dtype.is_float else 0, dtype)


def multiply_add(a: Expr, b: Expr, total: Expr) -> Expr:
    """``a * b + total``, rounded once, of scalars or vectors."""
    held = total.type.element if isinstance(total.type, Vector) else total.type
    if isinstance(held, DType) and held.is_float:
        return apply("fma", a, b, total)
    return add(mul(a, b), total)


# --- four at a time ------------------------------------------------------------------------------


def four(dtype: DType) -> Vector:
    return Vector(dtype, 4)


def splat(value: Expr, dtype: DType) -> Construct:
    return Construct((value,), four(dtype))


def totals(held: DType, count: int) -> Array:
    """The sums of one thread, zeros at first."""
    return Array("totals", _totals_pointer(held), (count,))


def total_at(place: Expr, held: DType) -> Load:
    return Load("totals", place, held)


def load_four(place: Expr, held: DType) -> Call:
    """Four neighbours of ``totals``."""
    return Call("load_four", (Address("totals", _totals_pointer(held)), place), four(held))


def store_four(place: Expr, value: Expr, held: DType) -> Evaluate:
    """Writes four neighbours of ``totals``."""
    address = Address("totals", _totals_pointer(held))
    return Evaluate(Call("store_four", (address, place, value), VOID))


def _totals_pointer(held: DType) -> Pointer:
    return Pointer(AddressSpace.THREAD, held)


def load_function(held: DType) -> Function:
    """``load_four`` itself."""
    parts = tuple(total_at(add(index("first"), number(k)), held) for k in range(4))
    body: Block = (Return(Construct(parts, four(held))),)
    params = (Param("totals", _totals_pointer(held)), Param("first", ULONG))
    return Function("load_four", params, four(held), body)


def store_function(held: DType) -> Function:
    """``store_four`` itself."""
    value = Read("value", four(held))
    body = tuple(
        Assign(total_at(add(index("first"), number(k)), held), Swizzle(value, c, held))
        for k, c in enumerate("xyzw")
    )
    params = (
        Param("totals", _totals_pointer(held)),
        Param("first", ULONG),
        Param("value", value.type),
    )
    return Function("store_four", params, VOID, body)


# --- the result ----------------------------------------------------------------------------------


def line_of(batch: Expr) -> Expr:
    """Where ``row`` begins in the result."""
    return mul(add(mul(batch, index("rows")), index("row")), index("columns"))


def store(product: Product, total: Expr, line: Expr) -> Assign:
    """What a sum comes to goes to ``column`` of the line."""
    row, column = index("row"), index("column")
    value = product.finished(total, row, column, index("batch"))
    return Assign(Load("out", add(line, column), product.out), value)


# --- programs ------------------------------------------------------------------------------------


def lean_program(kernel: Kernel) -> MslProgram:
    """The program of a kernel that names what it uses twice: looking for it takes seconds in a tile of 14 x 32.

    What operators compute at either end is rounded as in kernels of their own: sums say ``fma`` themselves.
    """
    passes = [p for p in PASSES if p is not common_subexpressions]
    return kernel_program(kernel, passes, CompileOptions(contract=False))


def product_program(
    name: str,
    product: Product,
    params: tuple[Param, ...],
    body: Block,
    functions: tuple[Function, ...],
    arrays: tuple[Array, ...],
) -> MslProgram:
    """The program of a product's kernel, with the parameters of its epilogue and the functions that are called."""
    epilogue = product.epilogue
    own = () if epilogue is None else epilogue.params
    called = {f.name: f for f in functions}
    for node in walk(*body):
        if isinstance(node, Call):
            called.update((f.name, f) for f in functions_called(node))
    for part in (product.a_prologue, product.b_prologue, epilogue):
        if part is not None:
            called.update((f.name, f) for f in part.functions)
    kernel = Kernel(f"{name}_{product.name}", (*params, *own), body, tuple(called.values()), arrays)
    return lean_program(kernel)
