"""A scheduled matrix product in, its operands, its end and what is bound to that out."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

from metal_runtime.dtype import DType
from metal_runtime.graph.generated import functions_of
from metal_runtime.graph.groups import ComputedOperand, Kernel
from metal_runtime.graph.kernel_text import (
    ArrayArgument,
    KernelArgument,
    NumberArgument,
    Output,
    ScalarArgument,
    computed,
    letters,
    scaled,
    total,
)
from metal_runtime.graph.lowering import (
    Access,
    Compute,
    LoadAt,
    RowResult,
    ScalarOf,
    Term,
    terms_below,
)
from metal_runtime.graph.trace import Structure
from metal_runtime.ir.nodes import Expr, Load, Param, Read
from metal_runtime.ops.expressions import convert
from metal_runtime.ops.kernels import UINT, pointer
from metal_runtime.ops.products import ULONG, Epilogue, Product, Prologue
from metal_runtime.strided import Reshape, Shape, Strided


@dataclass(frozen=True, slots=True)
class GeneratedSide:
    """An operand: where its elements lie, or would lie, and what is bound to read or compute them."""

    dtype: DType
    layout: Strided
    arguments: tuple[KernelArgument, ...]
    prologue: Prologue | None = None


@dataclass(frozen=True, slots=True)
class GeneratedProduct:
    """A product of a plan; ``end`` is bound to the parameters of its epilogue."""

    product: Product
    a: GeneratedSide
    b: GeneratedSide
    end: tuple[KernelArgument, ...]
    output: Output


def product_kernel(kernel: Kernel, graph: Structure) -> GeneratedProduct:
    """What runs a product, the operators before it and those after it."""
    part = kernel.product
    assert part is not None
    ((index, root),) = kernel.whole
    dtype = graph.nodes[index].dtype
    epilogue = None
    end: tuple[KernelArgument, ...] = ()
    if not isinstance(root, RowResult):
        shape = kernel.domain.shape
        expression = _Expression(root, (math.prod(shape[:-2]), *shape[-2:]))
        epilogue = _epilogue(expression, graph.nodes[part.node].dtype)
        end = tuple(expression.bound)
    a, b = _side(part.a, 1, "_a_"), _side(part.b, 2, "_b_")
    product = Product(a.dtype, b.dtype, graph.nodes[part.node].dtype, dtype, epilogue)
    return GeneratedProduct(product, a, b, end, Output(index, 0, dtype))


def _epilogue(end: _Expression, result: DType) -> Epilogue:
    def build(value: Expr, row: Expr, column: Expr, batch: Expr) -> Expr:
        return end.build((batch, row, column), value)

    names = ("_row", "_column", "_batch")
    key = build(Read("_value", result), *(Read(name, ULONG) for name in names))
    return Epilogue(key, build, tuple(end.params), end.functions)


def _side(operand: Access | ComputedOperand, lines: int, names: str) -> GeneratedSide:
    """An operand whose rows (1) or columns (2) are the lines that are packed; its parameters begin with ``names``."""
    layout = operand.layout
    if isinstance(operand, Access):
        source = operand.source
        memory = ArrayArgument(source.ref, source.part, layout.offset, source.dtype)
        return GeneratedSide(source.dtype, layout, (memory,))
    expression = _Expression(operand.root, operand.shape, names)

    def build(matrix: Expr, line: Expr, depth: Expr) -> Expr:
        return expression.build((matrix, line, depth) if lines == 1 else (matrix, depth, line))

    key = build(*(Read(name, ULONG) for name in ("_matrix", "_line", "_depth")))
    prologue = Prologue(
        key,
        build,
        expression.name,
        expression.adjacent(lines) >= expression.adjacent(3 - lines),
        tuple(expression.params),
        expression.functions,
    )
    return GeneratedSide(operand.root.dtype, layout, tuple(expression.bound), prologue)


class _Expression:
    """A term over the places of (matrices, rows, columns), with its parameters and what is bound to them."""

    def __init__(self, root: Term, shape: Shape, prefix: str = "_") -> None:
        self._root = root
        self._prefix = prefix
        self.params: list[Param] = []
        self.bound: list[KernelArgument] = []
        self._names: dict[Term, str] = {}
        self._strides: dict[LoadAt, tuple[int, ...]] = {}
        self._numbers: dict[int, str] = {}
        terms = list(terms_below(root))
        self.functions = functions_of(terms)
        names = iter(f"{prefix}{letter}" for letter in letters(len(terms)))
        for term in terms:
            if isinstance(term, LoadAt):
                self._add_load(term, next(names), shape)
            elif isinstance(term, ScalarOf):
                self._names[term] = next(names)
                self.params.append(Param(self._names[term], term.dtype))
                self.bound.append(ScalarArgument(term.place))
        for value, name in self._numbers.items():
            self.params.append(Param(name, UINT))
            self.bound.append(NumberArgument(struct.pack("=I", value)))

    def _add_load(self, load: LoadAt, name: str, shape: Shape) -> None:
        layout = Reshape(shape).apply(load.access.layout)
        assert layout is not None  # is_beside_product
        source = load.access.source
        self._names[load] = name
        self.params.append(Param(name, pointer(source.dtype, const=True)))
        self.bound.append(ArrayArgument(source.ref, source.part, layout.offset, source.dtype))
        strides = tuple(0 if n == 1 else s for n, s in zip(shape, layout.strides, strict=True))
        self._strides[load] = strides
        for stride in strides:
            if stride > 1:
                self._numbers.setdefault(stride, f"{self._prefix}stride{len(self._numbers)}")

    @property
    def name(self) -> str:
        """The last operator's."""
        return self._root.operation.name if isinstance(self._root, Compute) else "copy"

    def adjacent(self, axis: int) -> int:
        """How many of the matrices that it reads have neighbours along an axis side by side."""
        matrices = [s for s in self._strides.values() if s[1] and s[2]]
        return sum(strides[axis] == 1 for strides in matrices)

    def build(self, places: tuple[Expr, Expr, Expr], value: Expr | None = None) -> Expr:
        """The expression at a matrix, row and column, of a product's element there."""
        written: dict[Term, Expr] = {}
        for term in terms_below(self._root):
            if isinstance(term, RowResult):
                assert value is not None
                written[term] = convert(value, term.dtype)
            elif isinstance(term, ScalarOf):
                written[term] = Read(self._names[term], term.dtype)
            elif isinstance(term, LoadAt):
                written[term] = Load(self._names[term], self._index(term, places), term.dtype)
            else:
                written[term] = computed(term.operation, [written[arg] for arg in term.args])
        return written[self._root]

    def _index(self, load: LoadAt, places: tuple[Expr, ...]) -> Expr:
        terms = []
        for place, stride in zip(places, self._strides[load], strict=True):
            if stride == 1:
                terms.append(convert(place, ULONG))
            elif stride:
                terms.append(scaled(place, Read(self._numbers[stride], UINT), ULONG))
        return total(terms, ULONG)
