"""A product and the strides of its operands in, the launches that compute it out: programs, grids and what is bound.

All of it depends on shapes, strides, dtypes and the device's traits alone. Memory is whatever the caller
counts it by: a graph's plan has the places of its arrays, and is made once; ``run_matmul`` has memory.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from metal_runtime.device.launch_config import Extent
from metal_runtime.device.protocol import DeviceTraits
from metal_runtime.dtype import DType
from metal_runtime.ops import product_groups, product_lines, product_panels, product_tiles
from metal_runtime.ops.layout import Shape
from metal_runtime.ops.product_arguments import (
    A_BATCH,
    B_BATCH,
    BATCH_SIZES,
    COUNTS,
    STRIDES,
)
from metal_runtime.ops.product_shapes import Batches, Sizes, batches, sizes_of
from metal_runtime.ops.products import (
    Product,
    Prologue,
)
from metal_runtime.program import MslProgram

# Packing costs more than it saves up to so many multiplications, or rows where those of b are contiguous and wide enough.
_SMALL = 16 * 16 * 16
_SMALL_CONTIGUOUS = 64 * 64 * 64
_FEW_ROWS = 4
_NARROW = 16  # columns side by side
_SPLIT = 4096  # how deep a block of a split product is
_MANY = 64  # threads beyond which a deep product needs no splitting

Place = TypeVar("Place")
"""What the caller calls a piece of memory."""

Programs = Callable[[Product], MslProgram]


@dataclass(frozen=True, slots=True)
class Side(Generic[Place]):
    """An operand of two or more axes; its first element is where ``bound`` is.

    With a prologue the strides are those that its elements would have in an array of their own, and ``bound`` is
    what the prologue's parameters take.
    """

    shape: Shape
    strides: tuple[int, ...]
    bound: tuple[Place | bytes, ...]
    prologue: Prologue | None = None

    @property
    def transposed(self) -> Side[Place]:
        """The last two axes exchanged."""
        return replace(self, shape=_swapped(self.shape), strides=_swapped(self.strides))


@dataclass(frozen=True, slots=True)
class ProductLaunch(Generic[Place]):
    """One kernel of a product. No ``threadgroup``: one that suits the device."""

    program: MslProgram
    grid: Extent
    arguments: tuple[Place | bytes, ...]
    threadgroup: Extent | None = None
    multiplies: bool = False
    """Whether it is the one that does the work, not one that packs or adds up."""


Choose = Callable[[Product, Sizes, int, tuple[bool, bool], product_tiles.Tile], product_tiles.Tile]
"""A product, its sizes and batch, whether the elements of each operand's rows are neighbours, the default -> the tile."""


class Way(enum.Enum):
    """How a product is computed."""

    DOTS = "dot products"
    COLUMNS = "columns side by side"
    TURNED = "columns side by side of the product of the transposed operands"
    TILES = "tiles of registers over packed panels"
    GROUPS = "threadgroups that share tiles"


def way_of(sizes: Sizes, a: tuple[int, ...], b: tuple[int, ...], traits: DeviceTraits) -> Way:
    """The way for operands of these strides."""
    if not _is_read_in_place(sizes, b, traits):
        return Way.TILES if traits.vector_bytes else Way.GROUPS
    if a[-1] == b[-2] == 1:
        return Way.DOTS
    # A column times a matrix from the left is a row times it from the right; the result lies alike.
    return Way.TURNED if sizes.columns == 1 and a[-2] == 1 else Way.COLUMNS


def _is_read_in_place(sizes: Sizes, b: tuple[int, ...], traits: DeviceTraits) -> bool:
    if 1 in (sizes.rows, sizes.columns):
        return True
    count = sizes.rows * sizes.columns * sizes.depth
    if traits.vector_bytes and b[-1] == 1 and sizes.columns >= _NARROW:
        return count <= _SMALL_CONTIGUOUS or sizes.rows <= _FEW_ROWS
    return count <= _SMALL


def computes(way: Way, sizes: Sizes) -> tuple[bool, bool]:
    """Whether the kernels read each element of ``a``, of ``b``, once, batches that repeat aside: those may be computed there."""
    if way is Way.TILES:
        return True, True
    return (
        sizes.columns == 1 and way in (Way.DOTS, Way.TURNED),
        sizes.rows == 1 and way in (Way.DOTS, Way.COLUMNS),
    )


