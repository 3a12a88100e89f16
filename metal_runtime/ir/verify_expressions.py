"""The invariants of expressions: a node and its scope in, an InternalError with the printed node if one is broken."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

from metal_runtime.dtype import DType
from metal_runtime.errors import InternalError
from metal_runtime.ir.atomics import AtomicOperation, atomic_reaches, atomic_takes
from metal_runtime.ir.builtins import BUILTINS
from metal_runtime.ir.collectives import COLLECTIVES
from metal_runtime.ir.nodes import (
    Address,
    Apply,
    Atomic,
    Bitcast,
    Builtin,
    Call,
    Cast,
    Collective,
    Component,
    Constant,
    Construct,
    Expr,
    Function,
    Kernel,
    Load,
    MatrixFill,
    MatrixLoad,
    MatrixStore,
    MultiplyAccumulate,
    Node,
    Read,
    Select,
    Subscripts,
    Swizzle,
    value_type,
)
from metal_runtime.ir.operators import OPERATORS, OperatorTypeError
from metal_runtime.ir.printer import print_node
from metal_runtime.ir.walk import walk
from metal_runtime.msl_types import (
    VOID,
    Matrix,
    Pointer,
    Type,
    ValueType,
    Vector,
    element_of,
    type_name,
    width_of,
)


@dataclass
class Scope:
    """What is known at one point of a kernel or function."""

    owner: Kernel | Function
    functions: dict[str, Function]
    """The functions that may be called: those before the owner."""

    pointers: dict[str, Pointer]
    values: dict[str, ValueType | Matrix]
    """Variables and value parameters in sight."""

    fixed: frozenset[str]
    """Values that cannot be assigned to: parameters and variables of For loops."""

    taken: dict[str, ValueType | None] = field(default_factory=dict)
    """Every name of the owner: None, or the type for a variable of a For loop, which a later loop may reuse."""

    in_loop: bool = False

    def inner(self, **changes: Any) -> Scope:
        """The scope of a nested block; what is declared there is not seen outside."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return Scope(**{**fields, "values": dict(self.values), **changes})


def fail(rule: str, node: Node, scope: Scope | None = None) -> NoReturn:
    where = f" in `{scope.owner.name}`" if scope is not None else ""
    at = f" (from {node.span})" if node.span is not None else ""
    raise InternalError(f"{rule}{where}{at}:\n{print_node(node)}")


# --- expressions ---------------------------------------------------------------------------------


def verify_expression(expression: Node, scope: Scope) -> None:
    for node in reversed(list(walk(expression))):
        rule = _EXPRESSION_RULES.get(type(node))
        if rule is None:
            fail("no expression", node, scope)
        rule(node, scope)


def constant_fits(node: Constant, scope: Scope) -> None:
    """A constant is a Python value of its type's kind, within its range."""
    value, dtype = node.value, node.type
    if dtype is DType.BOOL:
        ok = isinstance(value, bool)
    elif dtype.is_float:
        ok = isinstance(value, float)
    else:
        low = -(1 << (dtype.bits - 1)) if dtype.is_signed else 0
        ok = type(value) is int and low <= value < low + (1 << dtype.bits)
    if not ok:
        fail(f"no value of {dtype.metal_name}", node, scope)
    if dtype.is_float and math.isfinite(value) and not _representable(float(value), dtype):
        fail(f"not representable in {dtype.metal_name}", node, scope)


def _representable(value: float, dtype: DType) -> bool:
    return bool(float(dtype.numpy_dtype.type(value)) == value)


def name_is_declared(node: Read, scope: Scope) -> None:
    """A variable is declared before it is read, with the type of the read."""
    if scope.values.get(node.name) != node.type:
        known = node.name in scope.values
        fail("has another type" if known else "is not declared", node, scope)


def builtin_is_known(node: Builtin, scope: Scope) -> None:
    """A thread or grid index is one that MSL has."""
    if BUILTINS.get(node.name) != node.type:
        fail("no thread or grid index of that type", node, scope)


