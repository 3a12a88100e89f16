"""The head of a `for` loop enters; start, stop and step in one integer type leave."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from metal_runtime.dtype import DType
from metal_runtime.errors import KernelTypeError
from metal_runtime.frontend.context import Lowerer
from metal_runtime.frontend.conversions import unify
from metal_runtime.frontend.operands import IntLiteral, Numeric, Value
from metal_runtime.frontend.read_source import written
from metal_runtime.ir.nodes import Expr
from metal_runtime.msl_types import Vector, type_name
from metal_runtime.source import SourceSpan


@dataclass(frozen=True, slots=True)
class Range:
    """The bounds of a loop, all of ``type``."""

    start: Expr
    stop: Expr
    step: Expr
    type: DType
    weak: bool
    """Made of integer literals alone."""

    span: SourceSpan


def lower_range(lowerer: Lowerer, node: ast.For) -> Range:
    """``range(stop)``, ``range(start, stop)``, ``range(start, stop, step)``."""
    call = node.iter
    assert isinstance(call, ast.Call)
    source = lowerer.context.source
    span = source.span(call)
    if call.keywords:
        raise source.error("`range` takes no keyword arguments", call.keywords[0])
    if not 1 <= len(call.args) <= 3:
        raise source.error(f"`range` takes 1 to 3 arguments, not {len(call.args)}", call)
    bounds = lowerer.numbers(call.args)
    for bound in bounds:
        _require_integer(bound)
    if len(bounds) == 1:
        bounds.insert(0, IntLiteral(0, span))
    if len(bounds) == 2:
        bounds.append(IntLiteral(1, span))
    if isinstance(bounds[2], IntLiteral) and bounds[2].value == 0:
        raise source.error("the step of a range cannot be 0", call.args[2])
    start, stop, step = unify(bounds, span, promote=True)
    type_ = start.type
    assert isinstance(type_, DType)
    _refuse_negative(bounds, type_)
    weak = all(isinstance(b, IntLiteral) or b.weak for b in bounds)
    return Range(start, stop, step, type_, weak, span)


def _require_integer(bound: Numeric) -> None:
    if isinstance(bound, IntLiteral):
        return
    if isinstance(bound.type, Vector) or bound.type.is_float:
        text = written(bound.span)
        hint = f"take a component, such as `{text}.x`"
        if isinstance(bound.type, DType):
            hint = f"write `int({text})`, which truncates toward zero"
        raise KernelTypeError(
            f"a range counts integers, not `{type_name(bound.type)}`", bound.span, hint=hint
        )


def _refuse_negative(bounds: list[Numeric], type_: DType) -> None:
    """An unsigned loop that counts down to -1, or starts below 0, would never do what it says."""
    if type_.is_signed:
        return
    unsigned = next((b for b in bounds if isinstance(b, Value) and b.type == type_), bounds[1])
    text = written(unsigned.span)
    for bound in bounds:
        if isinstance(bound, IntLiteral) and bound.value < 0:
            raise KernelTypeError(
                f"this range counts in `{type_.metal_name}`, which cannot be {bound.value}",
                bound.span,
                hint=f"count in int: write `int({text})` instead of `{text}`",
            )
