"""The kind of a call in, the operation that such calls record out; made once for each kind, with every check."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from metal_runtime.buffer import MetalBuffer
from metal_runtime.device.launch_config import MAX_GRID
from metal_runtime.dtype import DType
from metal_runtime.errors import InternalError, ShapeError
from metal_runtime.graph.operations import Elementwise, Reduce
from metal_runtime.ops.definitions import DEFINITIONS, Definition
from metal_runtime.ops.layout import broadcast_shape
from metal_runtime.ops.operands import out_dtype
from metal_runtime.ops.product_shapes import batches, sizes_of
from metal_runtime.ops.promotion import OperandType
from metal_runtime.ops.reduction_table import Reduction
from metal_runtime.strided import Shape, contiguous, moved
from metal_runtime.value import Value, View

_TOO_MANY = f"more than the {MAX_GRID:,} elements that 32 bits index"


def elementwise_call(
    operator: str | Definition, key: tuple[Any, ...], arity: int, dtype: DType | None
) -> Elementwise:
    """The operation of calls with a key: for each operand its shape and dtype, or a scalar's kind.

    Raises:
        DTypeError: the operator does not take these dtypes, or its result does not go into ``dtype``.
        ShapeError: the shapes do not broadcast, or have too many elements.
    """
    definition = DEFINITIONS.get(operator) if isinstance(operator, str) else operator
    if definition is None or definition.arity != arity:
        raise InternalError(f"no operator `{operator}` of {arity} operands")
    name = definition.name
    shapes, kinds = _described(key, arity)
    types = definition.rule(name, kinds)
    target = types.result if dtype is None else out_dtype(name, types.result, dtype)
    shape = broadcast_shape(name, tuple(s for s in shapes if s is not None))
    _check_size(name, shape)
    scalars = tuple(
        None if given is not None else dtype
        for given, dtype in zip(shapes, types.operands, strict=True)
    )
    nbytes = _size(shape) * target.itemsize
    return Elementwise(definition, types, scalars, shape, target, nbytes)


def check_batches(a: Value, b: Value) -> None:
    """Raises ShapeError for operands of a product whose batch axes are too many even when merged."""
    batch = sizes_of(a.shape, b.shape).batch_shape
    batches(batch, (a.shape, _strides(a)), (b.shape, _strides(b)))


def _strides(value: Value) -> tuple[int, ...]:
    """As they are, or will be once what is pending is in memory."""
    if isinstance(value.operation, View):
        (base,) = value.inputs
        layout = moved(contiguous(base.shape), value.operation.movements)
        assert layout is not None  # a view that needs a copy was copied when it was made
        return layout.strides
    return (value.layout or contiguous(value.shape)).strides


def reduce_call(
    reduction: Reduction,
    source: Value,
    axes: tuple[int, ...],
    keepdims: bool,
    result: DType | None,
) -> Reduce:
    """The operation of a reduction. Raises ShapeError."""
    shape = source.shape
    if _size(shape) > MAX_GRID:
        raise ShapeError(f"shape {shape} has {_TOO_MANY}", hint="reduce it in parts")
    if not reduction.empty and any(shape[axis] == 0 for axis in axes):
        raise ShapeError(f"shape {shape} has no elements along axis {', '.join(map(str, axes))}")
    kept = tuple(1 if k in axes else n for k, n in enumerate(shape))
    left = kept if keepdims else tuple(n for k, n in enumerate(shape) if k not in axes)
    dtype = reduction.result(source.dtype) if result is None else result
    return Reduce(reduction, shape, axes, source.dtype, left, dtype, _size(left) * dtype.itemsize)


def _size(shape: Shape) -> int:
    size = 1
    for extent in shape:
        size *= extent
    return size


def _check_size(name: str, shape: Shape) -> None:
    if _size(shape) > MAX_GRID:
        raise ShapeError(
            f"ops.{name}: shape {shape} has {_TOO_MANY}",
            hint="work in smaller parts",
        )


def is_square(operands: Sequence[Any]) -> bool:
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
