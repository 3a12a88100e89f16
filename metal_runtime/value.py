"""What a buffer stands for: elements in device memory, or an operation whose elements are still to be computed."""

from __future__ import annotations

import itertools
from typing import Any

from metal_runtime.device.pool import Block
from metal_runtime.dtype import DType
from metal_runtime.strided import Movement, Shape, Strided

_serials = itertools.count()


class Value:
    """Elements of one shape and dtype. Pending while ``operation`` is there, in memory from then on.

    A pending value knows its ``inputs`` (values, and Python numbers); one in memory has a ``block``, in
    which its elements lie by ``layout``, or in C order from its first byte on where that is None.
    """

    __slots__ = ("block", "dtype", "inputs", "layout", "operation", "serial", "shape")

    def __init__(
        self,
        shape: Shape,
        dtype: DType,
        operation: Any = None,
        inputs: tuple[Any, ...] = (),
        block: Block | None = None,
        layout: Strided | None = None,
    ) -> None:
        self.shape = shape
        self.dtype = dtype
        self.operation = operation
        self.inputs = inputs
        self.block = block
        self.layout = layout
        self.serial = next(_serials)
        """Greater than that of every input."""

    def settle(self, block: Block) -> None:
        """The elements are in the block now, in C order; what they came from is let go."""
        # In this order: another thread that sees no operation finds the block.
        self.block = block
        self.operation = None
        self.inputs = ()


class Cell:
    """What a buffer and the views of it share: their value, which an update in place may replace.

    While somebody holds the cell, its value has to get into memory; values that no cell holds are
    intermediate results.
    """

    __slots__ = ("__weakref__", "value")

    def __init__(self, value: Value) -> None:
        self.value = value


class View:
    """The operation of a view of a pending value: movements, of which each applies to what was before."""

    __slots__ = ("dtype", "movements", "shape")

    def __init__(self, shape: Shape, dtype: DType, movements: tuple[Movement, ...]) -> None:
        """Of a value of that shape and dtype."""
        self.shape = shape
        self.dtype = dtype
        self.movements = movements

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, View)
            and self.dtype is other.dtype
            and (self.shape, self.movements) == (other.shape, other.movements)
        )

    def __hash__(self) -> int:
        return hash((self.shape, self.dtype, self.movements))
