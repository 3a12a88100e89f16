"""The invariants of the IR: a kernel in, an InternalError with the printed node if one is broken. One function a rule."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

from metal_runtime.dtype import DType
from metal_runtime.errors import InternalError
from metal_runtime.ir.builtins import BUILTINS
from metal_runtime.ir.effects import owner_functions
from metal_runtime.ir.nodes import (
    Address,
    Apply,
    Assign,
    Block,
    Break,
    Builtin,
    Call,
    Cast,
    Component,
    Constant,
    Construct,
    Continue,
    Declare,
    Evaluate,
    Expr,
    For,
    Function,
    If,
    Kernel,
    Load,
    Node,
    Place,
    Read,
    Return,
    Select,
    Stmt,
    Swizzle,
    While,
    value_type,
)
from metal_runtime.ir.operators import OPERATORS, OperatorTypeError
from metal_runtime.ir.printer import print_node
from metal_runtime.ir.walk import children, root_of, walk
from metal_runtime.msl_types import (
    VOID,
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
    values: dict[str, ValueType]
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


def verify(kernel: Kernel) -> None:
    """Returns if every invariant holds.

    Raises:
        InternalError: names the broken rule and prints the node.
    """
    program_names_are_unique(kernel)
    functions: dict[str, Function] = {}
    for function in owner_functions(kernel):
        if isinstance(function, Function) and function.result != VOID:
            every_path_returns(function)
        _verify_block(function.body, _outer_scope(function, functions))
        if isinstance(function, Function):
            functions[function.name] = function


def _outer_scope(owner: Kernel | Function, functions: dict[str, Function]) -> Scope:
    parameters_are_unique(owner)
    pointers = {p.name: p.type for p in owner.params if isinstance(p.type, Pointer)}
    values = {p.name: p.type for p in owner.params if not isinstance(p.type, Pointer)}
    taken: dict[str, ValueType | None] = {p.name: None for p in owner.params}
    return Scope(owner, dict(functions), pointers, values, frozenset(values), taken)


def _fail(rule: str, node: Node, scope: Scope | None = None) -> NoReturn:
    where = f" in `{scope.owner.name}`" if scope is not None else ""
    at = f" (from {node.span})" if node.span is not None else ""
    raise InternalError(f"{rule}{where}{at}:\n{print_node(node)}")


# --- programs ------------------------------------------------------------------------------------


def program_names_are_unique(kernel: Kernel) -> None:
    """The kernel and its functions have different names."""
    names = [f.name for f in owner_functions(kernel)]
    if len(set(names)) != len(names):
        _fail("two functions have one name", kernel)


def parameters_are_unique(owner: Kernel | Function) -> None:
    """The parameters of one function have different names."""
    names = [p.name for p in owner.params]
    if len(set(names)) != len(names):
        _fail("two parameters have one name", owner)


def every_path_returns(function: Function) -> None:
    """A function with a result does not run off its end."""
    if not returns(function.body):
        _fail("a path reaches the end without a return", function)


def returns(block: Block) -> bool:
    """Whether no path reaches the end of the block."""
    for statement in block:
        if isinstance(statement, Return):
            return True
        if isinstance(statement, If) and returns(statement.then) and returns(statement.orelse):
            return True
        if isinstance(statement, While) and _endless(statement):
            return True
    return False


def _endless(loop: While) -> bool:
    """A ``while true`` that nothing breaks."""
    condition = loop.condition
    always = isinstance(condition, Constant) and condition.value is True
    return always and not any(isinstance(s, Break) for s in _same_loop(loop.body))


def _same_loop(block: Block) -> Iterator[Stmt]:
    """The statements of a block, without those in loops of its own."""
    for statement in block:
        yield statement
        if isinstance(statement, If):
            yield from _same_loop(statement.then)
            yield from _same_loop(statement.orelse)


# --- statements ----------------------------------------------------------------------------------


def _verify_block(block: Block, scope: Scope) -> None:
    for statement in block:
        for child in children(statement):
            if not isinstance(child, Stmt):
                _verify_expression(child, scope)
        _STATEMENT_RULES[type(statement)](statement, scope)


def declaration_is_new(node: Declare, scope: Scope) -> None:
    """A variable has a name of its own, and a value of its type."""
    if node.name in scope.taken:
        _fail("the name is taken", node, scope)
    if node.value is not None and node.value.type != node.type:
        _fail(f"the value is {type_name(node.value.type)}", node, scope)
    scope.taken[node.name] = None
    scope.values[node.name] = node.type


def place_is_assignable(node: Assign, scope: Scope) -> None:
    """A place is a variable or is behind a pointer that is not const, and has the value's type."""
    if node.value.type != node.place.type:
        types = f"{type_name(node.value.type)} to {type_name(node.place.type)}"
        _fail(f"assigns {types}", node, scope)
    _place_is_made_of_places(node.place, node, scope)
    root = root_of(node.place)
    if isinstance(root, Read) and root.name in scope.fixed:
        _fail("assigns to a parameter or to the variable of a for loop", node, scope)
    if isinstance(root, Load) and scope.pointers[root.pointer].const:
        _fail("stores through a const pointer", node, scope)


