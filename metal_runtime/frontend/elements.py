"""Subscripts of buffers and arrays: what is indexed and the subscripts in, an element of memory or a row out."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from metal_runtime.dtype import DType
from metal_runtime.errors import KernelTypeError, Note
from metal_runtime.frontend import vectors
from metal_runtime.frontend.operands import (
    Buffer,
    IntLiteral,
    Numeric,
    Operand,
    Row,
    TupleOperand,
    Value,
)
from metal_runtime.frontend.read_source import FunctionSource
from metal_runtime.ir.atomics import AtomicOperation
from metal_runtime.ir.nodes import Atomic, Constant, Expr, Load, Subscripts
from metal_runtime.source import SourceSpan


def subscripted(
    base: Buffer | Row,
    node: ast.Subscript,
    indices: Sequence[Numeric],
    source: FunctionSource,
) -> Load | Row:
    """``base[indices]``: a row as long as subscripts are missing."""
    buffer = base if isinstance(base, Buffer) else base.buffer
    known = () if isinstance(base, Buffer) else base.subscripts
    span = source.span(node)
    dimensions = len(buffer.extents)
    if len(known) + len(indices) > dimensions:
        if dimensions == 1:
            raise source.unsupported(
                "an index is one number",
                node.slice,
                "compute it from the row's length: `a[row * width + column]`",
            )
        raise source.error(
            f"`{buffer.text}` has {dimensions} dimensions, but {len(indices)} subscripts are given",
            node.slice,
        )
    parts = list(known)
    for index in indices:
        parts.append(_checked(index, buffer, buffer.extents[len(parts)]))
    if len(parts) < dimensions:
        return Row(buffer, tuple(parts), span)
    return Load(buffer.name, _index(parts, span), buffer.pointer.element, span=span)


def _index(parts: list[Expr], span: SourceSpan) -> Expr:
    return parts[0] if len(parts) == 1 else Subscripts(tuple(parts), span=span)


def first_element(buffer: Buffer) -> Load:
    """Element 0, in every dimension."""
    zeros: list[Expr] = [Constant(0, DType.INT32, span=buffer.span) for _ in buffer.extents]
    return Load(buffer.name, _index(zeros, buffer.span), buffer.pointer.element, span=buffer.span)


def _checked(index: Numeric, buffer: Buffer, extent: int | None) -> Expr:
    if isinstance(index, IntLiteral) and index.value < 0:
        hint = "count from the start: a kernel does not know a buffer's length"
        if extent is not None:
            hint = f"count from the start: the last one is {extent - 1}"
        what = "buffer" if extent is None else "array"
        raise KernelTypeError(
            f"index {index.value} lies before the {what} `{buffer.text}`", index.span, hint=hint
        )
    if isinstance(index, IntLiteral) and extent is not None and index.value >= extent:
        raise KernelTypeError(
            f"index {index.value} is out of range for an extent of {extent}",
            index.span,
            notes=(Note(f"`{buffer.text}` is declared here", buffer.declared),),
        )
    return vectors.integer_index(index)


def loaded(load: Load, buffer: Buffer, span: SourceSpan) -> Value:
    """The value of an element."""
    if buffer.pointer.atomic:
        assert isinstance(load.type, DType)
        return Value(Atomic(AtomicOperation.LOAD, load, (), load.type, span=span), span)
    return Value(load, span)


def tuple_item(
    base: TupleOperand, index: Numeric, node: ast.Subscript, source: FunctionSource
) -> Operand:
    """An item of a tuple, which is no memory: the index is known."""
    if not isinstance(index, IntLiteral):
        raise source.error(
            "a tuple is indexed by a constant: its elements are not in memory",
            node.slice,
            "pass the numbers in a buffer",
        )
    if not -len(base.items) <= index.value < len(base.items):
        raise source.error(
            f"index {index.value} is out of range: the tuple has {len(base.items)} elements",
            node.slice,
        )
    return base.items[index.value]