def product_launches(
    product: Product,
    a: Side[Place],
    b: Side[Place],
    out: Place,
    end: tuple[Place | bytes, ...],
    take: Callable[[int], Place],
    traits: DeviceTraits,
    choose: Choose | None = None,
) -> tuple[ProductLaunch[Place], ...]:
    """What computes at least one element of ``a @ b`` to ``out``, in C order, in the order of launching.

    ``end`` is bound to the epilogue's parameters; ``take`` gives memory of so many bytes that is used by
    these launches alone. A side may have a prologue where ``computes`` says so. ``choose`` says which tile is taken;
    without it, it follows from the registers.

    Raises:
        ShapeError: the shapes do not fit each other.
    """
    sizes = sizes_of(a.shape, b.shape)
    batch = batches(sizes.batch_shape, (a.shape, a.strides), (b.shape, b.strides))
    way = way_of(sizes, a.strides, b.strides, traits)
    if way is not Way.TILES:
        product = replace(product, a_prologue=a.prologue, b_prologue=b.prologue)
    if way is Way.TURNED:
        turned = Sizes(sizes.batch_shape, sizes.columns, sizes.depth, sizes.rows)
        made = _Launches(
            _turned(product), turned, Batches(batch.sizes, batch.b, batch.a), out, end, take
        )
        return made.columns(b.transposed, a.transposed)
    made = _Launches(product, sizes, batch, out, end, take)
    if way is Way.TILES:
        tile = product_tiles.tile_for(traits.vector_bytes, traits.vector_registers, product.held)
        if choose is not None:
            adjacent = a.strides[-1] == 1, b.strides[-1] == 1
            tile = choose(product, sizes, batch.count, adjacent, tile)
        return made.tiles(a, b, tile)
    return {Way.DOTS: made.dots, Way.COLUMNS: made.columns, Way.GROUPS: made.groups}[way](a, b)


@dataclass(frozen=True, slots=True)
class _Panels(Generic[Place]):
    """A packed operand: what packs it, where its panels are, and the strides that count its matrices."""

    launch: ProductLaunch[Place]
    place: Place
    batch: Shape


