"""Two operands of any strides in, their product in memory out: the door of views and of epilogues, without a graph."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from metal_runtime.buffer import MetalBuffer
from metal_runtime.device.block import Block
from metal_runtime.device.protocol import Binding, BufferBinding
from metal_runtime.dtype import DType
from metal_runtime.errors import InternalError
from metal_runtime.ops.compiled import launch_shape, pipeline_of
from metal_runtime.ops.layout import Shape
from metal_runtime.ops.product_launches import Side, product_launches
from metal_runtime.ops.product_shapes import sizes_of
from metal_runtime.ops.product_tuning import tile_chooser
from metal_runtime.ops.products import Epilogue, Product
from metal_runtime.runtime.session import Session
from metal_runtime.strided import contiguous


@dataclass(frozen=True, slots=True)
class Operand:
    """An array of two or more axes in device memory: element (i, j, …) lies at ``offset + i*strides[0] + …``.

    Strides and offset count elements; strides may be negative, or 0 along an axis that repeats.
    """

    memory: BufferBinding
    dtype: DType
    shape: Shape
    strides: tuple[int, ...]
    offset: int = 0

    @property
    def transposed(self) -> Operand:
        """The last two axes exchanged."""
        shape, strides = ((*v[:-2], v[-1], v[-2]) for v in (self.shape, self.strides))
        return replace(self, shape=shape, strides=strides)

    @property
    def side(self) -> Side[Binding]:
        allocation, first = self.memory
        place = (allocation, first + self.offset * self.dtype.itemsize)
        return Side(self.shape, self.strides, (place,))


def operand_of(buffer: MetalBuffer) -> Operand:
    """A whole buffer in C order. Raises ClosedBufferError."""
    return Operand(buffer._bound(), buffer.dtype, buffer.shape, contiguous(buffer.shape).strides)


def run_matmul(
    session: Session,
    a: Operand,
    b: Operand,
    out: MetalBuffer,
    result: DType,
    epilogue: Epilogue | None = None,
    bindings: Sequence[Binding] = (),
) -> None:
    """Writes ``epilogue(a @ b)`` to ``out``, which is contiguous, shares no memory with the operands,
    and has the product's number of elements.

    ``result`` is the dtype of the product (see Product); ``bindings`` are those of the epilogue's parameters.

    Raises:
        ShapeError: the shapes do not fit each other.
        ClosedBufferError: ``out`` is closed.
    """
    sizes = sizes_of(a.shape, b.shape)
    if out.size != math.prod(sizes.shape):
        raise InternalError(f"a product of shape {sizes.shape} for an array of {out.size} elements")
    if not out.size:
        return
    kept: list[Block] = []

    def take(nbytes: int) -> Binding:
        kept.append(session.take(nbytes))
        return kept[-1].binding

    product = Product(a.dtype, b.dtype, result, out.dtype, epilogue)
    traits = session.device.traits
    for launch in product_launches(
        product, a.side, b.side, out._bound(), tuple(bindings), take, traits, tile_chooser(session)
    ):
        pipeline = pipeline_of(session, launch.program)
        config = launch_shape(session, pipeline, launch.grid, launch.threadgroup)
        session.launch(pipeline, config, launch.arguments)