def _place_is_made_of_places(place: Place, node: Assign, scope: Scope) -> None:
    if not isinstance(place, Read | Load | Swizzle | Component):
        _fail("assigns to what is no place", node, scope)
    if isinstance(place, Swizzle) and len(set(place.components)) < len(place.components):
        _fail("assigns twice to one component", node, scope)
    if isinstance(place, Swizzle | Component):
        _place_is_made_of_places(place.value, node, scope)  # type: ignore[arg-type]


def condition_is_bool(node: If | While, scope: Scope) -> None:
    """Conditions are scalar bool."""
    if node.condition.type is not DType.BOOL:
        _fail("the condition is no bool", node, scope)
    if isinstance(node, While):
        _verify_block(node.body, scope.inner(in_loop=True))
    else:
        _verify_block(node.then, scope.inner())
        _verify_block(node.orelse, scope.inner())


def range_is_integer(node: For, scope: Scope) -> None:
    """Bounds and variable of a loop have one integer type; its name is new, or that of an earlier loop."""
    if not node.type.is_integer:
        _fail("the loop's variable is no integer", node, scope)
    if any(e.type is not node.type for e in (node.start, node.stop, node.step)):
        _fail("the loop's bounds have another type", node, scope)
    earlier = scope.taken.get(node.name, node.type)
    if earlier is not node.type or node.name in scope.values:
        _fail("the name is taken", node, scope)
    scope.taken[node.name] = node.type
    inner = scope.inner(in_loop=True, fixed=scope.fixed | {node.name})
    inner.values[node.name] = node.type
    _verify_block(node.body, inner)


def stands_in_loop(node: Break | Continue, scope: Scope) -> None:
    """Break and continue belong to a loop."""
    if not scope.in_loop:
        _fail("stands in no loop", node, scope)


def return_has_result_type(node: Return, scope: Scope) -> None:
    """A return gives what the function's result says."""
    type_: Type = VOID if node.value is None else node.value.type
    if type_ != scope.owner.result:
        _fail(f"the result is {type_name(scope.owner.result)}", node, scope)


def effect_is_a_call(node: Evaluate, scope: Scope) -> None:
    """Only calls are evaluated for their effect."""
    if not isinstance(node.call, Call):
        _fail("no call", node, scope)


_STATEMENT_RULES: dict[type[Stmt], Callable[[Any, Scope], None]] = {
    Declare: declaration_is_new,
    Assign: place_is_assignable,
    If: condition_is_bool,
    While: condition_is_bool,
    For: range_is_integer,
    Break: stands_in_loop,
    Continue: stands_in_loop,
    Return: return_has_result_type,
    Evaluate: effect_is_a_call,
}


# --- expressions ---------------------------------------------------------------------------------


def _verify_expression(expression: Node, scope: Scope) -> None:
    for node in reversed(list(walk(expression))):
        rule = _EXPRESSION_RULES.get(type(node))
        if rule is None:
            _fail("no expression", node, scope)
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
        _fail(f"no value of {dtype.metal_name}", node, scope)
    if dtype.is_float and math.isfinite(value) and not _representable(float(value), dtype):
        _fail(f"not representable in {dtype.metal_name}", node, scope)


def _representable(value: float, dtype: DType) -> bool:
    return bool(float(dtype.numpy_dtype.type(value)) == value)


def name_is_declared(node: Read, scope: Scope) -> None:
    """A variable is declared before it is read, with the type of the read."""
    if scope.values.get(node.name) != node.type:
        known = node.name in scope.values
        _fail("has another type" if known else "is not declared", node, scope)


def builtin_is_known(node: Builtin, scope: Scope) -> None:
    """A thread or grid index is one that MSL has."""
    if BUILTINS.get(node.name) != node.type:
        _fail("no thread or grid index of that type", node, scope)


