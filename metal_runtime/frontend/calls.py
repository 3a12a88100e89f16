"""A call in a kernel enters; an operand leaves: of a built-in function, a type, or a Python function of the user's."""

from __future__ import annotations

import ast
import functools
import types
from dataclasses import replace
from typing import Any

from metal_runtime.errors import DTypeError, KernelTypeError
from metal_runtime.frontend.context import Argument, Lowerer
from metal_runtime.frontend.conversions import as_value, implicit
from metal_runtime.frontend.environment import BUILT_IN, MISSING
from metal_runtime.frontend.intrinsics import INTRINSICS, CallSite, Intrinsic, converter, in_order
from metal_runtime.frontend.mixed_types import MIXED_TYPES
from metal_runtime.frontend.operands import (
    Buffer,
    IntLiteral,
    Numeric,
    Operand,
    Value,
    from_python,
)
from metal_runtime.frontend.python_objects import not_a_number, scalar_type
from metal_runtime.frontend.repeatable import is_matrix
from metal_runtime.frontend.together import TOGETHER
from metal_runtime.ir.nodes import Address, Call, Expr
from metal_runtime.msl_types import Matrix, Pointer, ValueType, type_name
from metal_runtime.source import SourceSpan


def lower_call(lowerer: Lowerer, node: ast.Call) -> Operand:
    """Any call."""
    source = lowerer.context.source
    text = source.text(node.func)
    callee = lowerer.python_object(node.func)
    if callee is MISSING:
        raise _call_of_a_value(lowerer, node, text)
    try:
        intrinsic = _intrinsic(callee)
    except DTypeError as error:
        raise source.error(
            error.message, node, f"use {text.replace('64', '32')}" if "64" in text else None
        ) from None
    if intrinsic is not None:
        args = in_order(lowerer, node, text, callee)
        return intrinsic(lowerer, CallSite(node, text, args, source.span(node)))
    if isinstance(callee, types.FunctionType):
        return _call_function(lowerer, node, callee, text)
    raise _cannot_call(lowerer, node, callee, text)


def _intrinsic(callee: Any) -> Intrinsic | None:
    try:
        found = MIXED_TYPES.get(callee) or INTRINSICS.get(callee) or TOGETHER.get(callee)
    except TypeError:  # unhashable, so none of ours
        return None
    if found is not None:
        return found
    if isinstance(callee, type):
        dtype = scalar_type(callee)
        return converter(dtype) if dtype is not None else None
    return None


def _call_of_a_value(lowerer: Lowerer, node: ast.Call, text: str) -> KernelTypeError:
    source = lowerer.context.source
    if isinstance(node.func, ast.Attribute):
        return source.error(
            f"`{node.func.attr}` is no function that a value of a kernel has",
            node,
            f"values have no methods; write a function of it, such as metal.{node.func.attr}(...)"
            if node.func.attr in ("dot", "length", "normalize", "cross", "abs", "min", "max")
            else "values have no methods",
        )
    if isinstance(node.func, ast.Name):
        return source.error(
            f"`{text}` is a variable of this kernel, which cannot be called",
            node,
            "rename the variable if you mean the function outside",
        )
    return source.error("this cannot be called", node, "call a function by its name")


def _cannot_call(lowerer: Lowerer, node: ast.Call, callee: Any, text: str) -> KernelTypeError:
    source = lowerer.context.source
    if hasattr(callee, "func") and hasattr(callee, "param_types"):
        return source.error(
            f"`{text}` is a kernel, which only the host launches",
            node,
            "take `@kernel` off a function that kernels call, or launch the two one after the other",
        )
    if isinstance(callee, functools.partial):
        return source.error(
            f"`{text}` is a partial, which a kernel cannot call",
            node,
            "write a function with `def`",
        )
    if isinstance(callee, types.MethodType):
        return source.error(
            f"`{text}` is a method of an object", node, "call a function outside a class"
        )
    if isinstance(callee, types.BuiltinFunctionType | type) and not _is_class(callee):
        offered = ", ".join(BUILT_IN)
        return source.error(
            f"Python's `{text}` cannot be called in a kernel",
            node,
            f"built-in functions of kernels are {offered}; see also math and metal",
        )
    if isinstance(callee, type):
        return source.error(
            f"`{text}` is a class: a kernel makes no objects", node, "use numbers and vectors"
        )
    if not callable(callee):
        error = not_a_number(from_python(callee, text, source.span(node)), source.span(node))
        return source.error(f"`{text}` cannot be called", node, error.hint)
    return source.error(
        f"`{text}` is a {type(callee).__name__}, which a kernel cannot call",
        node,
        "call functions written with `def`, or of math and metal",
    )


def _is_class(callee: Any) -> bool:
    return isinstance(callee, type) and callee.__module__ != "builtins"


