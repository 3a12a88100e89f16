"""The validation layer's rules for a dispatch: an encoder's state, grid and threadgroup in, the launch as a value out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from metal_runtime.device.launch_config import LaunchConfig
from metal_runtime.msl_types import AddressSpace
from metal_runtime.program import Argument, ArgumentKind
from tests.metal.double.programs import PipelineState
from tests.metal.double.records import Access, Bound, Dispatch
from tests.metal.double.world import World

SLOTS = 31
INLINE_BYTES = 4096
MEMORY_ALIGNMENT = 16
_LARGEST_ALIGNMENT = 16
_CONSTANT_ALIGNMENT = 4

Extent = tuple[int, int, int]


def dispatch(
    world: World,
    gpu: Any,
    state: PipelineState | None,
    bound: Mapping[int, Bound],
    memory: Mapping[int, int],
    grid: Extent,
    threadgroup: Extent,
) -> Dispatch:
    """The launch, if no rule forbids it."""
    if state is None:
        world.violation("a dispatch without a compute pipeline state")
    name = state._name
    _check_shape(world, state, grid, threadgroup)
    signature = state._signature
    arguments = signature.arguments
    for argument in arguments:
        _check_argument(world, name, argument, bound.get(argument.index))
    lengths = _memory_lengths(world, gpu, state, memory)
    found = [bound.get(argument.index, Bound()) for argument in arguments]
    accesses = [
        Access(b.buffer._memory, a.written, b.offset)
        for a, b in zip(arguments, found, strict=True)
        if b.buffer is not None
    ]
    return Dispatch(
        name,
        state._pipeline,
        LaunchConfig(grid, threadgroup, lengths),
        [b.for_cpu() if not b.is_nil else _nothing(a) for a, b in zip(arguments, found, strict=True)],
        accesses,
    )  # fmt: skip


def _nothing(argument: Argument) -> Any:
    """What an inactive parameter gets."""
    return bytes(argument.itemsize or 16) if argument.kind is ArgumentKind.VALUE else Bound().for_cpu()  # fmt: skip


def _check_shape(world: World, state: PipelineState, grid: Extent, threadgroup: Extent) -> None:
    name, threads = state._name, threadgroup[0] * threadgroup[1] * threadgroup[2]
    world.check(all(grid), f"{name}: the grid {grid} is empty")
    world.check(all(threadgroup), f"{name}: the threadgroup {threadgroup} is empty")
    limit = state._max_threads()
    world.check(
        threads <= limit,
        f"{name}: {threads} threads a threadgroup are more than its pipeline's maximum of {limit}",
    )
    world.check(
        all(extent < 2**32 for extent in grid), f"{name}: the grid {grid} is larger than 32 bits"
    )


def _check_argument(world: World, kernel: str, argument: Argument, bound: Bound | None) -> None:
    if not argument.active:
        return
    what = f"{kernel}: buffer index {argument.index} ({argument.name})"
    if bound is None or bound.is_nil:
        world.violation(f"{what} is not bound")
    if bound.data is not None:
        world.check(
            not argument.written, f"{what} is written by the kernel, and bound to inline bytes"
        )
    else:
        step = alignment_of(argument)
        world.check(
            bound.offset % step == 0, f"{what}: offset {bound.offset} is no multiple of {step}"
        )
    least = argument.itemsize or 1
    world.check(
        bound.nbytes >= least,
        f"{what} has {bound.nbytes} bytes from its offset on, the argument has {least}",
    )


def alignment_of(argument: Argument) -> int:
    """By what an offset must be divisible: the element's own alignment, and 4 bytes in constant memory."""
    size = argument.itemsize or 1
    # Of a user's struct only the size is known; most hold something of 4 bytes.
    natural = min(size & -size, _LARGEST_ALIGNMENT if argument.type is not None else 4)
    return max(natural, _CONSTANT_ALIGNMENT) if argument.space is AddressSpace.CONSTANT else natural


def _memory_lengths(
    world: World, gpu: Any, state: PipelineState, memory: Mapping[int, int]
) -> tuple[int, ...]:
    name, static = state._name, state._static_memory()
    total = static + sum(memory.values())
    world.check(
        total <= gpu.threadgroup_memory,
        f"{name}: {total} bytes of threadgroup memory are more than the device's {gpu.threadgroup_memory}",
    )
    arguments = state._signature.threadgroup_arguments
    for argument in arguments:
        world.check(
            memory.get(argument.index, 0) > 0,
            f"{name}: threadgroup memory at index {argument.index} ({argument.name}) has no length",
        )
    return tuple(memory[argument.index] for argument in arguments)