def operator_takes_arguments(node: Apply, scope: Scope) -> None:
    """Argument and result types agree with the operator table."""
    if OPERATORS.get(node.operator.name) is not node.operator:
        fail("no row of the operator table", node, scope)
    try:
        expected = node.operator.result_type([value_type(a) for a in node.args])
    except OperatorTypeError as error:
        fail(f"{node.operator.name} {error}", node, scope)
    if expected != node.type:
        fail(f"{node.operator.name} gives {type_name(expected)}", node, scope)


def cast_keeps_width(node: Cast, scope: Scope) -> None:
    """A conversion changes the element type, not the number of components."""
    if width_of(value_type(node.value)) != width_of(node.type):
        fail("converts between different widths", node, scope)


def bits_are_as_many(node: Bitcast, scope: Scope) -> None:
    """Bits are read as a type that has as many of them; a bool has none that count."""
    if not same_bits(value_type(node.value), node.type):
        fail("the types have no bits in common", node, scope)


def same_bits(source: ValueType, target: ValueType) -> bool:
    """Whether the bits of one type are those of a value of the other, component by component."""
    if DType.BOOL in (element_of(source), element_of(target)):
        return False
    return element_of(source).bits * width_of(source) == element_of(target).bits * width_of(target)


def construct_fills_vector(node: Construct, scope: Scope) -> None:
    """A vector is made of one scalar, or of as many components as it has."""
    types = [value_type(a) for a in node.args]
    if any(element_of(t) is not node.type.element for t in types):
        fail("components of another type", node, scope)
    repeated = len(types) == 1 and isinstance(types[0], DType)
    if not repeated and sum(map(width_of, types)) != node.type.width:
        fail("the number of components differs", node, scope)


def swizzle_is_valid(node: Swizzle, scope: Scope) -> None:
    """Components exist, and their number is the result's width."""
    source = node.value.type
    names = "xyzw"[: source.width] if isinstance(source, Vector) else ""
    if not node.components or any(c not in names for c in node.components):
        fail("no such component", node, scope)
    element, count = element_of(value_type(node.value)), len(node.components)
    if count > 4 or node.type != (element if count == 1 else Vector(element, count)):
        fail("has another type", node, scope)


def component_is_valid(node: Component, scope: Scope) -> None:
    """A vector is indexed by an integer and gives its element."""
    if not isinstance(node.value.type, Vector) or node.type is not node.value.type.element:
        fail("no component of a vector", node, scope)
    _index_is_integer(node, scope)


def load_is_valid(node: Load, scope: Scope) -> None:
    """A pointer exists, is indexed by one integer for each dimension, and gives its element."""
    pointer = scope.pointers.get(node.pointer)
    if pointer is None or pointer.element != node.type:
        fail("no pointer to that type", node, scope)
    indices = node.index.parts if isinstance(node.index, Subscripts) else (node.index,)
    if len(indices) != len(pointer.inner) + 1:
        fail(f"the array has {len(pointer.inner) + 1} dimensions", node, scope)
    _index_is_integer(node, scope)


def subscripts_are_integers(node: Subscripts, scope: Scope) -> None:
    """There are several subscripts, all integers."""
    if len(node.parts) < 2:
        fail("no subscripts of several dimensions", node, scope)
    for part in node.parts:
        if not (isinstance(part.type, DType) and part.type.is_integer):
            fail("a subscript is no integer", node, scope)


def _index_is_integer(node: Load | Component, scope: Scope) -> None:
    if not (isinstance(node.index.type, DType) and node.index.type.is_integer):
        fail("the index is no integer", node, scope)


def collective_takes_arguments(node: Collective, scope: Scope) -> None:
    """Argument and result types agree with the table of collective functions."""
    if COLLECTIVES.get(node.operation.name) is not node.operation:
        fail("no row of the table of collective functions", node, scope)
    try:
        expected = node.operation.result_type([value_type(a) for a in node.args])
    except OperatorTypeError as error:
        fail(f"{node.operation.name} {error}", node, scope)
    if expected != node.type:
        fail(f"{node.operation.name} gives {type_name(expected)}", node, scope)


