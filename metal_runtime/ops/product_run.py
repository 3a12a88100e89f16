"""Two operands of any strides in, the launches that write their product out: the door of views and of fused graphs."""

from __future__ import annotations

import functools
import math
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from metal_runtime import settings
from metal_runtime.buffer import MetalBuffer
from metal_runtime.device.launch_config import Extent
from metal_runtime.device.protocol import Binding, BufferBinding
from metal_runtime.dtype import DType
from metal_runtime.errors import InternalError
from metal_runtime.ops import product_groups
from metal_runtime.ops.compiled import launch_shape, pipeline_of
from metal_runtime.ops.layout import Shape
from metal_runtime.ops.product_groups import group_program
from metal_runtime.ops.product_lines import columns_program, dots_program, finish_program
from metal_runtime.ops.product_shapes import Batches, Sizes, batches, sizes_of
from metal_runtime.ops.product_tiles import DEPTH, Tile, packing_program, tile_for, tile_program
from metal_runtime.ops.product_tuning import Untuned, tuned_tile
from metal_runtime.ops.products import Epilogue, Product
from metal_runtime.program import MslProgram
from metal_runtime.runtime.session import Session
from metal_runtime.strided import contiguous
from metal_runtime.tune.measure import device_seconds

_SMALL = 16 * 16 * 16  # products; below it packing costs more than it saves
_SPLIT = 4096  # how deep a block of a split product is
_MANY = 64  # threads beyond which a deep product needs no splitting


Programs = Callable[[Product], MslProgram]
Launch = Callable[[MslProgram, Extent, Sequence[Binding], Extent | None], None]
"""A kernel, its grid, what is bound to it, and its threadgroup."""


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
        return replace(self, shape=_swapped(self.shape), strides=_swapped(self.strides))


def _swapped(values: tuple[int, ...]) -> tuple[int, ...]:
    return (*values[:-2], values[-1], values[-2])


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
    if out.size:
        product = Product(a.dtype, b.dtype, result, out.dtype, epilogue)
        run_product(session, product, a, b, out._bound(), bindings)


def run_product(
    session: Session,
    product: Product,
    a: Operand,
    b: Operand,
    out: BufferBinding,
    bindings: Sequence[Binding] = (),
    launch: Launch | None = None,
) -> None:
    """The same for memory: at least one element, in C order. ``launch`` is what is done with each kernel."""
    sizes = sizes_of(a.shape, b.shape)
    batch = batches(sizes.batch_shape, (a.shape, a.strides), (b.shape, b.strides))
    run = _Run(session, product, sizes, batch, tuple(bindings), launch or _launch_on(session))
    run(a, b, out, measures=launch is None)


def _launch_on(session: Session) -> Launch:
    def launch(
        program: MslProgram, grid: Extent, bindings: Sequence[Binding], threadgroup: Extent | None
    ) -> None:
        pipeline = pipeline_of(session, program)
        config = launch_shape(session, pipeline, grid, threadgroup)
        session.launch(pipeline, config, bindings)

    return launch


