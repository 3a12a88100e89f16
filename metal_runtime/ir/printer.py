"""The IR as text: a node in, stable and compact text out, for golden tests and ``iris emit --to ir``."""

from __future__ import annotations

from collections.abc import Iterator

from metal_runtime.dtype import DType
from metal_runtime.ir.nodes import (
    Address,
    Apply,
    Array,
    Assign,
    Atomic,
    Barrier,
    Bitcast,
    Block,
    Break,
    Builtin,
    Call,
    Cast,
    Collective,
    Component,
    Constant,
    Construct,
    Continue,
    Declare,
    Evaluate,
    Expr,
    Fence,
    For,
    Function,
    If,
    Kernel,
    Load,
    MatrixFill,
    MatrixLoad,
    MatrixStore,
    MultiplyAccumulate,
    Node,
    Param,
    Read,
    Return,
    Select,
    Stmt,
    Subscripts,
    Swizzle,
    While,
)
from metal_runtime.msl_types import VOID, type_name

_INFIX = {
    "add": "+", "sub": "-", "mul": "*", "div": "/", "rem": "rem", "floordiv": "//", "mod": "mod",
    "bit_and": "&", "bit_or": "|", "bit_xor": "^", "shl": "<<", "shr": ">>",
    "eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">=",
    "logical_and": "and", "logical_or": "or",
}  # fmt: skip
_PREFIX = {"neg": "-", "bit_not": "~", "logical_not": "not "}
_SUFFIX = {DType.INT32: "", DType.UINT32: "u", DType.FLOAT32: "f", DType.FLOAT16: "h"}
_INDENT = "    "


def print_kernel(kernel: Kernel) -> str:
    """A kernel and the functions it calls, one statement a line."""
    parts = ["\n".join(_header(f, "function")) for f in (*kernel.functions,)]
    parts.append("\n".join(_header(kernel, "kernel")))
    return "\n\n".join(parts) + "\n"


def print_node(node: Node) -> str:
    """Any one node, for messages."""
    match node:
        case Kernel():
            return print_kernel(node).rstrip("\n")
        case Function():
            return "\n".join(_header(node, "function"))
        case Param():
            return f"{node.name}: {type_name(node.type)}"
        case Address():
            return f"&{node.pointer}"
        case Array():
            extents = "".join(f"[{n}]" for n in node.shape)
            return f"{node.name}: {node.pointer.space.value} {node.pointer.element_text}{extents}"
    if isinstance(node, Stmt):
        return "\n".join(_statement(node))
    assert isinstance(node, Expr)
    return print_expr(node)


def _header(node: Kernel | Function, keyword: str) -> Iterator[str]:
    params = ", ".join(print_node(p) for p in node.params)
    result = "" if node.result == VOID else f" -> {type_name(node.result)}"
    yield f"{keyword} {node.name}({params}){result}"
    for array in node.arrays:
        yield _INDENT + print_node(array)
    yield from _block(node.body)


def _block(block: Block) -> Iterator[str]:
    for statement in block or ():
        for line in _statement(statement):
            yield _INDENT + line
    if not block:
        yield _INDENT + "pass"


def _statement(node: Stmt) -> Iterator[str]:
    match node:
        case Declare(name, type_, value):
            text = "" if value is None else f" = {print_expr(value)}"
            yield f"{name}: {type_name(type_)}{text}"
        case Assign(place, value):
            yield f"{print_expr(place)} = {print_expr(value)}"
        case If():
            yield f"if {print_expr(node.condition)}"
            yield from _block(node.then)
            if node.orelse:
                yield "else"
                yield from _block(node.orelse)
        case For():
            bounds = ", ".join(print_expr(e) for e in (node.start, node.stop, node.step))
            yield f"for {node.name}: {type_name(node.type)} in range({bounds})"
            yield from _block(node.body)
        case While():
            yield f"while {print_expr(node.condition)}"
            yield from _block(node.body)
        case Break():
            yield "break"
        case Continue():
            yield "continue"
        case Return(value):
            yield "return" if value is None else f"return {print_expr(value)}"
        case Evaluate(call):
            yield print_expr(call)
        case Barrier(scope, memory):
            yield f"{scope.value}({', '.join(flag.value for flag in memory)})"
        case Fence(memory):
            yield f"fence({', '.join(flag.value for flag in memory)})"
        case MatrixStore(value, place):
            where = _matrix_place(place, node.stride, node.transpose)
            yield f"store({print_expr(value)}, {where})"


def print_expr(node: Expr) -> str:
    """An expression on one line."""
    match node:
        case Constant(value, type_):
            return _constant(value, type_)
        case Read(name) | Builtin(name):
            return name
        case Apply():
            return _apply(node)
        case Cast(value, type_):
            return f"cast<{type_name(type_)}>({print_expr(value)})"
        case Bitcast(value, type_):
            return f"bits<{type_name(type_)}>({print_expr(value)})"
        case Construct(args, type_):
            return f"{type_}({_list(args)})"
        case Swizzle(value, components):
            return f"{_tight(value)}.{components}"
        case Component(value, index):
            return f"{_tight(value)}[{print_expr(index)}]"
        case Load(pointer, index):
            return f"{pointer}[{print_expr(index)}]"
        case Select():
            then, orelse = _tight(node.then), _tight(node.orelse)
            return f"{then} if {_tight(node.condition)} else {orelse}"
        case Call(function, args):
            return f"{function}({_list(args)})"
        case Subscripts(parts):
            return _list(parts)
        case Collective(operation, args):
            return f"{operation.name}({_list(args)})"
        case Atomic(operation, place, args):
            return f"{operation.value}({_list((place, *args))})"
        case MatrixFill(value, diagonal, type_):
            return f"{type_}({'diagonal ' if diagonal else ''}{print_expr(value)})"
        case MatrixLoad(place, stride, transpose):
            return f"load({_matrix_place(place, stride, transpose)})"
        case MultiplyAccumulate(a, b, c):
            return f"multiply_accumulate({_list((a, b, c))})"


def _matrix_place(place: Load, stride: Expr, transpose: bool) -> str:
    text = f"{print_expr(place)}, {print_expr(stride)}"
    return f"{text}, transposed" if transpose else text


def _apply(node: Apply) -> str:
    name = node.operator.name
    if name in _INFIX and len(node.args) == 2:
        left, right = node.args
        return f"{_tight(left)} {_INFIX[name]} {_tight(right)}"
    if name in _PREFIX:
        return f"{_PREFIX[name]}{_tight(node.args[0])}"
    return f"{name}({_list(node.args)})"


def _tight(node: Expr) -> str:
    """In parentheses unless it is an operand as it stands."""
    text = print_expr(node)
    loose = isinstance(node, Select) or (
        isinstance(node, Apply) and node.operator.name in (_INFIX | _PREFIX)
    )
    return f"({text})" if loose or text.startswith("-") else text


def _list(args: tuple[Expr | Address, ...]) -> str:
    return ", ".join(print_node(a) for a in args)


def _constant(value: bool | int | float, type_: DType) -> str:
    if type_ is DType.BOOL:
        return "true" if value else "false"
    text = repr(value)
    suffix = _SUFFIX.get(type_)
    return f"{type_.metal_name}({text})" if suffix is None else text + suffix
