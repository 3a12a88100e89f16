"""What threads do together: calls of simd, quad, barrier and simdgroup matrix functions in, their IR out."""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import partial
from typing import Any

from metal_runtime import language
from metal_runtime.dtype import DType
from metal_runtime.errors import KernelTypeError
from metal_runtime.frontend import vectors
from metal_runtime.frontend.annotations import annotated
from metal_runtime.frontend.atomics import ATOMIC_STATEMENTS, ATOMICS
from metal_runtime.frontend.context import Lowerer
from metal_runtime.frontend.conversions import as_value, implicit, unify
from metal_runtime.frontend.intrinsics import CallSite, Intrinsic, in_order
from metal_runtime.frontend.operands import Buffer, IntLiteral, Operand, Value
from metal_runtime.frontend.operations import zero
from metal_runtime.frontend.read_source import written
from metal_runtime.ir.collectives import COLLECTIVES, LANE, truth, vote
from metal_runtime.ir.nodes import (
    Barrier,
    BarrierScope,
    Collective,
    Constant,
    Expr,
    Fence,
    Load,
    MatrixFill,
    MatrixLoad,
    MatrixStore,
    MemoryFlag,
    MultiplyAccumulate,
    Stmt,
)
from metal_runtime.ir.operators import OperatorTypeError
from metal_runtime.language.memory import mem_flags
from metal_runtime.language.simdgroup_matrix import SimdgroupMatrix
from metal_runtime.msl_types import (
    Matrix,
    element_of,
    type_name,
)

# --- simdgroups and quadgroups -------------------------------------------------------------------


def _collective(name: str, lowerer: Lowerer, call: CallSite) -> Operand:
    operation = COLLECTIVES[name]
    call.expect(operation.arity)
    args: list[Expr] = []
    if operation.rule in (truth, vote):
        args = [lowerer.condition(a) for a in call.args]
    else:
        operands = lowerer.numbers(call.args)
        if operation.arity == 3:
            args = unify(operands[:2], call.span, promote=False)
        else:
            args = [as_value(operands[0]).expr]
        if operation.arity > 1:
            args.append(_lane(operands[-1], operation.width, call))
    try:
        type_ = operation.result_type([a.type for a in args])  # type: ignore[misc]
    except OperatorTypeError as error:
        hint = _collective_hint(element_of(args[0].type), call)  # type: ignore[arg-type]
        raise KernelTypeError(f"`{call.text}` {error}", call.span, hint=hint) from None
    return Value(Collective(operation, tuple(args), type_, span=call.span), call.span)


def _lane(operand: Any, width: int, call: CallSite) -> Expr:
    if isinstance(operand, IntLiteral) and not 0 <= operand.value < width:
        raise KernelTypeError(
            f"{operand.value} is no lane of `{call.text}`",
            operand.span,
            hint=f"lanes count from 0 to {width - 1}",
        )
    vectors.integer_index(operand)  # refuses floats, bools and vectors
    return implicit(operand, LANE, f"the lane of `{call.text}`")


def _collective_hint(element: DType, call: CallSite) -> str:
    if element is DType.BOOL:
        return f"count with int(...), or vote with metal.{call.text.rsplit('.')[-1][:4]}_any(...)"
    if element.bits > 32:
        return "convert it to 32 bits, or exchange the halves one by one"
    return "convert it with int(...) or metal.uint(...)"


# --- simdgroup matrices --------------------------------------------------------------------------


def _matrix(type_: Matrix, lowerer: Lowerer, call: CallSite) -> Operand:
    """``simdgroup_float8x8(x)``: x on the diagonal."""
    call.expect(0, 1)
    value = zero(type_.element, call.span)
    if call.args:
        value = implicit(lowerer.number(call.args[0]), type_.element, f"`{call.text}`")
    return Value(MatrixFill(value, True, type_, span=call.span), call.span)


def _filled(lowerer: Lowerer, call: CallSite) -> Operand:
    call.expect(2)
    context = lowerer.context
    element = annotated(call.args[0], context.source, context.environment)
    if not isinstance(element, DType) or not element.is_float:
        raise context.source.error(
            f"a simdgroup matrix holds float, half or bfloat, not `{type_name(element)}`",
            call.args[0],
        )
    value = implicit(lowerer.number(call.args[1]), element, "an element of the matrix")
    return Value(MatrixFill(value, False, Matrix(element), span=call.span), call.span)


