"""Operands enter; IR expressions of the asked type leave: MSL's implicit and explicit conversions, and common types."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import reduce

from metal_runtime.dtype import DType
from metal_runtime.errors import KernelTypeError, Note
from metal_runtime.frontend.operands import IntLiteral, Numeric, Value, rounded
from metal_runtime.frontend.read_source import written
from metal_runtime.ir.nodes import Cast, Constant, Construct, Expr
from metal_runtime.msl_types import Matrix, ValueType, Vector, element_of, type_name
from metal_runtime.source import SourceSpan

_INTEGER_RANKS = {
    DType.INT8: 1, DType.UINT8: 1, DType.INT16: 2, DType.UINT16: 2,
    DType.INT32: 3, DType.UINT32: 3, DType.INT64: 4, DType.UINT64: 4,
}  # fmt: skip


# --- integer literals ----------------------------------------------------------------------------


def fits(value: int, dtype: DType) -> bool:
    """Whether an integer type holds the value."""
    low = -(1 << (dtype.bits - 1)) if dtype.is_signed else 0
    return low <= value < low + (1 << dtype.bits)


def literal_type(literal: IntLiteral) -> DType:
    """C++'s type of an integer literal: int, else long; hexadecimal ones may be unsigned."""
    candidates = [DType.INT32, DType.INT64, DType.UINT64]
    if literal.hexadecimal:
        candidates.insert(1, DType.UINT32)
    for dtype in candidates:
        if fits(literal.value, dtype):
            return dtype
    raise KernelTypeError(
        f"{literal.value} does not fit into 64 bits", literal.span, hint="Metal's largest is ulong"
    )


def as_value(operand: Numeric) -> Value:
    """The operand as a value; a literal gets its own type."""
    if isinstance(operand, Value):
        return operand
    constant = Constant(operand.value, literal_type(operand), span=operand.span)
    return Value(constant, operand.span, weak=True)


def _literal_as(literal: IntLiteral, target: DType, what: str) -> Expr:
    value, span = literal.value, literal.span
    if target.is_float:
        return constant(float(value), target, span)
    if target is DType.BOOL and value not in (0, 1):
        raise KernelTypeError(
            f"{value} is not a `bool`, which {what} is", span, hint="write True or False"
        )
    if target is DType.BOOL:
        return Constant(bool(value), target, span=span)
    if not fits(value, target):
        hint = f"write metal.{target.metal_name}({value}) if it shall wrap around"
        raise KernelTypeError(
            f"{value} does not fit into `{target.metal_name}`, which {what} is", span, hint=hint
        )
    return Constant(value, target, span=span)


def constant(value: float, dtype: DType, span: SourceSpan | None) -> Constant:
    """A floating-point constant, rounded. Raises KernelTypeError if it is finite and too large."""
    nearest = rounded(value, dtype)
    if math.isinf(nearest) and math.isfinite(value):
        name = dtype.metal_name
        raise KernelTypeError(f"{value:g} is too large for `{name}`", span, hint="use math.inf for infinity")  # fmt: skip
    return Constant(nearest, dtype, span=span)


# --- conversions ---------------------------------------------------------------------------------


def implicit(operand: Numeric, target: ValueType, what: str, notes: tuple[Note, ...] = ()) -> Expr:
    """The operand as ``target``, where MSL converts by itself.

    ``what`` names the thing of that type, such as "variable `x`". Raises KernelTypeError elsewhere.
    """
    element = element_of(target)
    if isinstance(operand, IntLiteral):
        return _spread(_literal_as(operand, element, what), target)
    source = operand.type
    if source == target:
        return operand.expr
    hint = _why_not(operand, target)
    if hint is not None:
        raise KernelTypeError(
            f"this is `{type_name(source)}`, but {what} is `{type_name(target)}`",
            operand.span,
            hint=hint,
            notes=notes,
        )
    if isinstance(operand.expr, Constant) and element.is_float and isinstance(source, DType):
        return _spread(constant(float(operand.expr.value), element, operand.span), target)
    return _spread(_converted(operand.expr, element), target)


