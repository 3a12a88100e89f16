"""ir.Kernel -> a pipeline of a session's device, and the shape of its launch."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from metal_runtime.buffer import MetalBuffer
from metal_runtime.buffer_host import Launch
from metal_runtime.device.launch_config import Extent, LaunchConfig
from metal_runtime.device.protocol import Binding, Pipeline
from metal_runtime.ir.nodes import Kernel
from metal_runtime.msl_types import Pointer, ValueType
from metal_runtime.passes.pipeline import PASSES, Pass
from metal_runtime.program import CompileOptions, MslProgram
from metal_runtime.runtime.compile import DEFAULT_OPTIONS, function_to_ir, ir_to_program, optimized
from metal_runtime.runtime.launch_shape import launch_config
from metal_runtime.runtime.recorded_launch import argument_work
from metal_runtime.runtime.session import Session

_KEPT = 1024
_programs: dict[bytes, MslProgram] = {}


def kernel_program(
    kernel: Kernel, passes: Sequence[Pass] = PASSES, options: CompileOptions = DEFAULT_OPTIONS
) -> MslProgram:
    """The MSL program of an operator's kernel. Plans of other sizes often come to the same kernel, which is made once."""
    # Not by equality, to which 0.0 is -0.0; spans are not part of the text.
    key = hashlib.blake2b(repr((kernel, passes, options)).encode(), digest_size=16).digest()
    found = _programs.get(key)
    if found is None:
        found = ir_to_program(optimized(kernel, passes), options)
        if len(_programs) >= _KEPT:
            _programs.clear()
        _programs[key] = found
    return found


def python_program(
    function: Callable[..., Any], name: str, *types: Pointer | ValueType
) -> MslProgram:
    """The MSL program of a kernel that is written in Python; ``types`` are those of its parameters, in order."""
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    return ir_to_program(function_to_ir(function, dict(zip(names, types, strict=True)), name))


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
    numbers: Sequence[int | bytes] = (),
    threadgroup: Extent | None = None,
) -> None:
    """Launches a program's kernel, whose parameters are ``buffers`` and then ``numbers``: of 32 bits without a sign, or bytes of another type.

    Raises:
        ClosedBufferError: one of the buffers is closed.
    """
    pipeline = pipeline_of(session, program)
    ordered = [buffer._in_order() for buffer in buffers]  # held until the launch is made
    graph = session.busy_graph()
    if graph is not None:
        arguments = pipeline.signature.arguments
        written = [b for a, b in zip(arguments, ordered, strict=False) if a.written]
        graph.start_before(ordered, written)
    bindings: list[Binding] = [buffer._bound() for buffer in ordered]
    bindings += [n if isinstance(n, bytes) else struct.pack("=I", n) for n in numbers]
    config = launch_shape(session, pipeline, grid, threadgroup)
    work = partial(argument_work, pipeline.signature.arguments, buffers)
    session.launch(pipeline, config, bindings, work)
    if graph is not None and graph.is_observed():
        signature = pipeline.signature
        told = Launch(signature.name, program.source, signature, config.grid, by_program=False)
        graph.launched(told, ordered)
