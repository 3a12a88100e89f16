"""The grammar of the kernel IR on one screen.

    Kernel    = (name, params, body, functions, arrays)
    Function  = (name, params, result, body, arrays)
    Param     = (name, type)                        Pointer, or a value: then `constant T&` in MSL
    Array     = (name, pointer, shape)              memory of a threadgroup, or of each thread
    Stmt      = Declare(name, type, value?)         a new variable of the enclosing block
              | Assign(place, value)                place and value have one type
              | If(condition, then, orelse)
              | For(name, type, start, stop, step, body)     Python's range; `name` is read only
              | While(condition, body)              condition is evaluated before every turn
              | Break | Continue | Return(value?)
              | Evaluate(call)                      a Call or an Atomic for its effect
              | Barrier(scope, memory)              threads of a threadgroup or simdgroup wait for each other
              | Fence(memory)                       orders what stands before and after, and waits for nobody
              | MatrixStore(value, place, stride, transpose)
    Expr      = Constant(value)                     a scalar
              | Read(name)                          a variable or a value parameter
              | Builtin(name)                       a thread or grid index: uint3, or uint
              | Apply(operator, args)               a row of ir/operators.py; args as its rule says
              | Cast(value)                         MSL's static conversion to `type`
              | Bitcast(value)                      the same bits as `type`, which has as many
              | Construct(args)                     a vector of its components; one scalar is repeated
              | Swizzle(value, components)          "x", "zyx", "xxyy"
              | Component(value, index)             a component chosen while running
              | Load(pointer, index)                pointer[index]
              | Select(condition, then, orelse)     only the chosen one is evaluated
              | Call(function, args)                pointers are passed by Address
              | Address(pointer)                    a pointer or an array, as an argument of a Call
              | Subscripts(parts)                   the index of an array of several dimensions
              | Collective(operation, args)         a row of ir/collectives.py, among the active threads
              | Atomic(operation, place, args)      place is a Load; gives what stood there before
              | MatrixFill(value, diagonal) | MatrixLoad(place, stride, transpose)
              | MultiplyAccumulate(a, b, c)         a * b + c of simdgroup matrices
    Place     = Read | Load | Swizzle(Place) | Component(Place)

Everything is frozen; children are tuples; every Expr carries its type; conversions are explicit
(Cast, Construct), so that both operands of an arithmetic operator have one type. One name has one
type in a whole Kernel or Function, and names of variables are unique in it. What always holds
stands in ir/verify.py; what it means, in ir/interpret.py.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from metal_runtime.dtype import DType
from metal_runtime.errors import InternalError
from metal_runtime.ir.atomics import AtomicOperation
from metal_runtime.ir.collectives import CollectiveOperation
from metal_runtime.ir.operators import Operator
from metal_runtime.msl_types import (
    VOID,
    Matrix,
    Pointer,
    Type,
    ValueType,
    Vector,
    Void,
)
from metal_runtime.source import SourceSpan


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """Anything with a place in the user's text; the place takes no part in equality."""

    span: SourceSpan | None = field(default=None, compare=False, repr=False)


# --- expressions ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Constant(Node):
    """Equal to another of the same bits: 0.0 differs from -0.0, and NaN is equal to itself."""

    value: bool | int | float
    type: DType

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Constant):
            return NotImplemented
        return self.type is other.type and repr(self.value) == repr(other.value)

    def __hash__(self) -> int:
        return hash((repr(self.value), self.type))


@dataclass(frozen=True, slots=True)
class Read(Node):
    name: str
    type: ValueType | Matrix


@dataclass(frozen=True, slots=True)
class Builtin(Node):
    """An attribute of MSL section 5.2.3.6 without its brackets, e.g. ``thread_position_in_grid``."""

    name: str
    type: ValueType


@dataclass(frozen=True, slots=True)
class Apply(Node):
    operator: Operator
    args: tuple[Expr, ...]
    type: ValueType


@dataclass(frozen=True, slots=True)
class Cast(Node):
    value: Expr
    type: ValueType


@dataclass(frozen=True, slots=True)
class Bitcast(Node):
    value: Expr
    type: ValueType


@dataclass(frozen=True, slots=True)
class Construct(Node):
    args: tuple[Expr, ...]
    type: Vector


@dataclass(frozen=True, slots=True)
class Swizzle(Node):
    value: Expr
    components: str
    type: ValueType


@dataclass(frozen=True, slots=True)
class Component(Node):
    value: Expr
    index: Expr
    type: DType


@dataclass(frozen=True, slots=True)
class Load(Node):
    pointer: str
    index: Expr
    type: ValueType


@dataclass(frozen=True, slots=True)
class Select(Node):
    condition: Expr
    then: Expr
    orelse: Expr
    type: ValueType


@dataclass(frozen=True, slots=True)
class Address(Node):
    pointer: str
    type: Pointer


@dataclass(frozen=True, slots=True)
class Call(Node):
    function: str
    args: tuple[Expr | Address, ...]
    type: ValueType | Matrix | Void


