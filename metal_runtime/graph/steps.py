"""The kernels of a plan: what is allocated before each, what is bound to it, and its launch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from metal_runtime.device.launch_config import Extent, LaunchConfig
from metal_runtime.device.pool import Block
from metal_runtime.device.protocol import UNBOUND, Binding, BufferBinding, Pipeline
from metal_runtime.dtype import DType
from metal_runtime.graph.generated import Generated, Team
from metal_runtime.graph.product_kernel import GeneratedProduct
from metal_runtime.ir.builtins import SIMD_WIDTH
from metal_runtime.ops.compiled import launch_shape, pipeline_of
from metal_runtime.ops.product_run import Operand, run_product
from metal_runtime.program import MslProgram
from metal_runtime.runtime.session import Session
from metal_runtime.strided import Strided

BoundArgument = tuple[int, int] | bytes | int
"""Memory as (place among the arrays of the run, byte offset), numbers as bytes, a scalar by its place."""


class KernelStep:
    """One launch. It is compiled when it runs for the first time, not when it is explained."""

    __slots__ = (
        "_grid",
        "_ready",
        "_team",
        "_threadgroup",
        "arguments",
        "generated",
        "makes",
        "name",
        "program",
    )

    def __init__(
        self,
        generated: Generated,
        program: MslProgram,
        arguments: tuple[BoundArgument, ...],
        makes: tuple[tuple[int, int], ...],
    ) -> None:
        """``makes``: arrays that are allocated before it, as (place, bytes)."""
        self.generated: Generated | None = generated
        """The IR, until it is compiled: plans are kept, and it is large."""

        self.name = generated.kernel.name
        self._grid = generated.grid
        self._team = generated.team
        self.program = program
        self.arguments = arguments
        self.makes = makes
        self._ready: tuple[Pipeline, LaunchConfig] | None = None

    @property
    def text(self) -> str:
        """Its MSL."""
        return self.program.source

    def run(self, session: Session, memory: Sequence[Block], scalars: Sequence[bytes]) -> None:
        pipeline, config = self._ready or self._compiled(session)
        session.stream.launch(pipeline, config, bound(self.arguments, memory, scalars))

    def _compiled(self, session: Session) -> tuple[Pipeline, LaunchConfig]:
        pipeline = pipeline_of(session, self.program)
        grid, threadgroup = self._grid, None
        if self._team is not None:
            grid, threadgroup = fitting(grid, self._team, pipeline.max_threads_per_threadgroup)
        self._ready = pipeline, launch_shape(session, pipeline, grid, threadgroup)
        self.generated = None
        return self._ready


def fitting(grid: Extent, team: Team, most: int) -> tuple[Extent, Extent]:
    """The launch and its threadgroups, of fewer threads where the device runs fewer of this kernel at once."""
    sizes, threadgroup = list(grid), list(team.threadgroup)
    while math.prod(threadgroup) > most and threadgroup != [SIMD_WIDTH, 1, 1]:
        axis = 1 if threadgroup[1] > 1 else 0
        threadgroup[axis] //= 2
        if axis == team.shared:
            sizes[axis] = threadgroup[axis]
    return (sizes[0], sizes[1], sizes[2]), (threadgroup[0], threadgroup[1], threadgroup[2])


@dataclass(frozen=True, slots=True)
class ProductOperand:
    """An operand of a product: its array, and where its elements lie in it."""

    place: int
    dtype: DType
    layout: Strided

    def at(self, memory: BufferBinding) -> Operand:
        layout = self.layout
        return Operand(memory, self.dtype, layout.shape, layout.strides, layout.offset)


@dataclass(frozen=True, slots=True)
class ProductStep:
    """The launches of one matrix product and what is computed at its end."""

    generated: GeneratedProduct
    a: ProductOperand
    b: ProductOperand
    out: tuple[int, int]
    arguments: tuple[BoundArgument, ...]
    makes: tuple[tuple[int, int], ...]
    text: str
    """The MSL of its kernels."""

    @property
    def name(self) -> str:
        return f"matmul_{self.generated.product.name}"

    def run(self, session: Session, memory: Sequence[Block], scalars: Sequence[bytes]) -> None:
        a = self.a.at(memory[self.a.place].binding)
        b = self.b.at(memory[self.b.place].binding)
        (out,) = bound((self.out,), memory, scalars)
        bindings = bound(self.arguments, memory, scalars)
        run_product(session, self.generated.product, a, b, out, bindings)  # type: ignore[arg-type]


Step = KernelStep | ProductStep


def product_text(
    session: Session, generated: GeneratedProduct, a: ProductOperand, b: ProductOperand
) -> str:
    """The MSL of the kernels that a product takes."""
    found: list[str] = []

    def collect(program: MslProgram, *_: Any) -> None:
        found.append(program.source)

    nothing = [UNBOUND] * len(generated.arguments)
    run_product(session, generated.product, a.at(UNBOUND), b.at(UNBOUND), UNBOUND, nothing, collect)
    return "\n".join(dict.fromkeys(found))


def bound(
    arguments: Sequence[BoundArgument], memory: Sequence[Block], scalars: Sequence[bytes]
) -> list[Binding]:
    """What is bound in a run that has these arrays and scalars."""
    bindings: list[Binding] = []
    for argument in arguments:
        if argument.__class__ is tuple:
            place, offset = argument
            allocation, first = memory[place].binding
            bindings.append((allocation, first + offset))
        elif argument.__class__ is bytes:
            bindings.append(argument)
        else:
            bindings.append(scalars[argument])  # type: ignore[index]
    return bindings
