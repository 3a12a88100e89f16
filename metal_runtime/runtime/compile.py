"""The compiler's table of contents: Python function or MSL text -> MslProgram, stage by stage."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from metal_runtime.emit.ir_to_msl import ir_to_msl
from metal_runtime.frontend.translate import declared_types, translate
from metal_runtime.ir.nodes import Kernel
from metal_runtime.msl_types import Pointer, ValueType
from metal_runtime.passes.pipeline import PASSES, Pass, optimize
from metal_runtime.program import CompileOptions, MslProgram
from metal_runtime.recording.noting import compile_stage

DEFAULT_OPTIONS = CompileOptions()

__all__ = ["declared_types", "function_to_ir", "ir_to_program", "optimized"]


def function_to_ir(
    function: Callable[..., Any], types: Mapping[str, Pointer | ValueType], name: str
) -> Kernel:
    """Python -> optimised IR. Raises CompileError at the user's line."""
    with compile_stage(name, "python"):
        kernel = translate(function, types, name)
    return optimized(kernel)


def ir_to_program(kernel: Kernel, options: CompileOptions = DEFAULT_OPTIONS) -> MslProgram:
    """IR -> MSL text with its signature."""
    with compile_stage(kernel.name, "emit"):
        return ir_to_msl(kernel, options)


def optimized(kernel: Kernel, passes: Sequence[Pass] = PASSES) -> Kernel:
    """IR -> the same meaning, less work."""
    with compile_stage(kernel.name, "passes"):
        return optimize(kernel, passes)