def operator_takes_arguments(node: Apply, scope: Scope) -> None:
    """Argument and result types agree with the operator table."""
    if OPERATORS.get(node.operator.name) is not node.operator:
        _fail("no row of the operator table", node, scope)
    try:
        expected = node.operator.result_type([value_type(a) for a in node.args])
    except OperatorTypeError as error:
        _fail(f"{node.operator.name} {error}", node, scope)
    if expected != node.type:
        _fail(f"{node.operator.name} gives {type_name(expected)}", node, scope)


def cast_keeps_width(node: Cast, scope: Scope) -> None:
    """A conversion changes the element type, not the number of components."""
    if width_of(value_type(node.value)) != width_of(node.type):
        _fail("converts between different widths", node, scope)


def construct_fills_vector(node: Construct, scope: Scope) -> None:
    """A vector is made of one scalar, or of as many components as it has."""
    types = [value_type(a) for a in node.args]
    if any(element_of(t) is not node.type.element for t in types):
        _fail("components of another type", node, scope)
    repeated = len(types) == 1 and isinstance(types[0], DType)
    if not repeated and sum(map(width_of, types)) != node.type.width:
        _fail("the number of components differs", node, scope)


def swizzle_is_valid(node: Swizzle, scope: Scope) -> None:
    """Components exist, and their number is the result's width."""
    source = node.value.type
    names = "xyzw"[: source.width] if isinstance(source, Vector) else ""
    if not node.components or any(c not in names for c in node.components):
        _fail("no such component", node, scope)
    element, count = element_of(value_type(node.value)), len(node.components)
    if count > 4 or node.type != (element if count == 1 else Vector(element, count)):
        _fail("has another type", node, scope)


def component_is_valid(node: Component, scope: Scope) -> None:
    """A vector is indexed by an integer and gives its element."""
    if not isinstance(node.value.type, Vector) or node.type is not node.value.type.element:
        _fail("no component of a vector", node, scope)
    _index_is_integer(node, scope)


def load_is_valid(node: Load, scope: Scope) -> None:
    """A pointer exists, is indexed by an integer, and gives its element."""
    pointer = scope.pointers.get(node.pointer)
    if pointer is None or pointer.element != node.type:
        _fail("no pointer to that type", node, scope)
    _index_is_integer(node, scope)


def _index_is_integer(node: Load | Component, scope: Scope) -> None:
    if not (isinstance(node.index.type, DType) and node.index.type.is_integer):
        _fail("the index is no integer", node, scope)


def select_is_typed(node: Select, scope: Scope) -> None:
    """The condition is bool; both branches have the result's type."""
    if node.condition.type is not DType.BOOL:
        _fail("the condition is no bool", node, scope)
    if node.then.type != node.type or node.orelse.type != node.type:
        _fail("the branches have other types", node, scope)


def call_matches(node: Call, scope: Scope) -> None:
    """A function stands before its callers, takes these arguments and gives this result."""
    function = scope.functions.get(node.function)
    if function is None:
        _fail("no function of that name before this one", node, scope)
    if node.type != function.result:
        _fail(f"the function gives {type_name(function.result)}", node, scope)
    expected = [p.type for p in function.params]
    if len(node.args) != len(expected):
        _fail(f"the function takes {len(expected)} arguments", node, scope)
    for argument, type_ in zip(node.args, expected, strict=True):
        if not _passes(argument, type_):
            _fail(f"{print_node(argument)} is no {type_name(type_)}", node, scope)


def _passes(argument: Expr | Address, type_: Type) -> bool:
    if isinstance(argument, Address) and isinstance(type_, Pointer):
        given = argument.type
        same = (given.space, given.element) == (type_.space, type_.element)
        return same and (type_.const or not given.const)
    return not isinstance(argument, Address) and argument.type == type_


def address_exists(node: Address, scope: Scope) -> None:
    """An address is that of a pointer parameter."""
    if scope.pointers.get(node.pointer) != node.type:
        _fail("no such pointer", node, scope)


_EXPRESSION_RULES: dict[type[Node], Callable[[Any, Scope], None]] = {
    Constant: constant_fits,
    Read: name_is_declared,
    Builtin: builtin_is_known,
    Apply: operator_takes_arguments,
    Cast: cast_keeps_width,
    Construct: construct_fills_vector,
    Swizzle: swizzle_is_valid,
    Component: component_is_valid,
    Load: load_is_valid,
    Select: select_is_typed,
    Call: call_matches,
    Address: address_exists,
}
