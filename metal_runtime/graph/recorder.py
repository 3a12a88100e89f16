"""Operators on buffers in, buffers out that are computed when somebody needs them: the graph of one session."""

from __future__ import annotations

import functools
import importlib
import math
from collections.abc import Sequence
from types import ModuleType
from typing import Any
from weakref import ref

import numpy as np

from metal_runtime import settings
from metal_runtime.buffer import MetalBuffer, array_of
from metal_runtime.dtype import DType
from metal_runtime.errors import InternalError, ShapeError
from metal_runtime.graph.calls import (
    check_batches,
    elementwise_call,
    is_square,
    reduce_call,
)
from metal_runtime.graph.dependence import held_below
from metal_runtime.graph.operations import Elementwise, MatMul, Reduce
from metal_runtime.graph.pending import Pending
from metal_runtime.graph.running import remember
from metal_runtime.ops.definitions import Definition
from metal_runtime.ops.layout import broadcast_shape
from metal_runtime.ops.operands import check_out, foreign_operand, upload
from metal_runtime.ops.product_shapes import sizes_of
from metal_runtime.ops.promotion import Weak, promote_pair
from metal_runtime.ops.reduction_table import REDUCTIONS, Reduction
from metal_runtime.ops.scalars import pack_scalar, packed_scalars
from metal_runtime.recording.places import caller
from metal_runtime.recording.recorder import RECORDER
from metal_runtime.runtime.session import Session
from metal_runtime.runtime.sessions import session_of
from metal_runtime.value import Cell, Value, cell_of, pending_value

MOST_PENDING = 64
"""So many results are recorded before they run without being asked for."""


