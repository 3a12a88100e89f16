"""The kernels of a plan: what is allocated before each, what is bound to it, and its launches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from metal_runtime.device.block import Block
from metal_runtime.device.launch_config import Extent, LaunchConfig
from metal_runtime.device.protocol import Binding, Pipeline
from metal_runtime.graph.generated import Generated
from metal_runtime.ops.compiled import launch_shape, pipeline_of
from metal_runtime.program import MslProgram
from metal_runtime.recording.events import Work
from metal_runtime.runtime.session import Session

BoundArgument = tuple[int, int] | bytes | int
"""Memory as (place among the arrays of the run, byte offset), numbers as bytes, a scalar by its place."""


class Launch:
    """One launch. It is compiled when it runs for the first time, not when it is explained."""

    __slots__ = ("_grid", "_ready", "_threadgroup", "_work", "arguments", "program")

    def __init__(
        self,
        program: MslProgram,
        grid: Extent,
        arguments: tuple[BoundArgument, ...],
        threadgroup: Extent | None = None,
        work: Work | None = None,
    ) -> None:
        self._work = work
        self.program = program
        self.arguments = arguments
        self._grid = grid
        self._threadgroup = threadgroup
        self._ready: tuple[Pipeline, LaunchConfig] | None = None

    def run(self, session: Session, memory: Sequence[Block], scalars: Sequence[bytes]) -> None:
        pipeline, config = self._ready or self._compiled(session)
        session.launch(pipeline, config, bound(self.arguments, memory, scalars), self._work)

    def _compiled(self, session: Session) -> tuple[Pipeline, LaunchConfig]:
        pipeline = pipeline_of(session, self.program)
        self._ready = (
            pipeline,
            launch_shape(session, pipeline, self._grid, self._threadgroup),
        )
        return self._ready


@dataclass(slots=True)
class Step:
    """What computes one kernel of the schedule: one launch, or the several of a matrix product."""

    name: str
    launches: tuple[Launch, ...]
    makes: tuple[tuple[int, int], ...]
    """Arrays that are allocated before it, as (place, bytes)."""

    work: Work
    """Of all its launches, without what only they use."""

    takes: tuple[tuple[int, int], ...] = ()
    """Those that only its own launches use, and that are given back after them."""

    generated: Generated | None = None
    """The IR of a kernel that the graph wrote, until it has run: plans are kept, and it is large."""

    @property
    def text(self) -> str:
        """Its MSL."""
        return "\n".join(dict.fromkeys(launch.program.source for launch in self.launches))

    def run(self, session: Session, memory: list[Block], scalars: Sequence[bytes]) -> None:
        """``memory``: the arrays of the run, by their places."""
        for place, nbytes in self.takes:
            memory[place] = session.take(nbytes)
        for launch in self.launches:
            launch.run(session, memory, scalars)
        for place, _ in self.takes:
            memory[place] = None  # type: ignore[call-overload]
        self.generated = None


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
