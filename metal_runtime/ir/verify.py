"""The invariants of the IR: a kernel in, an InternalError with the printed node if one is broken. One function a rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from metal_runtime.dtype import DType
from metal_runtime.ir.effects import owner_functions
from metal_runtime.ir.nodes import (
    Array,
    Assign,
    Atomic,
    Barrier,
    Block,
    Break,
    Call,
    Component,
    Constant,
    Continue,
    Declare,
    Evaluate,
    Fence,
    For,
    Function,
    If,
    Kernel,
    Load,
    MatrixStore,
    MemoryFlag,
    Place,
    Read,
    Return,
    Stmt,
    Swizzle,
    While,
)
from metal_runtime.ir.verify_expressions import Scope, fail, stride_is_integer, verify_expression
from metal_runtime.ir.walk import children, root_of
from metal_runtime.msl_types import (
    VOID,
    AddressSpace,
    Matrix,
    Pointer,
    Type,
    ValueType,
    type_name,
)


def verify(kernel: Kernel) -> None:
    """Returns if every invariant holds.

    Raises:
        InternalError: names the broken rule and prints the node.
    """
    program_names_are_unique(kernel)
    parameters_can_be_launched(kernel)
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
    values: dict[str, ValueType | Matrix] = {
        p.name: p.type for p in owner.params if not isinstance(p.type, Pointer)
    }
    taken: dict[str, ValueType | None] = {p.name: None for p in owner.params}
    for array in owner.arrays:
        array_is_allocated(array, owner, taken)
        taken[array.name] = None
        pointers[array.name] = array.pointer
    return Scope(owner, dict(functions), pointers, values, frozenset(values), taken)


# --- programs ------------------------------------------------------------------------------------


def program_names_are_unique(kernel: Kernel) -> None:
    """The kernel and its functions have different names."""
    names = [f.name for f in owner_functions(kernel)]
    if len(set(names)) != len(names):
        fail("two functions have one name", kernel)


def parameters_are_unique(owner: Kernel | Function) -> None:
    """The parameters of one function have different names."""
    names = [p.name for p in owner.params]
    if len(set(names)) != len(names):
        fail("two parameters have one name", owner)


def parameters_can_be_launched(kernel: Kernel) -> None:
    """A launch passes no matrices, and no memory of one thread."""
    for param in kernel.params:
        own = isinstance(param.type, Pointer) and param.type.space is AddressSpace.THREAD
        if own or isinstance(param.type, Matrix):
            fail("no parameter of a kernel", param)


def array_is_allocated(
    array: Array, owner: Kernel | Function, taken: dict[str, ValueType | None]
) -> None:
    """An array has a name of its own, positive extents, and memory that its function can have."""
    if array.name in taken:
        fail("the name is taken", array)
    pointer, shape = array.pointer, array.shape
    if not shape or min(shape) < 1 or pointer.inner != shape[1:]:
        fail("no extents of an array", array)
    spaces = [AddressSpace.THREAD]
    spaces += [AddressSpace.THREADGROUP] if isinstance(owner, Kernel) else []
    if pointer.space not in spaces or pointer.const:
        fail("no memory of this function", array)


def every_path_returns(function: Function) -> None:
    """A function with a result does not run off its end."""
    if not returns(function.body):
        fail("a path reaches the end without a return", function)


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
                verify_expression(child, scope)
        _STATEMENT_RULES[type(statement)](statement, scope)


def declaration_is_new(node: Declare, scope: Scope) -> None:
    """A variable has a name of its own, and a value of its type."""
    if node.name in scope.taken:
        fail("the name is taken", node, scope)
    if node.value is not None and node.value.type != node.type:
        fail(f"the value is {type_name(node.value.type)}", node, scope)
    scope.taken[node.name] = None
    scope.values[node.name] = node.type


def place_is_assignable(node: Assign, scope: Scope) -> None:
    """A place is a variable or is behind a pointer that is not const, and has the value's type."""
    if node.value.type != node.place.type:
        types = f"{type_name(node.value.type)} to {type_name(node.place.type)}"
        fail(f"assigns {types}", node, scope)
    _place_is_made_of_places(node.place, node, scope)
    root = root_of(node.place)
    if isinstance(root, Read) and root.name in scope.fixed:
        fail("assigns to a parameter or to the variable of a for loop", node, scope)
    if isinstance(root, Load):
        if scope.pointers[root.pointer].const:
            fail("stores through a const pointer", node, scope)
        if scope.pointers[root.pointer].atomic:
            fail("stores to an atomic without an atomic function", node, scope)