@dataclass(frozen=True, slots=True)
class _Launches(Generic[Place]):
    """The launches of one product, by each of the ways."""

    product: Product
    sizes: Sizes
    batch: Batches
    out: Place
    end: tuple[Place | bytes, ...]
    take: Callable[[int], Place]

    # --- operands read where they lie ------------------------------------------------------------

    def dots(self, a: Side[Place], b: Side[Place]) -> tuple[ProductLaunch[Place], ...]:
        return self._split(product_lines.dots_program, a, b, 1)

    def columns(self, a: Side[Place], b: Side[Place]) -> tuple[ProductLaunch[Place], ...]:
        adjacent = b.strides[-1] == 1
        wide = self.sizes.columns >= 64 and (adjacent or self.sizes.rows == 1)
        width = 64 if wide else _NARROW
        return self._split(lambda p: product_lines.columns_program(p, width, adjacent), a, b, width)

    def _split(
        self, program: Programs, a: Side[Place], b: Side[Place], width: int
    ) -> tuple[ProductLaunch[Place], ...]:
        """One launch, or two where the depth is split because there would be too few threads."""
        sizes, count = self.sizes, self.batch.count
        across = -(-sizes.columns // width)
        splits = 1
        if sizes.depth > _SPLIT and across * sizes.rows * count < _MANY:
            splits = -(-sizes.depth // _SPLIT)
        grid = (across, sizes.rows, count * splits)
        numbers = self._in_place(a, b, splits)
        if splits == 1:
            arguments = (*a.bound, *b.bound, self.out, *numbers, *self.end)
            return (ProductLaunch(program(self.product), grid, arguments, multiplies=True),)
        nbytes = count * splits * sizes.rows * sizes.columns * self.product.held.itemsize
        parts = self.take(nbytes)
        finish = product_lines.finish_program(self.product.of_panels)
        return (
            ProductLaunch(
                program(self.product.partial),
                grid,
                (*a.bound, *b.bound, parts, *numbers),
                multiplies=True,
            ),
            ProductLaunch(
                finish,
                (sizes.columns, sizes.rows, count),
                (parts, self.out, numbers[0], *self.end),
            ),
        )

    def groups(self, a: Side[Place], b: Side[Place]) -> tuple[ProductLaunch[Place], ...]:
        sizes, side = self.sizes, product_groups.SIDE
        wide, high, _ = product_groups.THREADGROUP
        across, down = -(-sizes.columns // side), -(-sizes.rows // side)
        grid = (across * wide, down * high, self.batch.count)
        arguments = (*a.bound, *b.bound, self.out, *self._in_place(a, b, 1), *self.end)
        program = product_groups.group_program(self.product)
        return (ProductLaunch(program, grid, arguments, product_groups.THREADGROUP, True),)

    def _in_place(self, a: Side[Place], b: Side[Place], splits: int) -> tuple[bytes, ...]:
        sizes = self.sizes
        return (
            COUNTS.packed(sizes.rows, sizes.columns, sizes.depth, splits),
            STRIDES.packed(*a.strides[-2:], *b.strides[-2:]),
            *self._batches(self.batch.a, self.batch.b),
        )

    def _batches(self, a: Shape, b: Shape) -> tuple[bytes, ...]:
        return (BATCH_SIZES.packed(*self.batch.sizes), A_BATCH.packed(*a), B_BATCH.packed(*b))

    # --- operands packed into panels -------------------------------------------------------------

    def tiles(
        self, a: Side[Place], b: Side[Place], tile: product_tiles.Tile
    ) -> tuple[ProductLaunch[Place], ...]:
        sizes = self.sizes
        product = self.product
        rows = self._packed(a.transposed, product.a, self.batch.a, tile.rows)
        columns = self._packed(b, product.b, self.batch.b, tile.columns)
        grid = (
            -(-sizes.columns // tile.block_columns),
            -(-sizes.rows // tile.block_rows),
            self.batch.count,
        )
        counts = product_tiles.COUNTS.packed(sizes.rows, sizes.columns, sizes.depth)
        numbers = (counts, *self._batches(rows.batch, columns.batch))
        arguments = (rows.place, columns.place, self.out, *numbers, *self.end)
        program = product_tiles.tile_program(product.of_panels, tile)
        multiply = ProductLaunch(program, grid, arguments, multiplies=True)
        return (rows.launch, columns.launch, multiply)

    def _packed(self, side: Side[Place], dtype: DType, steps: Shape, width: int) -> _Panels[Place]:
        """The panels of (batch, depth, lines)."""
        held = self.product.held
        depth, lines = side.shape[-2:]
        depth_stride, line_stride = side.strides[-2:]
        own, counted = self.batch.distinct(steps)
        panels, count = -(-lines // width), math.prod(own)
        target = self.take(count * panels * depth * width * held.itemsize)
        grid = (panels, -(-depth // product_panels.DEPTH), count)
        counts = product_panels.COUNTS.packed(lines, depth)
        if side.prologue is not None:
            program = product_panels.computing_program(side.prologue, held, width)
            launch = ProductLaunch(program, grid, (target, counts, *side.bound))
            return _Panels(launch, target, counted)
        numbers = (
            counts,
            product_panels.STRIDES.packed(line_stride, depth_stride),
            BATCH_SIZES.packed(*own),
            A_BATCH.packed(*steps),
        )
        program = product_panels.packing_program(dtype, held, width, line_stride == 1)
        launch = ProductLaunch(program, grid, (*side.bound, target, *numbers))
        return _Panels(launch, target, counted)


def _turned(product: Product) -> Product:
    """The product of the transposed operands in the other order; an epilogue sees rows and columns as before."""
    epilogue = product.epilogue
    if epilogue is not None:
        build = epilogue.build
        epilogue = replace(
            epilogue,
            key=("turned", epilogue.key),
            build=lambda value, row, column, batch: build(value, column, row, batch),
        )
    return replace(
        product,
        a=product.b,
        b=product.a,
        epilogue=epilogue,
        a_prologue=product.b_prologue,
        b_prologue=product.a_prologue,
    )


def _swapped(values: tuple[int, ...]) -> tuple[int, ...]:
    return (*values[:-2], values[-1], values[-2])