class Recorder(Pending):
    """Records the operators of one session, which run as few kernels."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._calls: dict[tuple[Any, ...], Elementwise] = {}
        self._quick: dict[tuple[Any, ...], Elementwise] = {}
        """Of them, those that ``binary`` may record."""

        self._reductions: dict[tuple[Any, ...], Reduce] = {}
        self._products: dict[tuple[Any, ...], MatMul] = {}
        self._eager = settings.eager()

    # --- recording -------------------------------------------------------------------------------

    def elementwise(
        self,
        operator: str | Definition,
        operands: Sequence[Any],
        out: MetalBuffer | None = None,
        dtype: DType | None = None,
    ) -> MetalBuffer:
        """The operator's result: a new buffer, or ``out`` with its elements overwritten.

        An operand is a buffer, a NumPy array (uploaded for the call), or a number. ``dtype`` is what the
        result is converted to; without it, the dtype that the operator's rule says.

        Raises:
            DTypeError: an operand or ``out`` has a dtype that the operator does not take.
            ShapeError: the shapes do not broadcast, or ``out`` has another one.
            ClosedBufferError: a buffer is closed.
        """
        session = self._session
        if operator == "pow" and is_square(operands):
            operator, operands = "square", operands[:1]
        name: str = operator if operator.__class__ is str else operator.name  # type: ignore[union-attr]
        # A buffer is two items of the key, its shape and its dtype; a scalar is one, its kind.
        key: list[Any] = [operator]
        inputs: list[Any] = []
        exported = False
        for value in operands:
            # Slots, not properties: this runs for each operand of each call.
            if value.__class__ is float:
                key.append(Weak.FLOAT)
                inputs.append(value)
                continue
            if value.__class__ is int and -0x8000_0000 <= value < 0x8000_0000:
                key.append(Weak.INT)
                inputs.append(value)
                continue
            if value.__class__ is not MetalBuffer or value._host is not session:
                value, kind = foreign_operand(session, name, value)
                if value.__class__ is not MetalBuffer:
                    key += kind
                    inputs.append(value)
                    continue
            key += (value._shape, value._dtype)
            cell = value._cell
            found = value._value() if cell is None or value._movements else cell.value
            block = found.block
            exported = exported or (block is not None and block.export is not None)
            inputs.append(found)
        if out is not None:
            check_out(session, name, out)
            dtype = out._dtype
        key.append(dtype)
        known = tuple(key)
        call = self._calls.get(known)
        if call is None:
            call = elementwise_call(operator, known, len(inputs), dtype)
            remember(self._calls, known, call)
            if (
                call.nbytes and operator != "pow" and not self._eager
            ):  # `x ** 2.0` is another operator
                remember(self._quick, known, call)
        for place, scalar in enumerate(call.scalars):
            if scalar is not None:
                inputs[place] = pack_scalar(name, inputs[place], scalar)
        value = pending_value(call.shape, call.dtype, call, tuple(inputs))
        if out is not None:
            return self._written(name, value, out)
        return self._recorded(value, call.nbytes, exported)

    def binary(self, operator: str, left: MetalBuffer, right: Any) -> MetalBuffer:
        """``elementwise`` for a buffer and a buffer or float, which is most calls: the same in a third of the time."""
        session = self._session
        cell = left._cell
        if (
            cell is None
            or left._movements
            or left._host is not session
            or session.has_streams
            or RECORDER.on
        ):
            return self.elementwise(operator, (left, right))
        a = cell.value
        if right.__class__ is float:
            call = self._quick.get((operator, a.shape, a.dtype, Weak.FLOAT, None))
            if call is None or not right:  # to a dictionary, 0.0 is -0.0
                return self.elementwise(operator, (left, right))
            b = packed_scalars.get((right, call.types.operands[1]))
            if b is None:
                return self.elementwise(operator, (left, right))
        else:
            other = right._cell
            if other is None or right._movements or right._host is not session:
                return self.elementwise(operator, (left, right))
            b = other.value
            call = self._quick.get((operator, a.shape, a.dtype, b.shape, b.dtype, None))
            if call is None or (b.block is not None and b.block.export is not None):
                return self.elementwise(operator, (left, right))
        pending = self._default
        if len(pending) >= MOST_PENDING or (a.block is not None and a.block.export is not None):
            return self.elementwise(operator, (left, right))
        shape, dtype = call.shape, call.dtype
        made = cell_of(pending_value(shape, dtype, call, (a, b)))
        pending.append(ref(made))
        return array_of(session, made, shape, dtype, call.nbytes)

    def reduce(
        self,
        reduction: str | Reduction,
        buffer: MetalBuffer,
        axes: tuple[int, ...],
        keepdims: bool,
        result: DType | None = None,
    ) -> MetalBuffer:
        """A reduction of some axes, sorted and counted from 0, of ops/reduction_table.py; of dtype ``result``.

        Raises:
            ShapeError: there are no elements along the axes, and the reduction has no result of none.
        """
        if not axes:
            one = buffer.expand_dims(-1)
            return self.reduce(reduction, one, (one.ndim - 1,), False, result)
        source = buffer._value()
        key = (reduction, source.shape, source.dtype, axes, keepdims, result)
        call = self._reductions.get(key)
        if call is None:
            row = REDUCTIONS[reduction] if isinstance(reduction, str) else reduction
            call = reduce_call(row, source, axes, keepdims, result)
            remember(self._reductions, key, call)
        value = pending_value(call.shape, call.dtype, call, (source,))
        if 0 in source.shape and call.nbytes:
            identity = call.reduction.identity(call.reduction.accumulators(call.element))[-1]
            out = self._session.empty(call.shape, call.dtype)
            out._elements()[...] = identity.value
            return out
        exported = source.block is not None and source.block.export is not None
        return self._recorded(value, call.nbytes, exported)

    def product(self, a: MetalBuffer, b: MetalBuffer, result: DType) -> MetalBuffer:
        """The matrix product of arrays of two axes or more, of dtype ``result``. Raises ShapeError."""
        x, y = a._value(), b._value()
        kind = (x.shape, x.dtype, y.shape, y.dtype)
        call = self._products.get((*kind, result))
        are_matrices = len(x.shape) == len(y.shape) == 2
        if not are_matrices:
            check_batches(x, y)
        if call is None:
            shape = sizes_of(x.shape, y.shape).shape
            call = MatMul(shape, result, math.prod(shape) * result.itemsize)
            remember(self._products, (*kind, result), call)
            if are_matrices and result is promote_pair(x.dtype, y.dtype):
                remember(self._products, kind, call)
        return self._multiplied(call, x, y)

    def quick_product(self, a: MetalBuffer, b: MetalBuffer) -> MetalBuffer | None:
        """The product of two matrices, in their common dtype, of a kind that was seen before; else None."""
        session = self._session
        if a._host is not session or b._host is not session or session.closed:
            return None
        x, y = a._value(), b._value()
        call = self._products.get((x.shape, x.dtype, y.shape, y.dtype))
        return None if call is None else self._multiplied(call, x, y)

    def _multiplied(self, call: MatMul, x: Value, y: Value) -> MetalBuffer:
        exported = any(v.block is not None and v.block.export is not None for v in (x, y))
        return self._recorded(
            pending_value(call.shape, call.dtype, call, (x, y)), call.nbytes, exported
        )

    def function(self, name: str, *args: Any, **options: Any) -> MetalBuffer:
        """A function of ``metal_runtime.ops`` by the name that a method of MetalBuffer has."""
        result: MetalBuffer = getattr(_ops(), _FUNCTIONS.get(name, name))(*args, **options)
        return result

    def copy(self, buffer: MetalBuffer) -> MetalBuffer:
        """The elements in C order, as a buffer of its own."""
        return self.elementwise("cast", (buffer,))

    def assign(self, target: MetalBuffer, source: Any) -> None:
        """``target[...] = source``, converted as ``astype`` does.

        Raises:
            ShapeError: the source does not broadcast to the target's shape.
        """
        shape = getattr(source, "shape", ())
        if broadcast_shape("setitem", (target._shape, tuple(shape))) != target._shape:
            raise ShapeError(
                f"cannot write shape {tuple(shape)} into shape {target._shape}",
                hint="sizes along each axis, counted from the last, must be equal or 1",
            )
        if not isinstance(source, MetalBuffer):
            source = upload(self._session, np.asarray(source).astype(target.dtype.numpy_dtype))
        self.elementwise("cast", (source.broadcast_to(target._shape),), target)

    # --- what is recorded ------------------------------------------------------------------------

    def _recorded(self, value: Value, nbytes: int, exported: bool) -> MetalBuffer:
        session = self._session
        if RECORDER.on:
            value.place = caller()
        if nbytes == 0:
            return session.empty(value.shape, value.dtype)
        pending = self._pending if session.has_streams else self._default
        if len(pending) >= MOST_PENDING:
            self.flush()
        cell = cell_of(value)
        buffer = array_of(session, cell, value.shape, value.dtype, nbytes)
        pending.append(ref(cell))
        if self._eager:
            self.flush()
        elif exported and _is_exported(value):
            # A NumPy view may write to what is read here as soon as this returns.
            self.flush()
            session.synchronize()
        return buffer

    def _written(self, name: str, value: Value, out: MetalBuffer) -> MetalBuffer:
        if out._shape != value.shape:
            raise ShapeError(
                f"ops.{name}: the result has shape {value.shape}, but out= has {out._shape}",
                hint=f"give out= the shape {value.shape}, or leave it away",
            )
        cell = out._open()
        if not out._nbytes:
            return out
        if not out._movements and cell.value.operation is not None:
            cell.value = value  # nobody can have seen the memory of a pending result
            self._pending.append(ref(cell))
            if self._eager:
                self.flush()
            return out
        with self._lock:
            self._start(held_below(value, self._pending.held()), [cell.value])
            place = out._value()
            self._runner.run_into(value, place)
        if _is_exported(value) or (place.block is not None and place.block.is_exported):
            self._session.synchronize()
        return out


@functools.cache
def _ops() -> ModuleType:
    return importlib.import_module("metal_runtime.ops")


_FUNCTIONS = {"max": "amax", "min": "amin"}
"""Methods whose names mean elementwise operators in ``metal_runtime.ops``."""


def recorder_here(buffers: Sequence[MetalBuffer] = ()) -> Recorder:
    """The recorder of the first buffer's session, or of the current one."""
    graph = session_of(buffers).graph
    if not isinstance(graph, Recorder):
        raise InternalError(f"a session records its operators in a {type(graph).__name__}")
    return graph


def recorder_of(session: Session) -> Recorder:
    """What records the operators of a session; the session calls this once."""
    return Recorder(session)


def _held(waiting: list[ref[Cell]]) -> dict[Value, None]:
    """The values that are pending and held, each once; nothing is waiting any more."""
    count = len(waiting)  # other threads may go on recording
    roots: dict[Value, None] = {}
    for cell in [held() for held in waiting[:count]]:
        if cell is not None and cell.value.operation is not None:
            roots[cell.value] = None
    del waiting[:count]
    return roots


def _is_exported(value: Value) -> bool:
    """Whether a user's NumPy view can see what a recorded value reads."""
    return any(
        operand.__class__ is Value and operand.block is not None and operand.block.is_exported
        for operand in value.inputs
    )