def _place_is_made_of_places(place: Place, node: Assign, scope: Scope) -> None:
    if not isinstance(place, Read | Load | Swizzle | Component):
        fail("assigns to what is no place", node, scope)
    if isinstance(place, Swizzle) and len(set(place.components)) < len(place.components):
        fail("assigns twice to one component", node, scope)
    if isinstance(place, Swizzle | Component):
        _place_is_made_of_places(place.value, node, scope)  # type: ignore[arg-type]


def condition_is_bool(node: If | While, scope: Scope) -> None:
    """Conditions are scalar bool."""
    if node.condition.type is not DType.BOOL:
        fail("the condition is no bool", node, scope)
    if isinstance(node, While):
        _verify_block(node.body, scope.inner(in_loop=True))
    else:
        _verify_block(node.then, scope.inner())
        _verify_block(node.orelse, scope.inner())


def range_is_integer(node: For, scope: Scope) -> None:
    """Bounds and variable of a loop have one integer type; its name is new, or that of an earlier loop."""
    if not node.type.is_integer:
        fail("the loop's variable is no integer", node, scope)
    if any(e.type is not node.type for e in (node.start, node.stop, node.step)):
        fail("the loop's bounds have another type", node, scope)
    earlier = scope.taken.get(node.name, node.type)
    if earlier is not node.type or node.name in scope.values:
        fail("the name is taken", node, scope)
    scope.taken[node.name] = node.type
    inner = scope.inner(in_loop=True, fixed=scope.fixed | {node.name})
    inner.values[node.name] = node.type
    _verify_block(node.body, inner)


def stands_in_loop(node: Break | Continue, scope: Scope) -> None:
    """Break and continue belong to a loop."""
    if not scope.in_loop:
        fail("stands in no loop", node, scope)


def return_has_result_type(node: Return, scope: Scope) -> None:
    """A return gives what the function's result says."""
    type_: Type = VOID if node.value is None else node.value.type
    if type_ != scope.owner.result:
        fail(f"the result is {type_name(scope.owner.result)}", node, scope)


def effect_is_a_call(node: Evaluate, scope: Scope) -> None:
    """Only calls and atomic functions are evaluated for their effect."""
    if not isinstance(node.call, Call | Atomic):
        fail("no call", node, scope)


def memory_is_named(node: Barrier | Fence, scope: Scope) -> None:
    """A barrier and a fence name each kind of memory once."""
    if not node.memory or any(not isinstance(f, MemoryFlag) for f in node.memory):
        fail("names no memory", node, scope)
    if len(set(node.memory)) < len(node.memory):
        fail("names a kind of memory twice", node, scope)


def matrix_is_stored(node: MatrixStore, scope: Scope) -> None:
    """A matrix is stored to memory of its element type that may be written to."""
    pointer = scope.pointers[node.place.pointer]
    if not isinstance(node.value.type, Matrix) or pointer.element != node.value.type.element:
        fail("no matrix of the memory's type", node, scope)
    if pointer.const or pointer.atomic:
        fail("the memory cannot be written to", node, scope)
    stride_is_integer(node, scope)


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
    Barrier: memory_is_named,
    Fence: memory_is_named,
    MatrixStore: matrix_is_stored,
}
