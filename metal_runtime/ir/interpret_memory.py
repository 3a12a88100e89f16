"""How the interpreter reaches memory: frames, loads and stores, atomics, simdgroup matrices, barriers; checked lane by lane."""

from __future__ import annotations

from typing import Any

import numpy as np

from metal_runtime.errors import KernelFault
from metal_runtime.ir.atomics import AtomicOperation
from metal_runtime.ir.builtins import SIMD_WIDTH
from metal_runtime.ir.nodes import (
    Atomic,
    Barrier,
    BarrierScope,
    Expr,
    Function,
    Kernel,
    Load,
    Subscripts,
)
from metal_runtime.ir.threadgroups import Memory, Threadgroups, matrix_offsets, update
from metal_runtime.msl_types import Matrix, ValueType, Vector

Array = (
    Any  # np.ndarray: (lanes,) for a scalar, (lanes, width) for a vector, (lanes, 64) for a matrix
)
Mask = np.ndarray[Any, np.dtype[np.bool_]]


class Frame:
    """One call of a function, for all lanes."""

    def __init__(self, count: int) -> None:
        self.variables: dict[str, Array] = {}
        self.pointers: dict[str, Memory] = {}
        self.returned: Mask = np.zeros(count, bool)
        self.result: Array = None
        self.broken: list[Mask] = []
        """For each loop around, innermost last: the lanes that left it by a break."""


class Machine:
    """The part of the interpreter that knows memory; ``evaluate`` is the other part's."""

    def __init__(self, kernel: Kernel, groups: Threadgroups) -> None:
        self.kernel = kernel
        self.functions: dict[str, Function] = {f.name: f for f in kernel.functions}
        self.groups = groups
        self.builtins = groups.builtins
        self.count = groups.count

    def frame(self, owner: Kernel | Function) -> Frame:
        """A new call, with its arrays."""
        frame = Frame(self.count)
        frame.pointers.update((a.name, self.groups.allocate(a)) for a in owner.arrays)
        return frame

    def fault(self, message: str, wrong: Mask, parameter: str | None = None) -> None:
        """Raises KernelFault naming the first lane of ``wrong``, if there is one."""
        if wrong.any():
            x, y, z = self.builtins["thread_position_in_grid"][int(np.argmax(wrong))]
            text = f"{message} in thread ({x}, {y}, {z})"
            raise KernelFault(text, kernel=self.kernel.name, parameter=parameter)

    def evaluate(self, node: Expr, mask: Mask, frame: Frame) -> Array:
        """The value in every lane; meaningless in lanes outside ``mask``."""
        raise NotImplementedError

    def barrier(self, node: Barrier, mask: Mask) -> None:
        """All lanes wait at once, so that only whether all are here needs to be looked at."""
        width = None if node.scope is BarrierScope.THREADGROUP else SIMD_WIDTH
        missing = self.groups.missing(mask, width)
        if missing.any():
            name, where = (
                node.scope.value,
                "" if node.span is None else f" in line {node.span.line}",
            )
            group = self.groups.group == self.groups.group[int(np.argmax(missing))]
            self.fault(
                f"{name}{where}: {np.sum(mask & group)} of {np.sum(group)} threads of a threadgroup "
                "arrived; missing first",
                missing,
            )

    def load(self, node: Load, mask: Mask, frame: Frame) -> Array:
        storage = frame.pointers[node.pointer].elements
        value = np.zeros((self.count, *storage.shape[1:]), storage.dtype)
        value[mask] = storage[self.index(node, mask, frame)[mask]]
        return value[:, : node.type.width] if isinstance(node.type, Vector) else value

    def index(self, node: Load, mask: Mask, frame: Frame) -> Array:
        """The checked rows of a load or store in its memory; 0 in inactive lanes."""
        memory = frame.pointers[node.pointer]
        if isinstance(node.index, Subscripts):
            index: Array = 0
            for extent, part in zip(memory.shape, node.index.parts, strict=True):
                number = self.evaluate(part, mask, frame).astype(np.int64)
                self._within(node.pointer, number, extent, mask)
                index = index * extent + number
        else:
            index = self.evaluate(node.index, mask, frame)
            self._within(node.pointer, index, memory.length, mask)
        return np.where(mask, index.astype(np.int64) + memory.base, 0)

    def _within(self, pointer: str, index: Array, length: int, mask: Mask) -> None:
        wrong = mask & ((index < 0) | (index >= length))
        message = f"index {first_value(index, wrong)} is out of range for {length} elements"
        self.fault(message, wrong, pointer)

    def matrix_rows(
        self, place: Load, stride: Expr, transpose: bool, mask: Mask, frame: Frame
    ) -> Array:
        """Where the 64 elements of a matrix lie, for every lane; alike in all lanes of a simdgroup."""
        memory = frame.pointers[place.pointer]
        first = self.index(place, mask, frame)
        offsets = matrix_offsets(self.evaluate(stride, mask, frame), transpose)
        self.whole_simdgroups(mask)
        rows = np.where(mask[:, None], first[:, None] + offsets, 0)
        last = rows.max(axis=1) - np.where(mask, memory.base, 0)
        self._within(place.pointer, last, memory.length, mask)
        return rows

    def whole_simdgroups(self, mask: Mask) -> None:
        """Matrix functions need all 32 lanes of a simdgroup."""
        self.fault("a simdgroup matrix without it:", self.groups.missing(mask, SIMD_WIDTH))
        place = self.builtins["thread_index_in_simdgroup"]
        lanes = np.bincount(self.groups.simdgroup, minlength=self.groups.simdgroup.max() + 1)
        short = mask & (lanes[self.groups.simdgroup] < SIMD_WIDTH) & (place == 0)
        self.fault(f"a simdgroup matrix needs simdgroups of {SIMD_WIDTH} threads:", short)

    def atomic(self, node: Atomic, mask: Mask, frame: Frame) -> Array:
        elements = frame.pointers[node.place.pointer].elements
        rows = self.index(node.place, mask, frame)
        if node.operation is AtomicOperation.LOAD:
            return self.load(node.place, mask, frame)
        operands = [self.evaluate(a, mask, frame) for a in node.args]
        return update(node.operation, elements, rows, operands, mask)


def trailing(type_: ValueType | Matrix) -> tuple[int, ...]:
    if isinstance(type_, Matrix):
        return (64,)
    return (type_.width,) if isinstance(type_, Vector) else ()


def first_value(values: Array, wrong: Mask) -> int:
    return int(values[int(np.argmax(wrong))]) if wrong.any() else 0