def atomic_is_typed(node: Atomic, scope: Scope) -> None:
    """An atomic function works on an element that Metal has it for, with an operand of its type."""
    pointer, operation = scope.pointers[node.place.pointer], node.operation
    element = pointer.element
    if not (atomic_takes(operation, element) and atomic_reaches(operation, pointer.space)):
        fail(f"Metal has no {operation.value} of that type", node, scope)
    if pointer.const and operation is not AtomicOperation.LOAD:
        fail("changes memory behind a const pointer", node, scope)
    if [a.type for a in node.args] != [element] * operation.operands:
        fail("no operands of the element's type", node, scope)
    if node.type != (element if operation.has_result else VOID):
        fail("has another type", node, scope)


def fill_is_scalar(node: MatrixFill, scope: Scope) -> None:
    """A matrix is filled with a scalar of its element type."""
    if node.value.type is not node.type.element or not node.type.element.is_float:
        fail("no value of the matrix's type", node, scope)


def matrix_is_loaded(node: MatrixLoad, scope: Scope) -> None:
    """A matrix is loaded from memory of its element type."""
    pointer = scope.pointers[node.place.pointer]
    if pointer.element is not node.type.element or pointer.atomic or not pointer.element.is_float:
        fail("no memory of the matrix's type", node, scope)
    stride_is_integer(node, scope)


def stride_is_integer(node: MatrixLoad | MatrixStore, scope: Scope) -> None:
    """The distance between the rows is an integer."""
    if not (isinstance(node.stride.type, DType) and node.stride.type.is_integer):
        fail("the stride is no integer", node, scope)


def factors_are_matrices(node: MultiplyAccumulate, scope: Scope) -> None:
    """Matrices of one element type are multiplied, and added to one of the result's."""
    if not isinstance(node.a.type, Matrix) or node.a.type != node.b.type:
        fail("the factors are no matrices of one type", node, scope)
    if node.c.type != node.type:
        fail("the sum has another type", node, scope)


def select_is_typed(node: Select, scope: Scope) -> None:
    """The condition is bool; both branches have the result's type."""
    if node.condition.type is not DType.BOOL:
        fail("the condition is no bool", node, scope)
    if node.then.type != node.type or node.orelse.type != node.type:
        fail("the branches have other types", node, scope)


def call_matches(node: Call, scope: Scope) -> None:
    """A function stands before its callers, takes these arguments and gives this result."""
    function = scope.functions.get(node.function)
    if function is None:
        fail("no function of that name before this one", node, scope)
    if node.type != function.result:
        fail(f"the function gives {type_name(function.result)}", node, scope)
    expected = [p.type for p in function.params]
    if len(node.args) != len(expected):
        fail(f"the function takes {len(expected)} arguments", node, scope)
    for argument, type_ in zip(node.args, expected, strict=True):
        if not _passes(argument, type_):
            fail(f"{print_node(argument)} is no {type_name(type_)}", node, scope)


def _passes(argument: Expr | Address, type_: Type) -> bool:
    if isinstance(argument, Address) and isinstance(type_, Pointer):
        given = argument.type
        same = replace(given, const=False) == replace(type_, const=False)
        return same and (type_.const or not given.const)
    return not isinstance(argument, Address) and argument.type == type_


def address_exists(node: Address, scope: Scope) -> None:
    """An address is that of a pointer parameter or of an array."""
    if scope.pointers.get(node.pointer) != node.type:
        fail("no such pointer", node, scope)


_EXPRESSION_RULES: dict[type[Node], Callable[[Any, Scope], None]] = {
    Constant: constant_fits,
    Read: name_is_declared,
    Builtin: builtin_is_known,
    Apply: operator_takes_arguments,
    Cast: cast_keeps_width,
    Bitcast: bits_are_as_many,
    Construct: construct_fills_vector,
    Swizzle: swizzle_is_valid,
    Component: component_is_valid,
    Load: load_is_valid,
    Subscripts: subscripts_are_integers,
    Collective: collective_takes_arguments,
    Atomic: atomic_is_typed,
    MatrixFill: fill_is_scalar,
    MatrixLoad: matrix_is_loaded,
    MultiplyAccumulate: factors_are_matrices,
    Select: select_is_typed,
    Call: call_matches,
    Address: address_exists,
}
