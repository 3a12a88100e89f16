"""Which expressions may be written twice, or evaluated later: an expression in, a verdict out."""

from __future__ import annotations

from metal_runtime.frontend.operands import Operand, Value
from metal_runtime.ir.effects import changes
from metal_runtime.ir.nodes import (
    Atomic,
    Bitcast,
    Builtin,
    Call,
    Cast,
    Collective,
    Component,
    Constant,
    Expr,
    Load,
    MatrixLoad,
    Read,
    Swizzle,
)
from metal_runtime.ir.walk import walk
from metal_runtime.msl_types import Matrix


def is_matrix(operand: Operand) -> bool:
    """Whether the operand is a simdgroup matrix."""
    return isinstance(operand, Value) and isinstance(operand.expr.type, Matrix)


def has_atomics(expr: Expr) -> bool:
    """Whether evaluating the expression changes memory by an atomic function."""
    return any(changes(n) for n in walk(expr))


def is_simple(expr: Expr) -> bool:
    """Whether writing an expression twice costs nothing."""
    if isinstance(expr, Swizzle | Cast | Bitcast):
        return is_simple(expr.value)
    return isinstance(expr, Constant | Read | Builtin)


def is_repeatable(expr: Expr) -> bool:
    """Whether evaluating an expression twice, or later, gives the same: it reads no memory, calls nothing."""
    once = Load | Call | Component | Collective | Atomic | MatrixLoad
    return not any(isinstance(n, once) for n in walk(expr))
