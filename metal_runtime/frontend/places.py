"""The target of an assignment enters; the IR place that it means leaves, and what to call it in an error."""

from __future__ import annotations

import ast
from dataclasses import replace

from metal_runtime.errors import KernelTypeError, Note
from metal_runtime.frontend import vectors
from metal_runtime.frontend.context import FunctionContext
from metal_runtime.frontend.expressions import Expressions
from metal_runtime.frontend.operands import Buffer, IntLiteral, Row, Value
from metal_runtime.frontend.python_objects import is_outside
from metal_runtime.frontend.repeatable import is_repeatable
from metal_runtime.frontend.scope import Kind
from metal_runtime.ir.nodes import (
    Component,
    Expr,
    Place,
    Read,
    Subscripts,
    Swizzle,
)
from metal_runtime.msl_types import Pointer

Described = tuple[Place, str, tuple[Note, ...]]
"""A place, its name in an error, and the notes that explain its type."""


class Places:
    """Finds the places of one function's assignments."""

    def __init__(self, expressions: Expressions) -> None:
        self.expressions = expressions

    @property
    def context(self) -> FunctionContext:
        return self.expressions.context

    def place(self, node: ast.expr, *, once: bool = False) -> Described:
        """The place; with ``once``, indices that read memory are computed ahead, to be used twice."""
        match node:
            case ast.Name():
                return self._variable(node)
            case ast.Subscript():
                return self._element(node, once)
            case ast.Attribute():
                return self._components(node, once)
        raise self.context.source.unsupported(
            "this cannot be assigned to", node, "assign to a variable, an element or a component"
        )

    def root_variable(self, node: ast.expr) -> str | None:
        """The variable of the IR that a target is or is a part of; None if it is in a buffer."""
        while isinstance(node, ast.Subscript | ast.Attribute):
            node = node.value
        symbol = self.context.scope.meaning.get(node) if isinstance(node, ast.Name) else None
        if symbol is None or symbol.kind is not Kind.LOCAL:
            return None
        try:
            return self.context.local_name(symbol)
        except KernelTypeError:
            return None  # has no type: reported when it is assigned

    def _variable(self, node: ast.Name) -> Described:
        symbol = self.context.scope.meaning.get(node)
        span = self.expressions.span(node)
        if symbol is None:
            raise self.context.source.error(
                f"`{node.id}` is a constant from outside the kernel",
                node,
                "copy it to a variable first",
            )
        if symbol.kind in (Kind.BUFFER, Kind.ARRAY):
            raise KernelTypeError(
                f"`{node.id}` is a pointer, which cannot be assigned to",
                span,
                hint=f"write to an element: `{node.id}[i] = ...`",
            )
        if symbol.kind is Kind.LOOP:  # a part of it: a whole assignment makes it a local
            return Read(self.context.ir_names[symbol], self.context.variable(symbol).type, span=span), "", ()  # fmt: skip
        try:
            variable = self.context.variable(symbol)
        except KernelTypeError as error:
            message = f"the type of `{node.id}` is not known here"
            raise type(error)(message, span, hint=f"assign all of it first, or declare it: `{node.id}: metal.float4`") from None  # fmt: skip
        name = self.context.local_name(symbol)
        cause = "is declared here" if variable.declared else "has its type because of this"
        notes = () if variable.span == span else (Note(f"`{node.id}` {cause}", variable.span),)
        return Read(name, variable.type, span=span), f"variable `{node.id}`", notes

    def _element(self, node: ast.Subscript, once: bool) -> Described:
        source, span = self.context.source, self.expressions.span(node)
        base = self.expressions.lower(node.value)
        if isinstance(base, Buffer | Row):
            return self._in_memory(base if isinstance(base, Buffer) else base.buffer, node, once)
        if not isinstance(base, Value):
            raise source.error(
                f"`{source.text(node.value)}` is a constant from outside the kernel",
                node,
                "only buffers and variables can be written to",
            )
        place, _, _ = self.place(node.value, once=once)
        index_operand = self.expressions.number(node.slice)
        if once and not isinstance(index_operand, IntLiteral):
            kept = self.expressions.reuse(index_operand.expr, "index")
            index_operand = Value(kept, index_operand.span)
        whole = Value(place, self.expressions.span(node.value))
        part = vectors.component(whole, index_operand, span).expr
        assert isinstance(part, Swizzle | Component)
        return part, f"a component of `{source.text(node.value)}`", ()

    def _in_memory(self, buffer: Buffer, node: ast.Subscript, once: bool) -> Described:
        if buffer.pointer.const:
            raise self._read_only(buffer, node)
        found = self.expressions.element(node)
        assert found is not None
        _, load = found
        if once:
            load = replace(load, index=self._kept(load.index))
        return load, f"an element of `{buffer.text}`", (self._declared(buffer),)

    def _kept(self, index: Expr) -> Expr:
        """An index that may be written twice."""
        if isinstance(index, Subscripts):
            return replace(index, parts=tuple(map(self._kept, index.parts)))
        if not is_repeatable(index):
            return self.expressions.reuse(index, "index")
        return index

    def _components(self, node: ast.Attribute, once: bool) -> Described:
        source, span = self.context.source, self.expressions.span(node)
        if is_outside(self.context, node) or not isinstance(
            node.value, ast.Name | ast.Subscript | ast.Attribute
        ):
            raise source.error(
                f"`{source.text(node)}` cannot be assigned to", node, "only variables and buffers can"
            )  # fmt: skip
        base = self.expressions.lower(node.value)
        if not isinstance(base, Value):
            self.expressions.lower(node)  # raises: no component of a pointer or object
        place, _, _ = self.place(node.value, once=once)
        part = vectors.swizzle(Value(place, self.expressions.span(node.value)), node.attr, span)
        assert isinstance(part.expr, Swizzle)
        if len(set(part.expr.components)) < len(part.expr.components):
            raise source.error(
                f"`.{node.attr}` names a component twice",
                node,
                "assign each component once",
            )
        return part.expr, f"`{source.text(node)}`", ()

    def _read_only(self, buffer: Buffer, node: ast.Subscript) -> KernelTypeError:
        pointer = buffer.pointer
        writable = Pointer(pointer.space, pointer.element)
        hint = f'declare the buffer as "{writable}"'
        if pointer.space.value == "constant":
            hint = f'declare the buffer as "device {str(writable).split(" ", 1)[1]}"'
        return self.context.source.error(
            f"`{buffer.text}` is `{pointer}`: it can only be read",
            node,
            hint,
            (Note(f"`{buffer.text}` is declared here", buffer.declared),),
        )

    def _declared(self, buffer: Buffer) -> Note:
        return Note(f"`{buffer.text}` is `{buffer.pointer}`", buffer.declared)
