"""What a pending value is the result of: a frozen description, one object for each kind of call."""

from __future__ import annotations

from dataclasses import dataclass, field

from metal_runtime.dtype import DType
from metal_runtime.ops.definitions import Definition
from metal_runtime.ops.reduction_table import Reduction
from metal_runtime.ops.rules import OperatorTypes
from metal_runtime.strided import Shape, contiguous
from metal_runtime.value import View

__all__ = ["Combine", "Elementwise", "MatMul", "Operation", "Partial", "Reduce", "View"]


@dataclass(frozen=True, eq=False, slots=True)
class Elementwise:
    """An operator of ops/definitions.py. Equal only to itself: a graph's key compares many of them."""

    definition: Definition
    types: OperatorTypes
    scalars: tuple[DType | None, ...]
    """For each operand: None for an array, else the dtype that the scalar is passed in."""

    shape: Shape
    dtype: DType
    nbytes: int

    @property
    def name(self) -> str:
        return self.definition.name


@dataclass(frozen=True, eq=False, slots=True)
class Reduce:
    """A reduction of some axes, which stay with one element each in ``kept``; the result's shape may leave them out."""

    reduction: Reduction
    source: Shape
    axes: tuple[int, ...]
    """Sorted."""

    element: DType
    """Of the elements that are reduced."""

    shape: Shape
    dtype: DType
    nbytes: int

    @property
    def name(self) -> str:
        return self.reduction.name

    @property
    def kept(self) -> Shape:
        return tuple(1 if k in self.axes else n for k, n in enumerate(self.source))


@dataclass(frozen=True, eq=False, slots=True)
class Partial:
    """The accumulators of each block of a reduction whose rows are too few and too long for one thread each."""

    whole: Reduce
    blocks: int
    length: int
    """How many places of the outermost reduced axis are one block."""

    shape: Shape = field(init=False)

    def __post_init__(self) -> None:
        rows = 1
        for extent in self.whole.kept:
            rows *= extent
        object.__setattr__(self, "shape", (rows, self.blocks))

    @property
    def name(self) -> str:
        return f"{self.whole.name} by blocks"

    @property
    def extent(self) -> int:
        """Of the axis that is cut: the outermost reduced one that has several places."""
        sizes = (self.whole.source[axis] for axis in self.whole.axes)
        return next(size for size in sizes if size > 1)


@dataclass(frozen=True, eq=False, slots=True)
class Combine:
    """The result of a reduction out of its blocks' accumulators."""

    partial: Partial

    @property
    def name(self) -> str:
        return self.partial.whole.name

    @property
    def shape(self) -> Shape:
        return self.partial.whole.shape

    @property
    def dtype(self) -> DType:
        return self.partial.whole.dtype


@dataclass(frozen=True, eq=False, slots=True)
class MatMul:
    """The product of matrices along the last two axes; those before them broadcast."""

    shape: Shape
    dtype: DType
    nbytes: int
    name: str = "matmul"


Operation = Elementwise | Reduce | View | Partial | Combine | MatMul


def reduce_of(operation: Operation) -> Reduce:
    """The reduction that an operation is, or is a step of."""
    if isinstance(operation, Combine):
        return operation.partial.whole
    if isinstance(operation, Partial):
        return operation.whole
    assert isinstance(operation, Reduce)
    return operation


def row_strides(source: Shape, axes: tuple[int, ...]) -> tuple[int, ...]:
    """The strides, along the axes of ``source``, of an array with one element for each row of ``axes``."""
    kept = contiguous(tuple(1 if k in axes else n for k, n in enumerate(source)))
    return tuple(
        0 if n == 1 or k in axes else s
        for k, (n, s) in enumerate(zip(source, kept.strides, strict=True))
    )