def _matrix_load(lowerer: Lowerer, call: CallSite) -> Operand:
    call.expect(1, 2, 3)
    buffer, place, stride, transpose = _matrix_place(lowerer, call, call.args)
    type_ = Matrix(buffer.pointer.element)  # type: ignore[arg-type]
    return Value(MatrixLoad(place, stride, transpose, type_, span=call.span), call.span)


def _matrix_place(
    lowerer: Lowerer, call: CallSite, args: tuple[ast.expr, ...]
) -> tuple[Buffer, Load, Expr, bool]:
    """The element, the distance of the rows and whether rows are columns."""
    source = lowerer.context.source
    found = lowerer.element(args[0])
    if found is None:
        raise source.error(
            f"`{call.text}` takes the first element of the matrix in memory",
            args[0],
            f"write `{call.text}({'m, ' if 'store' in call.text else ''}x[i], elements_per_row)`",
        )
    buffer, place = found
    element = buffer.pointer.element
    if not isinstance(element, DType) or not element.is_float or buffer.pointer.atomic:
        raise source.error(
            f"a simdgroup matrix holds float, half or bfloat, not `{buffer.pointer.element_text}`",
            args[0],
        )
    stride: Expr = Constant(8, DType.INT32, span=call.span)
    if len(args) > 1:
        stride = vectors.integer_index(lowerer.number(args[1]))
    return buffer, place, stride, len(args) > 2 and _flag(lowerer, args[2])


def _flag(lowerer: Lowerer, node: ast.expr) -> bool:
    operand = lowerer.number(node)
    if isinstance(operand, Value) and isinstance(operand.expr, Constant):
        value = operand.expr.value
        if isinstance(value, bool):
            return value
    raise lowerer.context.source.error("`transpose` is True or False", node)


def _multiply(lowerer: Lowerer, call: CallSite) -> Operand:
    """``simdgroup_multiply(a, b)`` and ``simdgroup_multiply_accumulate(a, b, c)``."""
    accumulates = "accumulate" in call.text
    if len(call.args) == 4 if accumulates else len(call.args) == 3:
        result = written(lowerer.context.source.span(call.args[0]))
        rest = ", ".join(written(lowerer.context.source.span(a)) for a in call.args[1:])
        raise KernelTypeError(
            f"`{call.text}` returns its result", call.span, hint=f"write `{result} = {call.text}({rest})`"
        )  # fmt: skip
    call.expect(3 if accumulates else 2)
    parts = [_as_matrix(lowerer, node) for node in call.args]
    a, b = parts[:2]
    type_ = parts[2].type if accumulates else a.type
    if a.type != b.type:
        raise KernelTypeError(
            f"the factors are `{type_name(a.type)}` and `{type_name(b.type)}`",
            call.span,
            hint="load both from memory of one type",
        )
    assert isinstance(type_, Matrix)
    c = parts[2] if accumulates else zero(type_, call.span)
    return Value(MultiplyAccumulate(a, b, c, type_, span=call.span), call.span)


def _as_matrix(lowerer: Lowerer, node: ast.expr) -> Expr:
    operand = lowerer.lower(node)
    if isinstance(operand, Value) and isinstance(operand.expr.type, Matrix):
        return lowerer.reuse(operand.expr, "matrix")
    what = lowerer.context.source.text(node)
    raise lowerer.context.source.error(
        f"`{what}` is no simdgroup matrix", node, "load one with metal.simdgroup_load(x[i], n)"
    )


# --- statements ----------------------------------------------------------------------------------


def statement_of(lowerer: Lowerer, node: ast.Call) -> Stmt | None:
    """The statement that a call on a line of its own is; None if it is a call like others."""
    callee = lowerer.python_object(node.func)
    make = _STATEMENTS.get(callee) if callable(callee) else None
    if make is None:
        return None
    source = lowerer.context.source
    text = source.text(node.func)
    args = in_order(lowerer, node, text, callee)
    return make(lowerer, CallSite(node, text, args, source.span(node)))


def _barrier(scope: BarrierScope, lowerer: Lowerer, call: CallSite) -> Stmt:
    call.expect(0, 1)
    flags = mem_flags.mem_threadgroup
    if call.args:
        flags = _flags(lowerer, call.args[0])
    return Barrier(scope, _memory(flags), span=call.span)