# --- the user's own functions --------------------------------------------------------------------


def _call_function(
    lowerer: Lowerer, node: ast.Call, function: types.FunctionType, text: str
) -> Operand:
    span = lowerer.context.source.span(node)
    arguments = _bind(lowerer, node, function, text)
    target = lowerer.context.specialiser.specialise(function, arguments, text, span)
    lowerer.context.called[target.name] = target
    passed: list[Expr | Address] = []
    for param, argument in zip(target.params, arguments.values(), strict=True):
        passed.append(_pass(param.type, argument, f"parameter `{param.name}` of `{text}`"))
    call = Call(target.name, tuple(passed), target.result, span=span)  # type: ignore[arg-type]
    return Value(call, span)


def _pass(type_: Pointer | Any, argument: Argument, what: str) -> Expr | Address:
    if isinstance(argument, Buffer):
        given = argument.pointer
        if not isinstance(type_, Pointer):
            raise KernelTypeError(
                f"`{argument.text}` is a pointer, but {what} is `{type_name(type_)}`",
                argument.span,
                hint=f"pass an element: `{argument.text}[i]`",
            )
        if replace(given, const=False) != replace(type_, const=False):
            raise KernelTypeError(
                f"`{argument.text}` is `{given}`, but {what} is `{type_}`", argument.span
            )
        if given.const and not type_.const:
            raise KernelTypeError(
                f"`{argument.text}` is `{given}`, but {what} may be written to",
                argument.span,
                hint=f"declare the parameter as `{replace(type_, const=True)}`",
            )
        return Address(argument.name, given, span=argument.span)
    if isinstance(type_, Pointer):
        raise KernelTypeError(
            f"{what} is a pointer, but this is a number", argument.span, hint="pass a buffer"
        )
    if isinstance(type_, Matrix) or is_matrix(argument):
        return _pass_matrix(type_, argument, what)
    return implicit(argument, type_, what)


def _pass_matrix(type_: ValueType | Matrix, argument: Numeric, what: str) -> Expr:
    given = as_value(argument)
    if given.expr.type != type_:
        raise KernelTypeError(
            f"this is `{type_name(given.expr.type)}`, but {what} is `{type_name(type_)}`",
            argument.span,
            hint=f"a matrix is loaded from memory of its type, or made by metal.{type_}(...)"
            if isinstance(type_, Matrix)
            else "take numbers from the memory that the matrix is stored to",
        )
    return given.expr


def _bind(
    lowerer: Lowerer, node: ast.Call, function: types.FunctionType, text: str
) -> dict[str, Argument]:
    """The arguments by parameter, in the order of the parameters; defaults are constants."""
    source = lowerer.context.source
    code = function.__code__
    names = code.co_varnames[: code.co_argcount]
    given: dict[str, ast.expr] = {}
    if len(node.args) > len(names):
        raise source.error(_count_message(text, len(names), len(node.args)), node)
    given.update(zip(names, node.args, strict=False))
    for keyword in node.keywords:
        assert keyword.arg is not None
        if keyword.arg not in names:
            raise source.error(f"`{text}` has no parameter `{keyword.arg}`", keyword)
        if keyword.arg in given:
            raise source.error(f"`{keyword.arg}` is given twice", keyword)
        given[keyword.arg] = keyword.value
    values = _evaluate(lowerer, given)
    defaults = dict(zip(names[::-1], (function.__defaults__ or ())[::-1], strict=False))
    for name in names:
        if name not in values and name in defaults:
            values[name] = _default(defaults[name], name, text, source.span(node))
        elif name not in values:
            raise source.error(_count_message(text, len(names), len(given), name), node)
    return {name: values[name] for name in names}


def _count_message(text: str, expected: int, given: int, missing: str | None = None) -> str:
    tail = f": `{missing}` is missing" if missing else ""
    plural = "" if expected == 1 else "s"
    return f"`{text}` takes {expected} argument{plural}, not {given}{tail}"


def _evaluate(lowerer: Lowerer, given: dict[str, ast.expr]) -> dict[str, Argument]:
    buffers: dict[str, Argument] = {}
    numbers: dict[str, ast.expr] = {}
    for name, node in given.items():
        operand = lowerer.lower(node) if isinstance(node, ast.Name) else None
        if isinstance(operand, Buffer):
            buffers[name] = operand
        else:
            numbers[name] = node
    values = lowerer.values(list(numbers.values()))
    return {**buffers, **dict(zip(numbers, values, strict=True))}


def _default(value: Any, name: str, text: str, span: SourceSpan) -> Argument:
    operand = from_python(value, name, span)
    if not isinstance(operand, Value | IntLiteral):
        raise KernelTypeError(
            f"the default value of `{name}` of `{text}` is no number", span, hint="pass it"
        )
    return as_value(operand) if isinstance(operand, IntLiteral) else operand