def explicit(operand: Numeric, target: ValueType, span: SourceSpan) -> Expr:
    """The operand as ``target``, as a cast or a constructor of one argument converts it."""
    element = element_of(target)
    if isinstance(operand, IntLiteral):
        number = Constant(_wrapped(operand.value, element), element, span=span)
        return _spread(number, target)
    source = operand.type
    if isinstance(source, Vector):
        if not isinstance(target, Vector):
            raise KernelTypeError(
                f"a `{source}` cannot become one `{type_name(target)}`",
                operand.span,
                hint=f"take a component, such as `{written(operand.span)}.x`",
            )
        if source.width != target.width:
            raise KernelTypeError(
                f"a `{source}` cannot become a `{target}`: the widths differ",
                operand.span,
                hint=_width_hint(operand, source.width, target),
            )
    if isinstance(source, Vector):
        return operand.expr if source == target else Cast(operand.expr, target, span=span)
    return _spread(_converted(operand.expr, element, span), target)


def _wrapped(value: int, dtype: DType) -> bool | int | float:
    if dtype is DType.BOOL:
        return value != 0
    if dtype.is_float:
        return rounded(value, dtype)
    low = value & ((1 << dtype.bits) - 1)
    return low - (1 << dtype.bits) if dtype.is_signed and low >> (dtype.bits - 1) else low


def _converted(expr: Expr, dtype: DType, span: SourceSpan | None = None) -> Expr:
    span = span or expr.span
    if expr.type is dtype:
        return expr
    if isinstance(expr, Constant):
        if not expr.type.is_float:
            return Constant(_wrapped(int(expr.value), dtype), dtype, span=span)
        if dtype.is_float:
            return Constant(rounded(float(expr.value), dtype), dtype, span=span)
    return Cast(expr, dtype, span=span)


def _spread(expr: Expr, target: ValueType) -> Expr:
    return Construct((expr,), target, span=expr.span) if isinstance(target, Vector) else expr


def _why_not(operand: Value, target: ValueType) -> str | None:
    """The hint for a conversion that MSL does not make by itself; None if it does."""
    source, text = operand.type, written(operand.span)
    if isinstance(source, Vector):
        if not isinstance(target, Vector):
            return f"take a component, such as `{text}.x`"
        if source.width != target.width:
            return _width_hint(operand, source.width, target)
        return f"vectors are not converted by themselves; write `{cast_text(target, text)}`"
    element = element_of(target)
    if element is DType.BOOL and source is not DType.BOOL:
        return f"compare it: `{text} != 0`"
    if source.is_float and element.is_integer:
        return f"write `{cast_text(element, text)}`, which truncates toward zero"
    if {source, element} == {DType.FLOAT16, DType.BFLOAT16}:
        return f"convert it: `{cast_text(element, text)}`"
    return None


def _width_hint(operand: Value, width: int, target: Vector) -> str:
    text = written(operand.span)
    if width > target.width:
        return f"take {target.width} components, such as `{text}.{'xyzw'[: target.width]}`"
    return f"add components: `metal.{target}({text}, {', '.join(['0'] * (target.width - width))})`"


def cast_text(target: ValueType | Matrix, text: str) -> str:
    """How a user writes a conversion."""
    name = type_name(target)
    return f"{name}({text})" if name in ("int", "float", "bool") else f"metal.{name}({text})"


# --- common types --------------------------------------------------------------------------------


def promoted(dtype: DType) -> DType:
    """C++'s integral promotion: what is narrower than int computes as int."""
    return DType.INT32 if dtype is DType.BOOL or _INTEGER_RANKS.get(dtype, 3) < 3 else dtype


def common_scalar(a: DType, b: DType) -> DType | None:
    """C++'s usual arithmetic conversions, less the promotion of equal types; None for half with bfloat."""
    if a is b:
        return a
    if a.is_float or b.is_float:
        if not (a.is_float and b.is_float):
            return a if a.is_float else b
        return DType.FLOAT32 if DType.FLOAT32 in (a, b) else None
    a, b = promoted(a), promoted(b)
    if a is b:
        return a
    return max(a, b, key=lambda d: (_INTEGER_RANKS[d], not d.is_signed))


