"""Calls of atomic functions in, their IR out; on a line of its own, such a call is a statement."""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import partial
from typing import Any

from metal_runtime import language
from metal_runtime.dtype import DType
from metal_runtime.errors import KernelTypeError
from metal_runtime.frontend import operations
from metal_runtime.frontend.context import Lowerer
from metal_runtime.frontend.conversions import implicit
from metal_runtime.frontend.intrinsics import CallSite, Intrinsic
from metal_runtime.frontend.operands import Buffer, Operand, TupleOperand, Value
from metal_runtime.ir.atomics import AtomicOperation, atomic_reaches, atomic_takes
from metal_runtime.ir.nodes import Atomic, Bitcast, Evaluate, Expr, Load, Stmt
from metal_runtime.msl_types import ATOMIC_TYPES, VOID, AddressSpace, type_name

_WIDE = (AtomicOperation.MIN_ALONE, AtomicOperation.MAX_ALONE)


def _atomic(operation: AtomicOperation, lowerer: Lowerer, call: CallSite) -> Atomic:
    """``atomic_fetch_add(x, i, value)`` or ``atomic_fetch_add(x[i], value)``."""
    operands = operation.operands
    call.expect(1 + operands, 2 + operands)
    buffer, place = _place(lowerer, call, len(call.args) == 2 + operands)
    _refuse_type(operation, buffer, call)
    _refuse_memory(operation, buffer)
    element = buffer.pointer.element
    what = f"an element of `{buffer.text}`"
    values = lowerer.numbers(call.args[len(call.args) - operands :])
    args = tuple(implicit(v, element, what) for v in values)
    type_ = element if operation.has_result else VOID
    return Atomic(operation, place, args, type_, span=call.span)  # type: ignore[arg-type]


def _place(lowerer: Lowerer, call: CallSite, has_index: bool) -> tuple[Buffer, Load]:
    node = call.args[0]
    if has_index:
        index = call.args[1]
        node = ast.copy_location(ast.Subscript(node, index, ast.Load()), node)
        node.end_lineno, node.end_col_offset = index.end_lineno, index.end_col_offset
    found = lowerer.element(node) if has_index or isinstance(node, ast.Subscript) else None
    if found is None:
        raise lowerer.context.source.error(
            f"`{call.text}` works on an element of a buffer or an array",
            call.args[0],
            f"write `{call.text}(x, i, ...)` or `{call.text}(x[i], ...)`",
        )
    return found


def _refuse_type(operation: AtomicOperation, buffer: Buffer, call: CallSite) -> None:
    element = buffer.pointer.element
    if atomic_takes(operation, element):
        return
    if operation in _WIDE:
        plain = call.text.replace("atomic_m", "atomic_fetch_m")
        raise KernelTypeError(
            f"`{call.text}` is for ulong, but `{buffer.text}` holds `{type_name(element)}`",
            buffer.span,
            hint=f"write `{plain}(...)`, which also gives what stood there"
            if element in (DType.INT32, DType.UINT32)
            else None,
        )
    if not isinstance(element, DType) or element not in ATOMIC_TYPES:
        ulong = "of ulong Metal has atomic_min and atomic_max alone"
        raise KernelTypeError(
            f"`{buffer.text}` holds `{type_name(element)}`: atomic functions take int, uint and float",
            buffer.span,
            hint=ulong if element is DType.UINT64 else None,
        )
    raise KernelTypeError(
        f"Metal has no `{call.text}` of `{element.metal_name}`",
        call.span,
        hint="float has load, store, exchange, compare_exchange, fetch_add and fetch_sub",
    )


def _refuse_memory(operation: AtomicOperation, buffer: Buffer) -> None:
    pointer = buffer.pointer
    if pointer.const and operation is not AtomicOperation.LOAD:
        raise KernelTypeError(
            f"`{buffer.text}` is `{pointer}`: it can only be read",
            buffer.span,
            hint=f'declare the buffer as "device {pointer.element_text}*"',
        )
    if pointer.space is AddressSpace.THREAD:
        raise KernelTypeError(
            f"`{buffer.text}` is memory of one thread, which needs no atomics", buffer.span
        )
    if not atomic_reaches(operation, pointer.space):
        raise KernelTypeError(
            f"`{buffer.text}` is {pointer.space.value} memory: Metal has atomic ulong in device memory alone",
            buffer.span,
        )


def _value(operation: AtomicOperation, lowerer: Lowerer, call: CallSite) -> Operand:
    return Value(_atomic(operation, lowerer, call), call.span)


def _statement(operation: AtomicOperation, lowerer: Lowerer, call: CallSite) -> Stmt:
    return Evaluate(_atomic(operation, lowerer, call), span=call.span)


def _compare_exchange(lowerer: Lowerer, call: CallSite) -> Operand:
    """What stood there, and whether it was what was expected, so that it was replaced."""
    atomic = _atomic(AtomicOperation.COMPARE_EXCHANGE, lowerer, call)
    wanted, desired = atomic.args
    expected = lowerer.reuse(wanted, "expected")
    place, span = atomic.place, call.span
    again = Atomic(atomic.operation, place, (expected, desired), atomic.type, span=span)
    found = lowerer.reuse(again, "found")
    swapped = operations.apply("eq", [_bits(found), _bits(expected)], span)
    return TupleOperand((Value(found, span), Value(swapped, span)), span)


def _bits(value: Expr) -> Expr:
    """What is compared: of a float its bits, so that NaN is equal to itself and 0.0 differs from -0.0."""
    if value.type is not DType.FLOAT32:
        return value
    return Bitcast(value, DType.UINT32, span=value.span)


ATOMIC_STATEMENTS: dict[Any, Callable[[Lowerer, CallSite], Stmt]] = {
    language.atomic_compare_exchange: partial(_statement, AtomicOperation.COMPARE_EXCHANGE),
    **{
        getattr(language, operation.value): partial(_statement, operation)
        for operation in AtomicOperation
        if not operation.has_result
    },
}

ATOMICS: dict[Any, Intrinsic] = {
    **{
        getattr(language, operation.value): partial(_value, operation)
        for operation in AtomicOperation
        if operation.has_result
    },
    language.atomic_compare_exchange: _compare_exchange,
}
"""Those that give a value, by the object that the user's text names."""
