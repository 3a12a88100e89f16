"""Plans and launches as they run in; a list of them for who looks on, with the memory that connects them, out."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from metal_runtime.buffer import MetalBuffer
from metal_runtime.buffer_host import Launch
from metal_runtime.device.block import Block
from metal_runtime.graph.plan import Plan
from metal_runtime.ops.promotion import dtype_name
from metal_runtime.program import Argument, ArgumentKind
from metal_runtime.strided import Shape

Memory = int | None
"""Equal for what lies in one block; None where that is not known."""


@dataclass(frozen=True, slots=True)
class PlanRun:
    """A plan that ran: the memory of its graph's leaves, and of its roots."""

    plan: Plan
    reads: tuple[Memory, ...]
    writes: tuple[Memory, ...]


@dataclass(frozen=True, slots=True)
class LaunchOperand:
    """An array that a kernel was launched with, and what it declares to do with it."""

    name: str
    dtype: str
    shape: Shape
    nbytes: int
    memory: Memory
    read: bool
    written: bool

    def __str__(self) -> str:
        """``x float32 (4, 5)``"""
        return f"{self.name} {self.dtype} {self.shape}"


@dataclass(frozen=True, slots=True)
class LaunchRun:
    """A kernel that was launched as it was written."""

    launch: Launch
    operands: tuple[LaunchOperand, ...]

    @property
    def reads(self) -> tuple[Memory, ...]:
        return tuple(o.memory for o in self.operands if o.read)

    @property
    def writes(self) -> tuple[Memory, ...]:
        return tuple(o.memory for o in self.operands if o.written)


Ran = PlanRun | LaunchRun


def planned(plan: Plan) -> PlanRun:
    """A plan that would run."""
    return PlanRun(plan, (None,) * len(plan.graph.leaves), (None,) * len(plan.graph.roots))


class Observer:
    """Lists what runs from now on. It keeps no memory alive."""

    def __init__(self) -> None:
        self.ran: list[Ran] = []
        self._numbers: weakref.WeakKeyDictionary[Block, int] = weakref.WeakKeyDictionary()
        self._count = 0

    def plan_ran(self, plan: Plan, leaves: Iterable[Block], roots: Iterable[Block]) -> None:
        self.ran.append(
            PlanRun(plan, tuple(map(self._number, leaves)), tuple(map(self._number, roots)))
        )

    def launched(self, launch: Launch, args: Sequence[Any]) -> None:
        arguments = launch.signature.arguments
        pairs = [
            (argument, value)
            for argument, value in zip(arguments, args, strict=False)
            if argument.kind is ArgumentKind.BUFFER and isinstance(value, MetalBuffer | np.ndarray)
        ]
        self.ran.append(LaunchRun(launch, tuple(self._operand(a, v) for a, v in pairs)))

    def _operand(
        self, argument: Argument, value: MetalBuffer | np.ndarray[Any, Any]
    ) -> LaunchOperand:
        memory = None
        if isinstance(value, MetalBuffer):
            block = value._open().value.block
            memory = None if block is None else self._number(block)
        # An array of structs has a dtype that Metal knows nothing of.
        dtype = dtype_name(value.dtype) if isinstance(value, MetalBuffer) else str(value.dtype)
        return LaunchOperand(
            argument.name,
            dtype,
            value.shape,
            value.nbytes,
            memory,
            argument.read,
            argument.written,
        )

    def _number(self, block: Block) -> int:
        number = self._numbers.get(block)
        if number is None:
            number = self._numbers[block] = self._count
            self._count += 1
        return number