def unify(
    operands: Sequence[Numeric], span: SourceSpan, *, promote: bool, ordered: bool = False
) -> list[Expr]:
    """The operands in their common type.

    ``promote``: narrow integers compute as int. ``ordered``: their order matters, so a negative
    literal beside unsigned values is refused.
    """
    vectors = [o for o in operands if isinstance(o, Value) and isinstance(o.type, Vector)]
    if vectors:
        return _unify_vectors(operands, vectors)
    type_ = _common_type(operands, span, promote)
    if ordered and type_.is_integer and not type_.is_signed:
        _refuse_negative(operands, type_)
    return [_as_common(o, type_) for o in operands]


def _as_common(operand: Numeric, type_: DType) -> Expr:
    if isinstance(operand, IntLiteral) and type_.is_integer and not fits(operand.value, type_):
        return Constant(_wrapped(operand.value, type_), type_, span=operand.span)
    return implicit(operand, type_, "the other operand")


def _common_type(operands: Sequence[Numeric], span: SourceSpan, promote: bool) -> DType:
    literals = [o for o in operands if isinstance(o, IntLiteral)]
    values = [o for o in operands if isinstance(o, Value)]
    if not values:
        below = any(o.value < 0 for o in literals)  # then all are signed, if that is wide enough
        signed = [replace(o, hexadecimal=o.hexadecimal and not below) for o in literals]
        return reduce(_common_integer, map(literal_type, signed))
    type_ = element_of(values[0].type)
    for value in values[1:]:
        common = common_scalar(type_, element_of(value.type))
        if common is None:
            raise _no_common(values, span)
        type_ = common
    if type_.is_float:
        return type_
    if promote or (type_ is DType.BOOL and literals):
        type_ = promoted(type_)
    for literal in literals:
        if not fits(literal.value, type_) and (type_.is_signed or literal.value > 0):
            type_ = _common_integer(promoted(type_), literal_type(literal))
    return type_


def _common_integer(a: DType, b: DType) -> DType:
    common = common_scalar(a, b)
    assert common is not None
    return common


def _no_common(values: Sequence[Value], span: SourceSpan) -> KernelTypeError:
    half = next(v for v in values if v.type is DType.FLOAT16)
    return KernelTypeError(
        "`half` and `bfloat` have no common type",
        span,
        hint=f"convert one of them, or both to float: `float({written(half.span)})`",
    )


def _refuse_negative(operands: Sequence[Numeric], type_: DType) -> None:
    unsigned = next((o for o in operands if isinstance(o, Value)), None)
    for operand in operands:
        if isinstance(operand, IntLiteral) and operand.value < 0 and unsigned is not None:
            raise KernelTypeError(
                f"{operand.value} is compared with a `{type_.metal_name}`, which is never negative",
                operand.span,
                hint=f"write `int({written(unsigned.span)})` if it may be negative",
            )


def _unify_vectors(operands: Sequence[Numeric], vectors: Sequence[Value]) -> list[Expr]:
    type_ = vectors[0].type
    assert isinstance(type_, Vector)
    for other in vectors[1:]:
        if other.type != type_:
            raise _vector_mismatch(vectors[0], other)
    for operand in operands:
        is_float = isinstance(operand, Value) and element_of(operand.type).is_float
        if is_float and not type_.element.is_float:
            raise _float_beside_integers(vectors[0], type_, operand.span)
    return [implicit(o, type_, f"`{written(vectors[0].span)}`") for o in operands]


def _float_beside_integers(vector: Value, type_: Vector, span: SourceSpan) -> KernelTypeError:
    wanted = cast_text(Vector(DType.FLOAT32, type_.width), written(vector.span))
    return KernelTypeError(
        f"this is `float`, but `{written(vector.span)}` is `{type_}`",
        span,
        hint=f"convert the vector: `{wanted}`",
    )


def _vector_mismatch(first: Value, other: Value) -> KernelTypeError:
    a, b = first.type, other.type
    assert isinstance(a, Vector)
    assert isinstance(b, Vector)
    if a.width != b.width:
        wide, narrow = (first, b) if a.width > b.width else (other, a)
        hint = f"take {narrow.width} components, such as `{written(wide.span)}.{'xyzw'[: narrow.width]}`"
    else:
        hint = (
            f"vectors are not converted by themselves; write `{cast_text(a, written(other.span))}`"
        )
    return KernelTypeError(
        f"this is `{b}`, but `{written(first.span)}` is `{a}`", other.span, hint=hint
    )
