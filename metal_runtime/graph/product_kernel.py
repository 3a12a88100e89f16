"""A scheduled matrix product in, its operands, its end and what is bound to that out."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

from metal_runtime.dtype import DType
from metal_runtime.graph.groups import Kernel
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
from metal_runtime.graph.lowering import Access, LoadAt, RowResult, ScalarOf, Term, terms_below
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
    end = None if isinstance(root, RowResult) else _Epilogue(kernel, root)
    a, b = _side(part.a), _side(part.b)
    epilogue = None if end is None else end.epilogue()
    product = Product(a.dtype, b.dtype, graph.nodes[part.node].dtype, dtype, epilogue)
    arguments = () if end is None else tuple(end.bound)
    return GeneratedProduct(product, a, b, arguments, Output(index, 0, dtype))


def _side(operand: Access) -> GeneratedSide:
    source, layout = operand.source, operand.layout
    memory = ArrayArgument(source.ref, source.part, layout.offset, source.dtype)
    return GeneratedSide(source.dtype, layout, (memory,))


class _Epilogue:
    """The expression at the end of a product, with its parameters."""

    def __init__(self, kernel: Kernel, root: Term) -> None:
        self._root = root
        self.params: list[Param] = []
        self.bound: list[KernelArgument] = []
        self._names: dict[Term, str] = {}
        self._strides: dict[LoadAt, tuple[int, ...]] = {}
        self._numbers: dict[int, str] = {}
        terms = list(terms_below(root))
        shape = kernel.domain.shape
        names = iter(f"_{letter}" for letter in letters(len(terms)))
        for term in terms:
            if isinstance(term, LoadAt):
                self._add_load(term, next(names), (math.prod(shape[:-2]), *shape[-2:]))
            elif isinstance(term, ScalarOf):
                self._names[term] = next(names)
                self.params.append(Param(self._names[term], term.dtype))
                self.bound.append(ScalarArgument(term.place))
        for value, name in self._numbers.items():
            self.params.append(Param(name, UINT))
            self.bound.append(NumberArgument(struct.pack("=I", value)))

    def _add_load(self, load: LoadAt, name: str, shape: Shape) -> None:
        layout = Reshape(shape).apply(load.access.layout)
        assert layout is not None  # is_epilogue
        source = load.access.source
        self._names[load] = name
        self.params.append(Param(name, pointer(source.dtype, const=True)))
        self.bound.append(ArrayArgument(source.ref, source.part, layout.offset, source.dtype))
        strides = tuple(0 if n == 1 else s for n, s in zip(shape, layout.strides, strict=True))
        self._strides[load] = strides
        for stride in strides:
            if stride > 1:
                self._numbers.setdefault(stride, f"_stride{len(self._numbers)}")

    def epilogue(self) -> Epilogue:
        names = ("_value", "_row", "_column", "_batch")
        node = next(t for t in terms_below(self._root) if isinstance(t, RowResult))
        dtypes = (node.dtype, ULONG, ULONG, ULONG)
        key = self._build(*(Read(n, d) for n, d in zip(names, dtypes, strict=True)))
        return Epilogue(key, self._build, tuple(self.params))

    def _build(self, value: Expr, row: Expr, column: Expr, batch: Expr) -> Expr:
        places = (batch, row, column)
        written: dict[Term, Expr] = {}
        for term in terms_below(self._root):
            if isinstance(term, RowResult):
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
