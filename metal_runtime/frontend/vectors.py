"""Vectors: swizzles, components by index, constructors and unpacking, as operands."""

from __future__ import annotations

from collections.abc import Sequence

from metal_runtime.dtype import DType
from metal_runtime.errors import KernelTypeError
from metal_runtime.frontend.conversions import as_value, explicit
from metal_runtime.frontend.operands import IntLiteral, Numeric, Value
from metal_runtime.frontend.read_source import written
from metal_runtime.ir.nodes import Component, Construct, Expr, Swizzle
from metal_runtime.msl_types import ValueType, Vector, type_name, with_element
from metal_runtime.source import SourceSpan

_COLOURS = str.maketrans("rgba", "xyzw")


def swizzle(value: Value, components: str, span: SourceSpan) -> Value:
    """``value.components``: one component, or a vector of several."""
    type_ = value.type
    text = written(value.span)
    if not isinstance(type_, Vector):
        raise KernelTypeError(
            f"`{text}` is one `{type_name(type_)}`: it has no `.{components}`",
            span,
            hint="only vectors have components" if _is_swizzle(components) else None,
        )
    if not _is_swizzle(components):
        raise KernelTypeError(
            f"a `{type_}` has no `.{components}`",
            span,
            hint=f"its components are {', '.join('.' + c for c in 'xyzw'[: type_.width])}, "
            "and combinations such as .xy",
        )
    names = components.translate(_COLOURS)
    beyond = next((c for c, n in zip(components, names, strict=True) if "xyzw".index(n) >= type_.width), None)  # fmt: skip
    if beyond is not None:
        raise KernelTypeError(
            f"a `{type_}` has no component `{beyond}`",
            span,
            hint=f"its components are {', '.join('xyzw'[: type_.width])}",
        )
    return Value(_compose(value.expr, names, type_.element, span), span)


def _is_swizzle(components: str) -> bool:
    return 1 <= len(components) <= 4 and (
        set(components) <= set("xyzw") or set(components) <= set("rgba")
    )


def _compose(expr: Expr, names: str, element: DType, span: SourceSpan) -> Swizzle:
    """A swizzle of a swizzle is one swizzle of the vector."""
    if isinstance(expr, Swizzle):
        names = "".join(expr.components["xyzw".index(n)] for n in names)
        expr = expr.value
    type_: ValueType = element if len(names) == 1 else Vector(element, len(names))
    return Swizzle(expr, names, type_, span=span)


def component(value: Value, index: Numeric, span: SourceSpan) -> Value:
    """``value[index]``; an index known now may be negative, as in Python."""
    type_ = value.type
    if not isinstance(type_, Vector):
        raise KernelTypeError(
            f"`{written(value.span)}` is one `{type_name(type_)}`, which cannot be indexed",
            span,
            hint="only buffers, vectors and tuples can be indexed",
        )
    if isinstance(index, IntLiteral):
        position = index.value + type_.width if index.value < 0 else index.value
        if not 0 <= position < type_.width:
            raise KernelTypeError(
                f"a `{type_}` has no component {index.value}",
                index.span,
                hint=f"its components are 0 to {type_.width - 1}",
            )
        return swizzle(value, "xyzw"[position], span)
    return Value(Component(value.expr, integer_index(index), type_.element, span=span), span)


def integer_index(index: Numeric) -> Expr:
    """An index as an integer expression. Raises KernelTypeError with the conversion to write."""
    value = as_value(index)
    type_, text = value.type, written(value.span)
    if isinstance(type_, Vector):
        raise KernelTypeError(
            f"an index is one integer, not a `{type_}`",
            value.span,
            hint=f"compute one, such as `{text}.y * width + {text}.x`",
        )
    if type_.is_float:
        raise KernelTypeError(
            f"an index is an integer, not a `{type_.metal_name}`",
            value.span,
            hint=f"write `int({text})`, which truncates toward zero"
            + ("; for a whole quotient write `//`" if "/" in text and "//" not in text else ""),
        )
    if type_ is DType.BOOL:
        raise KernelTypeError(
            "an index is an integer, not a `bool`", value.span, hint=f"write `int({text})`"
        )
    return value.expr


def unpack(value: Value) -> list[Numeric]:
    """The components of a vector, each as a value."""
    assert isinstance(value.type, Vector)
    return [swizzle(value, "xyzw"[i], value.span) for i in range(value.type.width)]


def construct(type_: Vector, args: Sequence[Numeric], span: SourceSpan) -> Value:
    """``metal.float4(...)``: of one value for all components, or of scalars and vectors that fill it."""
    if len(args) == 1:
        return Value(explicit(args[0], type_, span), span)
    values = [as_value(a) for a in args]
    widths = [v.type.width if isinstance(v.type, Vector) else 1 for v in values]
    if sum(widths) != type_.width:
        raise KernelTypeError(
            f"`{type_}` has {type_.width} components, but {sum(widths)} are given",
            span,
            hint=f"give {type_.width} numbers, vectors of {type_.width} components together, "
            "or one number for all",
        )
    parts = [explicit(a, with_element(v.type, type_.element), a.span) for a, v in zip(args, values, strict=True)]  # fmt: skip
    return Value(Construct(tuple(parts), type_, span=span), span)
