"""What a Python expression in a kernel can stand for while it is translated: values, literals, buffers, objects."""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from metal_runtime.dtype import DType
from metal_runtime.errors import DTypeError, KernelTypeError
from metal_runtime.ir.nodes import Constant, Expr
from metal_runtime.msl_types import Pointer, ValueType
from metal_runtime.source import SourceSpan


@dataclass(frozen=True, slots=True)
class Value:
    """An IR expression.

    ``weak`` says that it is made of integer literals alone, or is one float literal: then a variable
    that also gets a value of a definite type takes that type.
    """

    expr: Expr
    span: SourceSpan
    weak: bool = False

    @property
    def type(self) -> ValueType:
        type_: ValueType = self.expr.type  # type: ignore[assignment]  # no void call and no matrix is a number
        return type_


@dataclass(frozen=True, slots=True)
class IntLiteral:
    """An integer known while translating; it becomes a constant of the type that its place asks for."""

    value: int
    span: SourceSpan
    hexadecimal: bool = False
    """Written in base 16, 8 or 2: such a literal may be unsigned, as in C++."""


@dataclass(frozen=True, slots=True)
class TupleOperand:
    """Several operands side by side: to be unpacked, or indexed by a constant."""

    items: tuple[Operand, ...]
    span: SourceSpan


@dataclass(frozen=True, slots=True)
class Buffer:
    """A pointer parameter or an array."""

    name: str
    """Its name in the IR."""

    text: str
    """Its name in Python."""

    pointer: Pointer
    span: SourceSpan
    declared: SourceSpan
    length: int | None = None
    """The first extent of an array; a parameter's is not known."""

    @property
    def extents(self) -> tuple[int | None, ...]:
        return (self.length, *self.pointer.inner)


@dataclass(frozen=True, slots=True)
class Row:
    """An array of several dimensions with some subscripts, but not all."""

    buffer: Buffer
    subscripts: tuple[Expr, ...]
    span: SourceSpan


@dataclass(frozen=True, slots=True)
class PythonObject:
    """An object from outside the kernel that is no number: a function, a module, an enum …"""

    value: Any
    text: str
    """How the user wrote it."""

    span: SourceSpan


Numeric = Value | IntLiteral
Operand = Value | IntLiteral | TupleOperand | Buffer | Row | PythonObject


def from_python(value: Any, text: str, span: SourceSpan) -> Operand:
    """A constant from outside the kernel; what is no constant stays a PythonObject."""
    match value:
        case enum.Enum() if not isinstance(value, int | float):
            return PythonObject(value, text, span)
        case bool() | np.bool_():
            return Value(Constant(bool(value), DType.BOOL, span=span), span)
        case int():
            return int_literal(int(value), span)
        case float():  # np.float64 is one, too
            return float_literal(float(value), span)
        case np.generic():
            return _numpy_scalar(value, text, span)
        case tuple():
            return TupleOperand(tuple(from_python(v, text, span) for v in value), span)
    return PythonObject(value, text, span)


_MOST_BITS = 128  # enough for a mask of 64 bits to be computed by way of 2 ** 64


def int_literal(value: int, span: SourceSpan, *, hexadecimal: bool = False) -> IntLiteral:
    """An integer known now. Raises KernelTypeError if no computation of a kernel can need it."""
    if value.bit_length() > _MOST_BITS:
        raise KernelTypeError(
            "this integer is far too large for Metal, whose largest type has 64 bits", span
        )
    return IntLiteral(value, span, hexadecimal)


def float_literal(value: float, span: SourceSpan) -> Value:
    """A float of Python as a constant of type float. Raises KernelTypeError if it is too large."""
    nearest = rounded(value, DType.FLOAT32)
    if math.isinf(nearest) and math.isfinite(value):
        raise KernelTypeError(
            f"{value:g} is too large for `float`", span, hint="write math.inf for infinity"
        )
    return Value(Constant(nearest, DType.FLOAT32, span=span), span, weak=True)


def rounded(value: float, dtype: DType) -> float:
    """The nearest value of a floating-point type, infinity if there is none."""
    with np.errstate(over="ignore"):
        return float(dtype.numpy_dtype.type(value))


def _numpy_scalar(value: np.generic, text: str, span: SourceSpan) -> Operand:
    try:
        dtype = DType.from_numpy(value.dtype)
    except DTypeError:
        return PythonObject(value, text, span)
    number = float(value) if dtype.is_float else int(value)
    return Value(Constant(number, dtype, span=span), span)
