"""A call that is to be measured -> runs of it in any configuration, which leave its arguments as they are."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from metal_runtime.buffer import MetalBuffer
from metal_runtime.dtype import DType
from metal_runtime.ir.nodes import Address, Assign, Kernel, Load, MatrixStore
from metal_runtime.ir.walk import walk
from metal_runtime.program import ArgumentKind
from metal_runtime.runtime.launch import LaunchPlan
from metal_runtime.runtime.session import Session
from metal_runtime.tune.measure import device_seconds
from metal_runtime.tune.space import THREADGROUP, Configuration


@dataclass(frozen=True, slots=True)
class Call:
    """What a caller passes; threads, threadgroup and memory may be functions of the configuration."""

    args: Sequence[Any]
    threads: Any
    threadgroup: Any = None
    memory: Any = None

    def in_configuration(self, configuration: Configuration) -> Call:
        """The call with everything known."""
        threadgroup = value_in(configuration, self.threadgroup)
        if threadgroup is None:
            threadgroup = configuration.get(THREADGROUP)
        threads = value_in(configuration, self.threads)
        return Call(self.args, threads, threadgroup, value_in(configuration, self.memory))


def value_in(configuration: Configuration, given: Any) -> Any:
    """What was given, or what a given function makes of the configuration."""
    return given(dict(configuration)) if callable(given) else given


@dataclass(frozen=True, slots=True)
class Variant:
    """The kernel with some values of its constants, for the arguments of a call."""

    launch: Callable[[Sequence[Any], Any, Any, Any, Session | None], None]
    """Arguments, threads, threadgroup, threadgroup memory, and the session of the arguments if it is known."""

    plan: Callable[[Sequence[Any], Session], LaunchPlan]
    ir: Callable[[Sequence[Any]], Kernel]

    def run(self, call: Call) -> None:
        """Launches a call in which everything is known."""
        self.launch(call.args, call.threads, call.threadgroup, call.memory, None)


@dataclass(frozen=True, slots=True)
class Trial:
    """One call and the copies that its runs write to."""

    original: Call
    session: Session
    copies: dict[Any, MetalBuffer] = field(default_factory=dict)
    repeatable: dict[Variant, bool] = field(default_factory=dict)

    def seconds(self, variant: Variant, configuration: Configuration, runs: int) -> float:
        """The device's time of so many runs, each of which finds what the call was given.

        Where a kernel reads none of what it writes the runs follow each other, else each is timed alone, on fresh
        copies. Raises IrisError where it cannot run.
        """
        plan = variant.plan(self.original.args, self.session)
        total = 0.0
        if variant not in self.repeatable:
            self.repeatable[variant] = self._is_repeatable(variant, plan)
        batch = runs if self.repeatable[variant] else 1
        for _ in range(0, runs, batch):
            call = self._fresh(plan).in_configuration(configuration)
            total += device_seconds(
                self.session.device,
                self.session.stream,
                functools.partial(_repeat, variant, call, batch),
            )
        return total

    def _is_repeatable(self, variant: Variant, plan: LaunchPlan) -> bool:
        """Whether another run on the same copies would find, and write, the same."""
        reads = read_pointers(variant.ir(self.original.args))
        pairs = self._pairs(plan)
        read = {_memory(value) for argument, value in pairs if argument.name in reads}
        return not any(argument.written and _memory(value) in read for argument, value in pairs)

    def _fresh(self, plan: LaunchPlan) -> Call:
        """The call with the copies as they were at the beginning."""
        pairs = self._pairs(plan)
        written = {_memory(value) for argument, value in pairs if argument.written}
        given = list(self.original.args)
        for position, (argument, value) in enumerate(pairs):
            if argument.kind is ArgumentKind.BUFFER and isinstance(value, MetalBuffer | np.ndarray):
                given[position] = self._argument(value, _memory(value) in written)
        return replace(self.original, args=given)

    def _pairs(self, plan: LaunchPlan) -> list[tuple[Any, Any]]:
        return list(zip(plan.pipeline.signature.arguments, self.original.args, strict=False))

    def _argument(self, value: MetalBuffer | np.ndarray[Any, Any], written: bool) -> MetalBuffer:
        if isinstance(value, MetalBuffer) and not written:
            return value
        found = self.copies.get(_memory(value))
        if found is None:
            dtype = value.dtype if isinstance(value, MetalBuffer) else DType.from_numpy(value.dtype)
            found = self.copies[_memory(value)] = self.session.empty(value.shape, dtype)
            return found.copy_from(value)
        return found.copy_from(value) if written else found


def read_pointers(kernel: Kernel) -> frozenset[str]:
    """The kernel's pointers whose elements may be read: by itself, by atomic functions, by functions it calls."""
    found: Counter[str] = Counter()
    for node in walk(*kernel.body):
        if isinstance(node, Load | Address):
            found[node.pointer] += 1
        elif isinstance(node, Assign | MatrixStore) and isinstance(node.place, Load):
            found[node.place.pointer] -= 1  # the place of a store, which walk counts as a load
    return frozenset(name for name, count in found.items() if count > 0)


def _repeat(variant: Variant, call: Call, runs: int) -> None:
    for _ in range(runs):
        variant.run(call)


def _memory(value: Any) -> Any:
    """Equal for arguments that are one memory."""
    if isinstance(value, np.ndarray):
        return value.ctypes.data, value.shape, value.strides, value.dtype
    return id(value)
