"""The compiler's table of contents: Python function or MSL text -> MslProgram, stage by stage."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from metal_runtime.emit.ir_to_msl import ir_to_msl
from metal_runtime.frontend.translate import declared_types, translate
from metal_runtime.ir.nodes import Kernel
from metal_runtime.msl_types import Pointer, ValueType
from metal_runtime.passes.pipeline import optimize
from metal_runtime.program import CompileOptions, MslProgram

DEFAULT_OPTIONS = CompileOptions()

__all__ = ["declared_types", "function_to_ir", "ir_to_program"]


def function_to_ir(
    function: Callable[..., Any], types: Mapping[str, Pointer | ValueType], name: str
) -> Kernel:
    """Python -> optimised IR. Raises CompileError at the user's line."""
    kernel = translate(function, types, name)
    return optimize(kernel)


def ir_to_program(kernel: Kernel, options: CompileOptions = DEFAULT_OPTIONS) -> MslProgram:
    """IR -> MSL text with its signature."""
    return ir_to_msl(kernel, options)