@dataclass(frozen=True, slots=True)
class Subscripts(Node):
    """One integer for each dimension of an array, outermost first."""

    parts: tuple[Expr, ...]
    type: DType = DType.UINT32


@dataclass(frozen=True, slots=True)
class Collective(Node):
    """A function of the active threads of a simdgroup or quadgroup: neither moved nor made conditional."""

    operation: CollectiveOperation
    args: tuple[Expr, ...]
    type: ValueType


@dataclass(frozen=True, slots=True)
class Atomic(Node):
    operation: AtomicOperation
    place: Load
    args: tuple[Expr, ...]
    """The operands, of the element's type."""

    type: DType | Void
    """Of what stood there before; void where there is no result."""


@dataclass(frozen=True, slots=True)
class MatrixFill(Node):
    """A matrix of one value: in every element, or on the diagonal with zeros beside it."""

    value: Expr
    diagonal: bool
    type: Matrix


@dataclass(frozen=True, slots=True)
class MatrixLoad(Node):
    """The 8 x 8 elements from ``place`` on, whose rows lie ``stride`` elements apart."""

    place: Load
    stride: Expr
    transpose: bool
    type: Matrix


@dataclass(frozen=True, slots=True)
class MultiplyAccumulate(Node):
    a: Expr
    b: Expr
    c: Expr
    type: Matrix


Expr = (
    Constant | Read | Builtin | Apply | Cast | Bitcast | Construct | Swizzle | Component | Load
    | Select | Call | Subscripts | Collective | Atomic | MatrixFill | MatrixLoad | MultiplyAccumulate
)  # fmt: skip
Place = Read | Load | Swizzle | Component


def value_type(node: Expr) -> ValueType:
    """The type of an expression that stands for a value (that is: no call of a void function)."""
    if isinstance(node.type, Void | Matrix):
        raise InternalError("a matrix, or a call without a result, stands for a value")
    return node.type


# --- statements ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Declare(Node):
    """A new variable. Without a value it is assigned on every path before it is read."""

    name: str
    type: ValueType | Matrix
    value: Expr | None = None


@dataclass(frozen=True, slots=True)
class Assign(Node):
    place: Place
    value: Expr


@dataclass(frozen=True, slots=True)
class If(Node):
    condition: Expr
    then: Block
    orelse: Block = ()


@dataclass(frozen=True, slots=True)
class For(Node):
    """``for name in range(start, stop, step)``: each bound is evaluated once; ``name`` lives in the body."""

    name: str
    type: DType
    start: Expr
    stop: Expr
    step: Expr
    body: Block


@dataclass(frozen=True, slots=True)
class While(Node):
    condition: Expr
    body: Block


@dataclass(frozen=True, slots=True)
class Break(Node):
    pass


@dataclass(frozen=True, slots=True)
class Continue(Node):
    pass


@dataclass(frozen=True, slots=True)
class Return(Node):
    value: Expr | None = None


@dataclass(frozen=True, slots=True)
class Evaluate(Node):
    call: Call | Atomic


class BarrierScope(enum.Enum):
    """Which threads wait for each other."""

    THREADGROUP = "threadgroup_barrier"
    SIMDGROUP = "simdgroup_barrier"


class MemoryFlag(enum.Enum):
    """Which memory a barrier orders (MSL's ``mem_flags``)."""

    NONE = "mem_none"
    DEVICE = "mem_device"
    THREADGROUP = "mem_threadgroup"


@dataclass(frozen=True, slots=True)
class Barrier(Node):
    """No load or store moves across it, of whatever memory."""

    scope: BarrierScope
    memory: tuple[MemoryFlag, ...] = (MemoryFlag.THREADGROUP,)


@dataclass(frozen=True, slots=True)
class Fence(Node):
    """Orders this thread's atomic functions and other accesses for all threads; no load or store moves across it."""

    memory: tuple[MemoryFlag, ...]


@dataclass(frozen=True, slots=True)
class MatrixStore(Node):
    value: Expr
    place: Load
    stride: Expr
    transpose: bool


Stmt = (
    Declare | Assign | If | For | While | Break | Continue | Return | Evaluate
    | Barrier | Fence | MatrixStore
)  # fmt: skip
Block = tuple[Stmt, ...]


# --- programs ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Param(Node):
    name: str
    type: Pointer | ValueType | Matrix
    """Matrices are passed between functions only."""


@dataclass(frozen=True, slots=True)
class Array(Node):
    """Memory of the whole function, indexed like a pointer, by Subscripts if ``shape`` has several extents.

    In threadgroup space (kernels only) one for each threadgroup, of any content at first; in thread
    space one for each thread, zeros at first.
    """

    name: str
    pointer: Pointer
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Function(Node):
    name: str
    params: tuple[Param, ...]
    result: Type
    body: Block
    arrays: tuple[Array, ...] = ()


@dataclass(frozen=True, slots=True)
class Kernel(Node):
    name: str
    params: tuple[Param, ...]
    body: Block
    functions: tuple[Function, ...] = ()
    """Functions it calls, each before its callers."""

    arrays: tuple[Array, ...] = ()

    result: Void = VOID
