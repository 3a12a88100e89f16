"""What a buffer stands for: elements in device memory, or an operation whose elements are still to be computed."""

from __future__ import annotations

import itertools
from typing import Any

from metal_runtime.device.block import Block
from metal_runtime.dtype import DType
from metal_runtime.recording.places import RawPlace
from metal_runtime.strided import Movement, Shape, Strided

_serials = itertools.count()


class Value:
    """Elements of one shape and dtype. Pending while ``operation`` is there, in memory from then on.

    A pending value knows its ``inputs`` (values, and Python numbers); one in memory has a ``block``, in
    which its elements lie by ``layout``, or in C order from its first byte on where that is None. Made by
    ``pending_value`` and ``value_in_memory``: Python takes twice as long for a class with ``__init__``.
    """

    __slots__ = ("block", "dtype", "inputs", "layout", "operation", "place", "serial", "shape")

    shape: Shape
    dtype: DType
    operation: Any
    inputs: tuple[Any, ...]
    block: Block | None
    layout: Strided | None
    serial: int
    """Greater than that of every input."""

    place: RawPlace | None
    """The line of the operator; there only if it was recorded while somebody recorded events."""

    def settle(self, block: Block) -> None:
        """The elements are in the block now, in C order; what they came from is let go."""
        # In this order: another thread that sees no operation finds the block.
        self.block = block
        self.operation = None
        self.inputs = ()


def pending_value(shape: Shape, dtype: DType, operation: Any, inputs: tuple[Any, ...]) -> Value:
    """What an operation will give, of values and packed numbers."""
    value = Value()
    value.shape = shape
    value.dtype = dtype
    value.operation = operation
    value.inputs = inputs
    value.block = value.layout = None
    value.serial = next(_serials)
    return value


def value_in_memory(
    shape: Shape, dtype: DType, block: Block | None, layout: Strided | None = None
) -> Value:
    """Elements that lie in a block already."""
    value = pending_value(shape, dtype, None, ())
    value.block = block
    value.layout = layout
    return value


class Cell:
    """What a buffer and the views of it share: their value, which an update in place may replace.

    While somebody holds the cell, its value has to get into memory; values that no cell holds are
    intermediate results. Made by ``cell_of``.
    """

    __slots__ = ("__weakref__", "value")

    value: Value


def cell_of(value: Value) -> Cell:
    """A cell that holds a value."""
    cell = Cell()
    cell.value = value
    return cell


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