def _flags(lowerer: Lowerer, node: ast.expr) -> mem_flags:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _flags(lowerer, node.left) | _flags(lowerer, node.right)
    found = lowerer.python_object(node) if isinstance(node, ast.Name | ast.Attribute) else None
    if not isinstance(found, mem_flags):
        raise lowerer.context.source.error(
            "this takes memory flags", node, "write metal.mem_flags.mem_threadgroup, mem_device or both with `|`"
        )  # fmt: skip
    return found


def _matrix_store(lowerer: Lowerer, call: CallSite) -> Stmt:
    call.expect(2, 3, 4)
    matrix = _as_matrix(lowerer, call.args[0])
    buffer, place, stride, transpose = _matrix_place(lowerer, call, call.args[1:])
    assert isinstance(matrix.type, Matrix)
    if buffer.pointer.element is not matrix.type.element:
        raise KernelTypeError(
            f"`{buffer.text}` holds `{type_name(buffer.pointer.element)}`, but the matrix is `{matrix.type}`",
            call.span,
            hint="store to memory of the matrix's type",
        )
    if buffer.pointer.const:
        raise KernelTypeError(
            f"`{buffer.text}` is `{buffer.pointer}`: it can only be read", buffer.span
        )
    return MatrixStore(matrix, place, stride, transpose, span=call.span)


def _fence(lowerer: Lowerer, call: CallSite) -> Stmt:
    call.expect(0, 1)
    flags = _flags(lowerer, call.args[0]) if call.args else mem_flags.mem_device
    return Fence(_memory(flags), span=call.span)


def _memory(flags: mem_flags) -> tuple[MemoryFlag, ...]:
    chosen = tuple(f for f in MemoryFlag if f.value in mem_flags.__members__ and mem_flags[f.value] & flags)  # fmt: skip
    return chosen or (MemoryFlag.NONE,)


def _no_value(lowerer: Lowerer, call: CallSite) -> Operand:
    raise KernelTypeError(
        f"`{call.text}` gives no value", call.span, hint="write it on a line of its own"
    )


def _misplaced_array(lowerer: Lowerer, call: CallSite) -> Operand:
    raise KernelTypeError(
        f"`{call.text}` declares memory, which needs a name",
        call.span,
        hint=f"write `tile = {call.text}(metal.float, 256)` at the top level of the kernel",
    )


def _mistaken_type(lowerer: Lowerer, call: CallSite) -> Operand:
    name = call.text.rsplit(".")[-1]
    raise KernelTypeError(
        f"`{call.text}` is a type of memory, not of values",
        call.span,
        hint=f'declare a buffer as "device {name}*", or metal.threadgroup_array(metal.{name}, 256)',
    )


_STATEMENTS: dict[Any, Callable[[Lowerer, CallSite], Stmt]] = {
    language.threadgroup_barrier: partial(_barrier, BarrierScope.THREADGROUP),
    language.simdgroup_barrier: partial(_barrier, BarrierScope.SIMDGROUP),
    language.simdgroup_store: _matrix_store,
    language.atomic_thread_fence: _fence,
    **ATOMIC_STATEMENTS,
}

_MATRICES: tuple[type[SimdgroupMatrix], ...] = (
    language.simdgroup_float8x8,
    language.simdgroup_half8x8,
    language.simdgroup_bfloat8x8,
)

TOGETHER: dict[Any, Intrinsic] = {
    **{getattr(language, name): partial(_collective, name) for name in COLLECTIVES},
    **dict.fromkeys(_STATEMENTS, _no_value),
    **ATOMICS,
    **{matrix: partial(_matrix, matrix.msl_type) for matrix in _MATRICES},
    language.make_filled_simdgroup_matrix: _filled,
    language.simdgroup_load: _matrix_load,
    language.simdgroup_multiply: _multiply,
    language.simdgroup_multiply_accumulate: _multiply,
    language.threadgroup_array: _misplaced_array,
    language.thread_array: _misplaced_array,
    language.atomic_int: _mistaken_type,
    language.atomic_uint: _mistaken_type,
    language.atomic_float: _mistaken_type,
}
"""By the object that the user's text names."""
