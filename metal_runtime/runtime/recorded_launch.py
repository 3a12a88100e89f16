"""A launch in, the same launch with an event of it out: what ``Session.launch`` does while somebody records."""

from __future__ import annotations

import inspect
import linecache
import tokenize
from collections.abc import Callable, Sequence
from threading import get_ident
from typing import Any

import numpy as np

from metal_runtime.buffer import MetalBuffer
from metal_runtime.device.launch_config import LaunchConfig
from metal_runtime.device.protocol import Binding, Pipeline, Stream
from metal_runtime.program import Argument
from metal_runtime.recording.events import KernelFacts, LaunchEvent, Place
from metal_runtime.recording.noting import note_error
from metal_runtime.recording.places import caller
from metal_runtime.recording.recorder import RECORDER, RawWork, now
from metal_runtime.source import SourceSpan

WorkOf = RawWork | Callable[[], RawWork]
"""What a launch has to do, or who finds it out when asked: only launches that are recorded ask."""


def recorded_launch(
    stream: Stream,
    device: str,
    measured: bool,
    pipeline: Pipeline,
    config: LaunchConfig,
    bindings: Sequence[Binding],
    work: WorkOf | None,
) -> None:
    """Launches, and notes it, also when it fails. ``measured``: whether the device says when it began and ended.

    Called by what a function of iris called: the two have no place in the user's program.
    """
    key = id(pipeline)
    if key not in _kept:
        _register(device, pipeline)
    recorder = RECORDER
    number = next(recorder.numbers)
    at = number & recorder.mask
    times = recorder.times_at + 16 * at if measured else 0
    begin = now()
    try:
        stream.launch(pipeline, config, bindings, times)
    except BaseException as error:
        measured = False
        note_error(device, error)
        raise
    finally:
        end = now()
        if work.__class__ is not tuple:
            work = work() if callable(work) else work or bound_work(pipeline, bindings)
        recorder.ring[at] = (
            number, LaunchEvent, measured, begin, end, get_ident(), key, device, stream.number,
            config.grid, config.threadgroup, work, caller(3),
        )  # fmt: skip


def bound_work(pipeline: Pipeline, bindings: Sequence[Binding]) -> RawWork:
    """All bytes of the memory that is bound, in whole pages: where nobody knows better."""
    read = written = 0
    for argument, binding in zip(pipeline.signature.arguments, bindings, strict=False):
        if isinstance(binding, tuple):
            nbytes = binding[0].nbytes - binding[1]
            read += nbytes
            written += nbytes if argument.written else 0
    return read, written, None


def argument_work(arguments: Sequence[Argument], values: Sequence[Any]) -> RawWork:
    """All bytes of the arrays that are passed first: read, and written where the kernel can write."""
    read = written = 0
    for argument, value in zip(arguments, values):  # noqa: B905  # a keyword takes as long as an argument
        if value.__class__ is MetalBuffer:
            nbytes = value._nbytes
        elif isinstance(value, np.ndarray):
            nbytes = value.nbytes
        else:
            continue
        read += nbytes
        if argument.written:
            written += nbytes
    return read, written, None


def _register(device: str, pipeline: Pipeline) -> None:
    """The facts of a kernel, which keep its pipeline alive: its key is the pipeline's identity."""
    signature, program = pipeline.signature, pipeline.program
    span = signature.span
    RECORDER.kernels[id(pipeline)] = KernelFacts(
        key=id(pipeline),
        name=signature.name,
        device=device,
        strategy=pipeline.strategy,
        msl=program.source,
        place=None if span is None else Place(span.file, span.line),
        python="" if span is None else _python_text(span),
        threadgroup_bytes=signature.threadgroup_bytes or 0,
    )
    _kept[id(pipeline)] = pipeline


def _python_text(span: SourceSpan) -> str:
    """The function that begins there; empty where the file is not Python, or gone."""
    lines = linecache.getlines(span.file)[span.line - 1 :]
    if not span.file.endswith(".py") and not span.file.startswith("<ipython"):
        return ""
    try:
        return "".join(inspect.getblock(lines)) if lines else ""
    except (SyntaxError, tokenize.TokenError):  # the file has changed since
        return ""


_kept: dict[int, Pipeline] = {}


def texts_of(kernel: int) -> dict[str, str]:
    """What the device's compiler made of a recorded kernel, by stage; made now."""
    pipeline = _kept.get(kernel)
    return {} if pipeline is None else dict(pipeline.texts)
