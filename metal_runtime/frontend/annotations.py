"""Type texts and annotations enter; MSL types leave, or an error at the text itself."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from metal_runtime.dtype import DType
from metal_runtime.errors import CompileError, DTypeError, UnsupportedPythonError
from metal_runtime.frontend.environment import MISSING, Environment, closest
from metal_runtime.frontend.python_objects import scalar_type
from metal_runtime.frontend.read_source import FunctionSource
from metal_runtime.language.simdgroup_matrix import SimdgroupMatrix
from metal_runtime.language.types import Value as LanguageType
from metal_runtime.msl_types import (
    VOID,
    AddressSpace,
    Matrix,
    Pointer,
    Type,
    ValueType,
    Vector,
    parse_type,
)

_INSTEAD = {
    "double": "Metal has no double; write `float`",
    "float64": "Metal has no double; write `float`",
    "string": "kernels compute numbers",
    "str": "kernels compute numbers",
    "void": "a parameter has a value",
}


def read_type(text: str, place: ast.AST, source: FunctionSource) -> Type:
    """The type that an MSL type text means; errors point at ``place``."""
    type_ = parse_type(text)
    if type_ is not None:
        return type_
    raise source.error(f'"{text}" is no type of a kernel', place, _type_hint(text))


def _type_hint(text: str) -> str:
    words = text.replace("*", " ").replace("&", " ").split()
    for word in words:
        if word in _INSTEAD:
            return _INSTEAD[word]
    spaces = [w for w in words if w in AddressSpace._value2member_map_]
    values = [w for w in words if w not in spaces and w != "const"]
    known = [d.metal_name for d in DType]
    known += [f"{name}{width}" for name in known for width in (2, 3, 4)]
    for value in values:
        near = closest(value, known)
        if value not in known and near is not None:
            return f'did you mean "{text.replace(value, near)}"?'
    if "&" in text and values and "device" in spaces:
        return f'write "device {values[0]}*" for memory, or "{values[0]}" for one value'
    if "*" in text and values and not spaces:
        return f'say where it points: "device {values[0]}*", or "device const {values[0]}*" to read only'
    return 'write "device float*", "device const float*", "constant uint&", "uint", "float4" …'


def annotated(node: ast.expr, source: FunctionSource, environment: Environment) -> Type:
    """The type that an annotation means: a type text, ``metal.float4``, ``float``, ``np.float32``."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return read_type(node.value, node, source)
    if isinstance(node, ast.Constant) and node.value is None:
        return VOID
    found = _resolve(node, source, environment)
    type_ = _type_of_object(found, node, source)
    if type_ is None:
        raise source.error(
            f"`{source.text(node)}` is no type of a kernel",
            node,
            'write "device float*", "uint", metal.float4 …',
        )
    return type_


def _resolve(node: ast.expr, source: FunctionSource, environment: Environment) -> Any:
    if isinstance(node, ast.Attribute):
        base = _resolve(node.value, source, environment)
        return None if base is None else getattr(base, node.attr, None)
    if isinstance(node, ast.Name):
        found = environment.lookup(node.id)
        if found is MISSING:
            near = closest(node.id, [*environment.names(), *(d.metal_name for d in DType)])
            hint = f"did you mean `{near}`?" if near else f'write a type text: "{node.id}"'
            if parse_type(node.id) is not None:
                hint = f'write "{node.id}" or metal.{node.id}'
            raise source.error(f"the name `{node.id}` is not defined", node, hint)
        return found
    return None


def _type_of_object(found: Any, node: ast.expr, source: FunctionSource) -> Type | None:
    if isinstance(found, DType | Vector | Pointer):
        return found
    if isinstance(found, str):
        return read_type(found, node, source)
    if isinstance(found, type) and issubclass(found, LanguageType | SimdgroupMatrix):
        return getattr(found, "msl_type", None)
    if isinstance(found, type):
        try:
            return scalar_type(found)
        except DTypeError as error:
            near = (
                f"use np.{found.__name__.replace('64', '32')}" if "64" in found.__name__ else None
            )
            raise source.error(error.message, node, near) from None
    return None


def variable_type(type_: Type, place: ast.AST, source: FunctionSource) -> ValueType | Matrix:
    """The type, if a variable can have it."""
    return type_ if isinstance(type_, Matrix) else value_type(type_, place, source, "a variable")