@dataclass(frozen=True, slots=True)
class _Run:
    """One product on one session: which kernels, and their launches."""

    session: Session
    product: Product
    sizes: Sizes
    batch: Batches
    bindings: tuple[Binding, ...]
    launch: Launch

    def __call__(self, a: Operand, b: Operand, out: BufferBinding, measures: bool) -> None:
        sizes, traits = self.sizes, self.session.device.traits
        small = sizes.rows * sizes.columns * sizes.depth <= _SMALL
        if 1 in (sizes.rows, sizes.columns) or small:
            self._lines(a, b, out)
        elif traits.vector_bytes:
            self._tiles(a, b, out, self._tile(a, b, measures))
        else:
            self._groups(a, b, out)

    # --- operands read where they lie ------------------------------------------------------------

    def _lines(self, a: Operand, b: Operand, out: BufferBinding) -> None:
        """Vectors and small matrices."""
        sizes = self.sizes
        if a.strides[-1] == b.strides[-2] == 1:
            self._split(dots_program, a, b, out, 1)
            return
        if sizes.columns == 1 and a.strides[-2] == 1:
            # A column times a matrix from the left is a row times it from the right; the result lies alike.
            turned = self._turned()
            turned._columns(b.transposed, a.transposed, out)
            return
        self._columns(a, b, out)

    def _turned(self) -> _Run:
        sizes, batch = self.sizes, self.batch
        return replace(
            self,
            product=_turned_product(self.product),
            sizes=Sizes(sizes.batch_shape, sizes.columns, sizes.depth, sizes.rows),
            batch=Batches(batch.sizes, batch.b, batch.a),
        )

    def _columns(self, a: Operand, b: Operand, out: BufferBinding) -> None:
        width = 64 if self.sizes.rows == 1 and self.sizes.columns >= 64 else 16
        adjacent = b.strides[-1] == 1
        self._split(lambda p: columns_program(p, width, adjacent), a, b, out, width)

    def _split(
        self, program: Programs, a: Operand, b: Operand, out: BufferBinding, width: int
    ) -> None:
        """One launch, or two where the depth is split because there would be too few threads."""
        sizes, count = self.sizes, self.batch.count
        across = -(-sizes.columns // width)
        splits = 1
        if sizes.depth > _SPLIT and across * sizes.rows * count < _MANY:
            splits = -(-sizes.depth // _SPLIT)
        block = -(-sizes.depth // splits)
        grid = (across, sizes.rows, count * splits)
        counts = _uints(sizes.rows, sizes.columns, sizes.depth, block, splits)
        numbers = (*counts, *_strides(a, b), *self._batch_numbers(self.batch.a, self.batch.b))
        if splits == 1:
            self._launch(
                program(self.product), grid, (a.memory, b.memory, out, *numbers, *self.bindings)
            )
            return
        parts = self.session.empty((count, splits, sizes.rows, sizes.columns), self.product.held)
        memory = parts._bound()
        self._launch(program(self.product.partial), grid, (a.memory, b.memory, memory, *numbers))
        counts = _uints(sizes.rows, sizes.columns, splits)
        grid = (sizes.columns, sizes.rows, count)
        self._launch(finish_program(self.product), grid, (memory, out, *counts, *self.bindings))

    def _groups(self, a: Operand, b: Operand, out: BufferBinding) -> None:
        """Threadgroups that share tiles."""
        sizes, side = self.sizes, product_groups.SIDE
        wide, high, _ = product_groups.THREADGROUP
        grid = (
            -(-sizes.columns // side) * wide,
            -(-sizes.rows // side) * high,
            self.batch.count,
        )
        numbers = (
            *_uints(sizes.rows, sizes.columns, sizes.depth),
            *_strides(a, b),
            *self._batch_numbers(self.batch.a, self.batch.b),
        )
        bindings = (a.memory, b.memory, out, *numbers, *self.bindings)
        self._launch(group_program(self.product), grid, bindings, product_groups.THREADGROUP)

    # --- operands packed into panels -------------------------------------------------------------

    def _tile(self, a: Operand, b: Operand, measures: bool) -> Tile:
        """By the device's registers; with ``IRIS_TUNE=1`` the fastest of some."""
        traits, product = self.session.device.traits, self.product
        default = tile_for(traits.vector_bytes, traits.vector_registers, product.held)
        if not settings.tuning_library():
            return default
        adjacent = a.strides[-1] == 1, b.strides[-1] == 1
        kinds = product.a, product.b, product.result
        key = kinds, self.sizes, adjacent
        found: Tile | None = self.session.winners.get(key)
        if found is None:
            bare = replace(self, product=Product(*kinds, product.result), bindings=())
            untuned = Untuned(bare.product, self.sizes, self.batch.count, adjacent, default)
            seconds = functools.partial(bare._seconds, a, b) if measures else None
            found = tuned_tile(self.session, untuned, seconds)
            if measures:
                self.session.winners[key] = found
        return found

    def _seconds(self, a: Operand, b: Operand, tile: Tile, runs: int) -> float:
        """The device's time of so many runs, whose result nobody reads."""
        session, sizes = self.session, self.sizes
        out = session.empty((self.batch.count, sizes.rows, sizes.columns), self.product.out)

        def run() -> None:
            for _ in range(runs):
                self._tiles(a, b, out._bound(), tile)

        return device_seconds(session.device, session.stream, run)

    def _tiles(self, a: Operand, b: Operand, out: BufferBinding, tile: Tile) -> None:
        sizes = self.sizes
        rows, a_batch = self._packed(a.transposed, self.batch.a, tile.rows)
        columns, b_batch = self._packed(b, self.batch.b, tile.columns)
        grid = (
            -(-sizes.columns // tile.block_columns),
            -(-sizes.rows // tile.block_rows),
            self.batch.count,
        )
        numbers = (
            *_uints(sizes.rows, sizes.columns, sizes.depth),
            *self._batch_numbers(a_batch, b_batch),
        )
        bindings = (rows._bound(), columns._bound(), out, *numbers, *self.bindings)
        self._launch(tile_program(self.product, tile), grid, bindings)

    def _packed(self, operand: Operand, steps: Shape, width: int) -> tuple[MetalBuffer, Shape]:
        """The panels of (batch, depth, lines), and the strides that count its matrices."""
        held = self.product.held
        depth, lines = operand.shape[-2:]
        depth_stride, line_stride = operand.strides[-2:]
        own, counted = self.batch.distinct(steps)
        panels = -(-lines // width)
        count = math.prod(own)
        target = self.session.empty((count, panels, depth, width), held)
        numbers = (
            *_uints(lines, depth),
            *_longs(operand.offset, line_stride, depth_stride),
            struct.pack("=4I", *own),
            struct.pack("=4q", *steps),
        )
        program = packing_program(operand.dtype, held, width, line_stride == 1)
        grid = (panels, -(-depth // DEPTH), count)
        self._launch(program, grid, (operand.memory, target._bound(), *numbers))
        return target, counted

    # --- launches --------------------------------------------------------------------------------

    def _batch_numbers(self, a: Shape, b: Shape) -> tuple[bytes, ...]:
        packed = (struct.pack("=4q", *strides) for strides in (a, b))
        return (struct.pack("=4I", *self.batch.sizes), *packed)

    def _launch(
        self,
        program: MslProgram,
        grid: Extent,
        bindings: Sequence[Binding],
        threadgroup: Extent | None = None,
    ) -> None:
        self.launch(program, grid, bindings, threadgroup)


def _turned_product(product: Product) -> Product:
    """The product of the transposed operands in the other order; an epilogue sees rows and columns as before."""
    epilogue = product.epilogue
    if epilogue is not None:
        build = epilogue.build
        epilogue = replace(
            epilogue,
            key=("turned", epilogue.key),
            build=lambda value, row, column, batch: build(value, column, row, batch),
        )
    return replace(product, a=product.b, b=product.a, epilogue=epilogue)


def _strides(a: Operand, b: Operand) -> tuple[bytes, ...]:
    return _longs(a.offset, *a.strides[-2:], b.offset, *b.strides[-2:])


def _uints(*values: int) -> tuple[bytes, ...]:
    return tuple(struct.pack("=I", value) for value in values)


def _longs(*values: int) -> tuple[bytes, ...]:
    return tuple(struct.pack("=q", value) for value in values)
