"""The declarations of threadgroup and thread arrays: a function's text in; each array with its element type and extents out."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from metal_runtime import language
from metal_runtime.errors import Note
from metal_runtime.frontend.annotations import annotated
from metal_runtime.frontend.context import Lowerer
from metal_runtime.frontend.environment import MISSING, Environment
from metal_runtime.frontend.intrinsics import in_order
from metal_runtime.frontend.operands import IntLiteral, Operand, TupleOperand, Value
from metal_runtime.frontend.read_source import FunctionSource
from metal_runtime.frontend.scope import Symbol
from metal_runtime.ir.nodes import Array, Constant
from metal_runtime.language.atomics import Atomic
from metal_runtime.msl_types import (
    AddressSpace,
    Pointer,
    ValueType,
)

THREADGROUP_MEMORY = 32 * 1024
"""Bytes that a threadgroup can have on every GPU that runs Metal 3 (Metal's feature set tables)."""

_SPACES: dict[Callable[..., Any], AddressSpace] = {
    language.threadgroup_array: AddressSpace.THREADGROUP,
    language.thread_array: AddressSpace.THREAD,
}


@dataclass(frozen=True, slots=True)
class Declaration:
    """``target = metal.threadgroup_array(dtype, shape)``."""

    target: ast.Name
    call: ast.Call
    space: AddressSpace


def array_space(call: ast.expr, environment: Environment) -> AddressSpace | None:
    """Where the array lies that a call declares; None if it declares none."""
    found = _outside(call.func, environment) if isinstance(call, ast.Call) else None
    return _SPACES.get(found) if callable(found) else None


def _outside(node: ast.expr, environment: Environment) -> Any:
    if isinstance(node, ast.Name):
        found = environment.lookup(node.id)
        return None if found is MISSING else found
    if isinstance(node, ast.Attribute):
        return getattr(_outside(node.value, environment), node.attr, None)
    return None


def find_arrays(
    source: FunctionSource, environment: Environment, *, is_kernel: bool
) -> dict[str, Declaration]:
    """The arrays that a function declares, by name.

    Raises:
        KernelTypeError: an array in a branch or loop, in the wrong kind of function, or assigned twice.
    """
    found: dict[str, Declaration] = {}
    top = set(map(id, source.node.body))
    for node in ast.walk(source.node):
        space = array_space(node.value, environment) if isinstance(node, ast.Assign) else None
        if space is None:
            continue
        assert isinstance(node, ast.Assign)
        name = f"{space.value}_array"
        target = node.targets[0]
        if len(node.targets) > 1 or not isinstance(target, ast.Name):
            raise source.error(
                f"a {space.value} array gets one name", node, f"write `tile = metal.{name}(...)`"
            )
        if id(node) not in top:
            raise source.error(
                f"`{target.id}` is declared in a branch or a loop",
                node.value,
                f"{space.value} memory belongs to the whole {'kernel' if is_kernel else 'function'}: "
                "declare it at the top level",
            )
        if space is AddressSpace.THREADGROUP and not is_kernel:
            raise source.error(
                f"`{target.id}` is declared in a function that a kernel calls",
                node.value,
                "declare threadgroup memory in the kernel, and pass it to the function",
            )
        assert isinstance(node.value, ast.Call)
        found[target.id] = Declaration(target, node.value, space)
    _refuse_other_uses(source, found)
    return found


def _refuse_other_uses(source: FunctionSource, found: Mapping[str, Declaration]) -> None:
    parameters = {a.arg: a for a in ast.walk(source.node) if isinstance(a, ast.arg)}
    for node in ast.walk(source.node):
        declaration = found.get(node.id) if isinstance(node, ast.Name) else None
        if declaration is None or node is declaration.target:
            continue
        assert isinstance(node, ast.Name)
        note = Note(f"`{node.id}` is declared here", source.span(declaration.target))
        if isinstance(node.ctx, ast.Store):
            raise source.error(
                f"`{node.id}` is an array, which cannot be assigned to",
                node,
                f"write to an element: `{node.id}[i] = ...`",
                (note,),
            )
        if node.lineno < declaration.target.lineno:
            raise source.error(
                f"`{node.id}` is used before it is declared", node, "declare it first", (note,)
            )
    for name, declaration in found.items():
        if name in parameters:
            raise source.error(
                f"`{name}` is a parameter", declaration.target, "use another name for the array"
            )


def array_names(found: Mapping[str, Declaration]) -> dict[str, ast.Name]:
    return {name: declaration.target for name, declaration in found.items()}


def evaluate_arrays(found: Mapping[str, Declaration], lowerer: Lowerer) -> dict[Symbol, Array]:
    """Each array with its type and extents.

    Raises:
        KernelTypeError: an extent that is not known now, or more threadgroup memory than Metal has.
    """
    source, scope = lowerer.context.source, lowerer.context.scope
    arrays: dict[Symbol, Array] = {}
    total = 0
    for name, declaration in found.items():
        array = _evaluate(name, declaration, lowerer)
        arrays[scope.arrays[name]] = array
        if declaration.space is AddressSpace.THREADGROUP:
            total += math.prod(array.shape) * array.pointer.element.itemsize
        if total > THREADGROUP_MEMORY:
            others = " with the arrays before it" if len(arrays) > 1 else ""
            raise source.error(
                f"`{name}`{others} takes {total:,} bytes of threadgroup memory; "
                f"Metal has {THREADGROUP_MEMORY:,}",
                declaration.call,
                "use a smaller tile, or a narrower type such as metal.half",
            )
    return arrays


def _evaluate(name: str, declaration: Declaration, lowerer: Lowerer) -> Array:
    source, call, space = lowerer.context.source, declaration.call, declaration.space
    text = source.text(call.func)
    args = in_order(lowerer, call, text, lowerer.python_object(call.func))
    if len(args) != 2:
        raise source.error(
            f"`{text}` takes a type and an extent, or a tuple of extents",
            call,
            f"write `{name} = {text}(metal.float, 256)`",
        )
    element, atomic = _element(args[0], lowerer)
    shape = _shape(args[1], lowerer)
    pointer = Pointer(space, element, atomic=atomic, inner=shape[1:])
    return Array(name, pointer, shape, span=source.span(declaration.target))


def _element(node: ast.expr, lowerer: Lowerer) -> tuple[ValueType, bool]:
    source, environment = lowerer.context.source, lowerer.context.environment
    found = _outside(node, environment)
    if isinstance(found, type) and issubclass(found, Atomic):
        return found.holds, True
    type_ = annotated(node, source, environment)
    if not isinstance(type_, ValueType):
        raise source.error(
            f"an array cannot hold `{type_}`", node, "use a scalar, a vector, or metal.atomic_uint"
        )
    return type_, False


def _shape(node: ast.expr, lowerer: Lowerer) -> tuple[int, ...]:
    source = lowerer.context.source
    extents = tuple(_extents(lowerer.lower(node)))
    if not extents or None in extents:
        raise source.error(
            "the extents of an array must be known when the kernel is compiled",
            node,
            "write integers, or constants from outside the kernel: `TILE = 16`",
        )
    for extent in extents:
        if extent is None or extent < 1:
            raise source.error(f"an array of extent {extent} has no elements", node)
    return tuple(e for e in extents if e is not None)


def _extents(operand: Operand) -> Iterator[int | None]:
    match operand:
        case IntLiteral(value):
            yield value
        case TupleOperand(items):
            for item in items:
                if isinstance(item, TupleOperand):
                    yield None
                else:
                    yield from _extents(item)
        case Value(expr=Constant(value=value, type=type_)) if type_.is_integer:
            yield int(value)
        case _:
            yield None