def value_type(type_: Type, place: ast.AST, source: FunctionSource, what: str) -> ValueType:
    """The type, if a number can have it."""
    if isinstance(type_, ValueType):
        return type_
    hint = "use the buffer by its own name" if isinstance(type_, Pointer) else None
    raise source.error(f"{what} cannot be `{type_}`", place, hint)


def _parameter_type(
    type_: Type, place: ast.AST, source: FunctionSource, name: str, is_kernel: bool
) -> Pointer | ValueType | Matrix:
    if isinstance(type_, ValueType) or (isinstance(type_, Matrix) and not is_kernel):
        return type_
    if isinstance(type_, Pointer):
        if not is_kernel or type_.space is not AddressSpace.THREAD:
            return _shared(type_, place, source, name) if is_kernel else type_
        element = type_.element_text
        raise source.error(
            f"parameter `{name}` of a kernel cannot point to {type_.space.value} memory",
            place,
            f"declare the memory in the kernel: `{name} = metal.{type_.space.value}_array(metal.{element}, 256)`",
        )
    hint = None
    if isinstance(type_, Matrix):
        hint = f"pass a buffer and load it: `metal.simdgroup_load({name}[0])`"
    raise source.error(f"parameter `{name}` cannot be `{type_}`", place, hint)


def _shared(type_: Pointer, place: ast.AST, source: FunctionSource, name: str) -> Pointer:
    """A kernel's pointer; threadgroup memory, whose length the launch gives, is there to be written."""
    if type_.space is AddressSpace.THREADGROUP and type_.const:
        raise source.error(
            f"parameter `{name}` is threadgroup memory, which holds nothing before the kernel writes to it",
            place,
            f'write "threadgroup {type_.element_text}*"',
        )
    return type_


def parameter_types(
    source: FunctionSource, param_types: Mapping[str, Any] | None = None, *, is_kernel: bool
) -> dict[str, Pointer | ValueType | Matrix | None]:
    """The declared type of each parameter, in order; None where nothing declares it."""
    environment = Environment(source.function)
    arguments = [*source.node.args.posonlyargs, *source.node.args.args]
    given = dict(param_types or {})
    _refuse_unknown(source, given, [a.arg for a in arguments])
    found: dict[str, Pointer | ValueType | Matrix | None] = {}
    for argument in arguments:
        name = argument.arg
        if name in given:
            place = _text_place(source, name) or argument
            type_ = _given_type(given[name], name, place, source)
        elif argument.annotation is not None:
            place = argument.annotation
            type_ = annotated(place, source, environment)
        else:
            found[name] = None
            continue
        found[name] = _parameter_type(type_, place, source, name, is_kernel)
    return found


def _given_type(given: Any, name: str, place: ast.AST, source: FunctionSource) -> Type:
    if isinstance(given, str):
        return read_type(given, place, source)
    try:
        type_ = _type_of_object(given, ast.Name(""), source)
    except CompileError as error:
        raise source.error(error.message, place, error.hint) from None
    if type_ is None:
        raise source.error(
            f"the type of `{name}` is given as {given!r}, which is no type",
            place,
            'write a text such as "device float*"',
        )
    return type_


def _refuse_unknown(source: FunctionSource, given: Mapping[str, Any], names: list[str]) -> None:
    for name in given:
        if name not in names:
            near = closest(name, names)
            raise UnsupportedPythonError(
                f"param_types names `{name}`, but `{source.node.name}` has no such parameter",
                source.span(_key_place(source, name) or source.node),
                hint=f"did you mean `{near}`?"
                if near
                else f"its parameters are {', '.join(names)}",
            )


def _entries(source: FunctionSource) -> list[tuple[ast.Constant, ast.expr]]:
    """The entries of a dict written after ``param_types=`` in a decorator."""
    entries = []
    for decorator in source.node.decorator_list:
        for keyword in decorator.keywords if isinstance(decorator, ast.Call) else ():
            if keyword.arg == "param_types" and isinstance(keyword.value, ast.Dict):
                for key, value in zip(keyword.value.keys, keyword.value.values, strict=True):
                    if isinstance(key, ast.Constant):
                        entries.append((key, value))
    return entries


def _key_place(source: FunctionSource, name: str) -> ast.AST | None:
    return next((key for key, _ in _entries(source) if key.value == name), None)


def _text_place(source: FunctionSource, name: str) -> ast.AST | None:
    return next((value for key, value in _entries(source) if key.value == name), None)
