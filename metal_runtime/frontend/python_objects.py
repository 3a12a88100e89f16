"""Names and attribute chains of objects outside the kernel: the object, or an error that says what to write instead."""

from __future__ import annotations

import ast
import enum
import types
from typing import Any

import numpy as np

from metal_runtime import language
from metal_runtime.dtype import DType
from metal_runtime.errors import KernelTypeError
from metal_runtime.frontend.context import FunctionContext
from metal_runtime.frontend.environment import BUILT_IN, MISSING, closest
from metal_runtime.frontend.operands import (
    Buffer,
    Operand,
    PythonObject,
    Row,
    TupleOperand,
    Value,
    from_python,
)
from metal_runtime.ir.builtins import BUILTINS
from metal_runtime.ir.nodes import Builtin
from metal_runtime.language.positions import Index, Position
from metal_runtime.msl_types import Matrix
from metal_runtime.source import SourceSpan


def is_outside(context: FunctionContext, node: ast.expr) -> bool:
    """Whether ``a.b.c`` names a Python object, not a part of a kernel's value."""
    while isinstance(node, ast.Attribute):
        node = node.value
        if isinstance(node, ast.Name) and node not in context.scope.meaning:
            return not isinstance(resolve_object(context, node), Position)
        if isinstance(node, ast.Attribute) and _is_position(context, node):
            return False
    return isinstance(node, ast.Name) and node not in context.scope.meaning


def _is_position(context: FunctionContext, node: ast.Attribute) -> bool:
    root: ast.expr = node
    while isinstance(root, ast.Attribute):
        root = root.value
    if not isinstance(root, ast.Name) or root in context.scope.meaning:
        return False
    return isinstance(resolve_object(context, node), Position)


def resolve_object(context: FunctionContext, node: ast.expr) -> Any:
    """The object that a name or a chain of attributes stands for; MISSING if it names a kernel's value.

    Raises:
        KernelTypeError: there is no such name or attribute; the hint has the likely one.
    """
    if isinstance(node, ast.Name):
        return _resolve_name(context, node)
    if not isinstance(node, ast.Attribute):
        return MISSING
    base = resolve_object(context, node.value)
    if base is MISSING or isinstance(base, Position):
        return MISSING
    try:
        return getattr(base, node.attr)
    except AttributeError:
        raise _no_attribute(context, node, base) from None


def _resolve_name(context: FunctionContext, node: ast.Name) -> Any:
    if node in context.scope.meaning:
        return MISSING
    found = context.environment.lookup(node.id)
    if found is not MISSING:
        return found
    if node.id == context.source.node.name:
        raise context.source.error(
            f"`{node.id}` cannot name itself", node, "Metal has no recursion: write a loop"
        )
    scope = context.scope
    near = closest(node.id, [*scope.parameters, *scope.locals])
    near = near or closest(node.id, [*BUILT_IN, *context.environment.names()])
    if near is None and hasattr(language, node.id):
        near = f"metal.{node.id}"
    raise context.source.error(
        f"the name `{node.id}` is not defined", node, f"did you mean `{near}`?" if near else None
    )


def _no_attribute(context: FunctionContext, node: ast.Attribute, base: Any) -> KernelTypeError:
    text = context.source.text(node.value)
    public = language.__all__ if base is language else [n for n in dir(base) if n[:1] != "_"]
    near = closest(node.attr, public)
    what = "is not in the metal namespace" if base is language else f"is not in `{text}`"
    return context.source.error(
        f"`{node.attr}` {what}", node, f"did you mean `{text}.{near}`?" if near else None
    )


def outside_operand(value: Any, text: str, span: SourceSpan) -> Operand:
    """What an object from outside stands for: a constant, a thread position, or itself."""
    if isinstance(value, Position | Index):
        name = value.__name__
        return Value(Builtin(name, BUILTINS[name], span=span), span)
    return from_python(value, text, span)


def not_a_number(operand: Operand, span: SourceSpan, *, indexed: bool = False) -> KernelTypeError:
    """The error for an operand that stands where a number must."""
    if isinstance(operand, Buffer):
        name, what = operand.text, "a pointer" if operand.length is None else "an array"
        return KernelTypeError(
            f"`{name}` is {what}, not a number", span, hint=f"index it: `{name}[i]`"
        )
    if isinstance(operand, Value) and isinstance(operand.expr.type, Matrix):
        return KernelTypeError(
            "a simdgroup matrix is no number: only the simdgroup functions compute with it",
            span,
            hint="write metal.simdgroup_multiply_accumulate(a, b, c), metal.simdgroup_store(m, x[i], n)",
        )
    if isinstance(operand, Row):
        dimensions, given = len(operand.buffer.extents), len(operand.subscripts)
        return KernelTypeError(
            f"`{operand.buffer.text}` has {dimensions} dimensions, but {given} subscript is given"
            if given == 1
            else f"`{operand.buffer.text}` has {dimensions} dimensions, but {given} subscripts are given",
            span,
            hint=f"give all: `{operand.buffer.text}[{', '.join('zyx'[3 - dimensions :] if dimensions <= 3 else 'ijkl')}]`",
        )
    if isinstance(operand, TupleOperand):
        return KernelTypeError(
            "a tuple is not a number",
            span,
            hint="unpack it, index it by a constant, or make a vector such as metal.float2(...)",
        )
    if isinstance(operand, PythonObject):
        message, hint = _described(operand, indexed)
        return KernelTypeError(message, span, hint=hint)
    return KernelTypeError("a number cannot be used so", span, hint="index a buffer or a vector")


def _described(operand: PythonObject, indexed: bool) -> tuple[str, str | None]:
    value, text = operand.value, operand.text
    match value:
        case enum.Enum():
            return f"`{text}` is a member of an Enum, not a number", f"write `{text}.value`"
        case np.ndarray():
            return (
                f"`{text}` is a NumPy array from outside the kernel",
                "pass it to the kernel as a parameter",
            )
        case np.generic():
            hint = f"convert it outside: `{text} = float({text})`"
            return f"`{text}` is a {type(value).__name__}, which Metal has not", hint
        case list():
            hint = "make it a tuple if it is constant, or pass a buffer"
            return f"`{text}` is a list, which can change", hint
        case dict() | set():
            kind = type(value).__name__
            return f"`{text}` is a {kind}, which a kernel cannot use", "pass a buffer"
        case str() | bytes():
            return f"`{text}` is text, which a kernel cannot use", "encode it as a number"
        case type() if indexed:
            return f"`{text}` is a type, which cannot be indexed", None
        case type():
            return f"`{text}` is a type, not a number", f"call it: `{text}(...)`"
        case types.ModuleType():
            return f"`{text}` is a module, not a number", "use something in it"
        case None:
            return f"`{text}` is None, not a number", "give it a value before the kernel is made"
    if callable(value):
        return f"`{text}` is a function, not a number", f"call it: `{text}(...)`"
    hint = "kernels use constants of bool, int, float, NumPy scalars and tuples of them"
    return f"`{text}` is a {type(value).__name__}, not a number", hint


def scalar_type(value: Any) -> DType | None:
    """The MSL scalar type that a Python or NumPy type means, or None."""
    if value in (bool, int, float):
        return {bool: DType.BOOL, int: DType.INT32, float: DType.FLOAT32}[value]
    if isinstance(value, type) and issubclass(value, np.generic):
        return DType.from_numpy(value)
    return None
