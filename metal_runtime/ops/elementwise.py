"""Operands of an elementwise operator in, one launch and its result out; prepared once for each kind of call."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from metal_runtime.buffer import MetalBuffer
from metal_runtime.device.launch_config import LaunchConfig
from metal_runtime.device.protocol import Binding, Pipeline
from metal_runtime.dtype import DType
from metal_runtime.errors import InternalError, ShapeError
from metal_runtime.ops.compiled import kernel_program, launch_shape, pipeline_of
from metal_runtime.ops.definitions import DEFINITIONS, Definition
from metal_runtime.ops.kernels import Operand, elementwise_kernel
from metal_runtime.ops.layout import Layout, Shape, broadcast
from metal_runtime.ops.operands import check_out, foreign_operand, out_dtype
from metal_runtime.ops.promotion import OperandType, Weak
from metal_runtime.ops.rules import OperatorTypes
from metal_runtime.ops.scalars import pack_scalar
from metal_runtime.runtime.session import Session

_CALLS_KEPT = 4096  # kinds of calls remembered a session: operator, dtypes and shapes


@dataclass(frozen=True, slots=True)
class PreparedCall:
    """All of a call that does not depend on its buffers' memory and its scalars' values."""

    shape: Shape
    out: DType
    scalars: tuple[DType | None, ...]
    """For each operand: None for an array, else the dtype that the scalar is passed in."""

    sizes: tuple[bytes, ...] = ()
    """What the kernel takes after ``out``: sizes and strides."""

    pipeline: Pipeline | None = None
    """None when there is nothing to compute: the result has no elements."""

    config: LaunchConfig | None = None


class ElementwiseRunner:
    """Runs the operators of ops/definitions.py on one session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._calls: dict[tuple[Any, ...], PreparedCall] = {}
        self._pipelines: dict[tuple[Any, ...], Pipeline] = {}

    def __call__(
        self, name: str, operands: Sequence[Any], out: MetalBuffer | None = None
    ) -> MetalBuffer:
        """The operator's result: a new buffer, or ``out`` with its elements overwritten.

        An operand is a buffer, a NumPy array (uploaded for the call), or a number.

        Raises:
            DTypeError: an operand or ``out`` has a dtype that the operator does not take.
            ShapeError: the shapes do not broadcast, or ``out`` has another one.
            ClosedBufferError: a buffer is closed.
            KernelFault: an integer was divided by zero.
        """
        session = self._session
        if name == "pow" and _is_square(operands):
            name, operands = "square", operands[:1]
        # A buffer is two items of the key, its shape and its dtype; a scalar is one, its kind.
        key: list[Any] = [name]
        values: list[Any] = []
        for value in operands:
            # Slots, not properties: this runs for each operand of each call.
            if value.__class__ is MetalBuffer and value._host is session:
                key += (value._shape, value._dtype)
            elif value.__class__ is float:
                key.append(Weak.FLOAT)
            elif value.__class__ is int and -0x8000_0000 <= value < 0x8000_0000:
                key.append(Weak.INT)
            else:
                value, kind = foreign_operand(session, name, value)
                key += kind
            values.append(value)
        if out is not None:
            check_out(session, name, out)
            key.append(out._dtype)
        known = tuple(key)
        call = self._calls.get(known)
        if call is None:
            call = self._prepare(name, known, len(values), out)
        if out is None:
            out = session.empty(call.shape, call.out)
        elif out._shape != call.shape:
            raise ShapeError(
                f"ops.{name}: the result has shape {call.shape}, but out= has {out._shape}",
                hint=f"give out= the shape {call.shape}, or leave it away",
            )
        bindings: list[Binding] = [
            (value._binding or value._open().binding)
            if scalar is None
            else pack_scalar(name, value, scalar)
            for value, scalar in zip(values, call.scalars)  # noqa: B905 - of one length
        ]
        if call.pipeline is not None and call.config is not None:
            bindings.append(out._binding or out._open().binding)
            bindings += call.sizes
            session.stream.launch(call.pipeline, call.config, bindings)
        return out

    # --- the first call of its kind --------------------------------------------------------------

    def _prepare(
        self, name: str, key: tuple[Any, ...], arity: int, out: MetalBuffer | None
    ) -> PreparedCall:
        definition = DEFINITIONS.get(name)
        if definition is None or definition.arity != arity:
            raise InternalError(f"no operator `{name}` of {arity} operands")
        shapes, kinds = _described(key, arity)
        types = definition.rule(name, kinds)
        target = types.result if out is None else out_dtype(name, types.result, out.dtype)
        plan = broadcast(name, tuple(s for s in shapes if s is not None))
        scalars = tuple(
            None if shape is not None else dtype
            for shape, dtype in zip(shapes, types.operands, strict=True)
        )
        if 0 in plan.shape:
            call = PreparedCall(plan.shape, target, scalars)
        else:
            stored = tuple(
                Operand(kind, True)
                if isinstance(kind, DType) and shape is not None
                else Operand(dtype, False)
                for kind, shape, dtype in zip(kinds, shapes, types.operands, strict=True)
            )
            pipeline = self._pipeline(definition, stored, types, target, plan.layout)
            numbers = (*plan.sizes[:-1], *(s for strides in plan.strides for s in strides))
            sizes = tuple(struct.pack("=I", n) for n in numbers)
            config = launch_shape(self._session, pipeline, plan.grid)
            call = PreparedCall(plan.shape, target, scalars, sizes, pipeline, config)
        if len(self._calls) >= _CALLS_KEPT:
            self._calls.clear()
        self._calls[key] = call
        return call

    def _pipeline(
        self,
        definition: Definition,
        operands: tuple[Operand, ...],
        types: OperatorTypes,
        out: DType,
        layout: Layout,
    ) -> Pipeline:
        """One for all shapes of a layout."""
        key = (definition.name, operands, out, layout)
        found = self._pipelines.get(key)
        if found is None:
            kernel = elementwise_kernel(
                definition.name, definition.build, operands, types, out, layout
            )
            found = self._pipelines[key] = pipeline_of(self._session, kernel_program(kernel))
        return found


def runner_of(session: Session) -> ElementwiseRunner:
    """What runs the operators of a session; the session calls this once."""
    return ElementwiseRunner(session)


def _is_square(operands: Sequence[Any]) -> bool:
    """Whether a power is ``a ** 2`` of the dtype of ``a``: then a product is faster and as exact."""
    base, exponent = operands
    if exponent.__class__ not in (int, float) or exponent != 2 or base.__class__ is not MetalBuffer:
        return False
    dtype: DType = base.dtype
    return dtype.is_float or (dtype.is_integer and exponent.__class__ is int)


def _described(key: tuple[Any, ...], arity: int) -> tuple[list[Shape | None], list[OperandType]]:
    """The shapes (None: a scalar) and types of the operands that a key names."""
    shapes: list[Shape | None] = []
    kinds: list[OperandType] = []
    parts = iter(key[1:])
    while len(kinds) < arity:
        part = next(parts)
        shapes.append(part if isinstance(part, tuple) else None)
        kinds.append(next(parts) if isinstance(part, tuple) else part)
    return shapes, kinds
