"""ir.Kernel -> a pipeline of a session's device, and the shape of its launch."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from metal_runtime.buffer import MetalBuffer
from metal_runtime.device.launch_config import Extent, LaunchConfig
from metal_runtime.device.protocol import Binding, Pipeline
from metal_runtime.ir.nodes import Kernel
from metal_runtime.passes.pipeline import optimize
from metal_runtime.program import MslProgram
from metal_runtime.runtime.compile import ir_to_program
from metal_runtime.runtime.launch_shape import launch_config
from metal_runtime.runtime.session import Session


def kernel_program(kernel: Kernel) -> MslProgram:
    """The MSL program of an operator's kernel."""
    return ir_to_program(optimize(kernel))


def pipeline_of(session: Session, program: MslProgram) -> Pipeline:
    """The program's one kernel, compiled for the session's device at most once."""
    return session.programs.pipeline(program, program.entry_points[0].name)


def launch_shape(
    session: Session, pipeline: Pipeline, grid: Extent, threadgroup: Extent | None = None
) -> LaunchConfig:
    """The checked launch of a grid. Raises LaunchError when an axis has 2**32 threads or more."""
    return launch_config(
        pipeline.signature.name,
        grid,
        threadgroup,
        traits=session.device.traits,
        max_threads=pipeline.max_threads_per_threadgroup,
    )


def launch(
    session: Session,
    program: MslProgram,
    grid: Extent,
    buffers: Sequence[MetalBuffer],
    numbers: Sequence[int],
    threadgroup: Extent | None = None,
) -> None:
    """Launches a program's kernel, whose parameters are ``buffers`` and then unsigned ``numbers``.

    Raises:
        ClosedBufferError: one of the buffers is closed.
    """
    pipeline = pipeline_of(session, program)
    bindings: list[Binding] = [buffer._open().binding for buffer in buffers]
    bindings += [struct.pack("=I", number) for number in numbers]
    config = launch_shape(session, pipeline, grid, threadgroup)
    session.stream.launch(pipeline, config, bindings)
