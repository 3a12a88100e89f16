"""A product and its shape class -> with ``IRIS_TUNE=1`` the tile that was measured fastest for it."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass

from metal_runtime import settings
from metal_runtime.buffer import MetalBuffer
from metal_runtime.device.block import Block
from metal_runtime.device.protocol import Binding
from metal_runtime.dtype import DType
from metal_runtime.ops.compiled import launch_shape, pipeline_of
from metal_runtime.ops.product_launches import Choose, Side, product_launches
from metal_runtime.ops.product_shapes import Sizes
from metal_runtime.ops.product_tiles import Tile, tile_program
from metal_runtime.ops.products import Product
from metal_runtime.runtime.session import Session
from metal_runtime.strided import Shape
from metal_runtime.tune import store
from metal_runtime.tune.measure import best_of, device_seconds, known
from metal_runtime.tune.space import Configuration, size_class

_BLOCKS = (24, 64), (192, 256)  # beside the default's: more threads, and less that is read twice


@dataclass(frozen=True, slots=True)
class Untuned:
    """A product without an epilogue, and what its winner depends on."""

    product: Product
    sizes: Sizes
    batch: int
    adjacent: tuple[bool, bool]
    """Whether the elements of a row of each operand are neighbours."""

    default: Tile

    @property
    def shape_class(self) -> str:
        """``1024x64 @ 64x256``, or ``8 of 64x64 @ 64x64.T``: sizes rounded up to powers of two."""
        sizes = self.sizes
        rows, depth, columns = map(size_class, (sizes.rows, sizes.depth, sizes.columns))
        a = _matrix(rows, depth, self.adjacent[0])
        b = _matrix(depth, columns, self.adjacent[1])
        batch = size_class(self.batch)
        return f"{a} @ {b}" if batch == 1 else f"{batch} of {a} @ {b}"


def tile_chooser(session: Session) -> Choose | None:
    """With ``IRIS_TUNE=1``, what measures tiles on the session's device; else None: they follow from its registers."""
    return functools.partial(_chosen, session) if settings.tuning_library() else None


def _chosen(
    session: Session,
    product: Product,
    sizes: Sizes,
    batch: int,
    adjacent: tuple[bool, bool],
    default: Tile,
) -> Tile:
    kinds = product.a, product.b, product.result
    key = kinds, sizes, batch, adjacent
    found: Tile | None = session.winners.get(key)
    if found is None:
        untuned = Untuned(Product(*kinds, product.result), sizes, batch, adjacent, default)
        found = session.winners[key] = tuned_tile(session, untuned)
    return found


def tuned_tile(session: Session, untuned: Untuned) -> Tile:
    """The fastest tile for the product's class, measured now if it never was."""
    key = _key(session, untuned)
    registers = session.device.traits.vector_registers
    candidates = [_configuration(tile) for tile in tiles(untuned, registers)]
    best = known(key, candidates)
    if best is None:
        session.stream.synchronize()  # a fault of an earlier launch is that one's, not a tile's
        best = best_of(key, candidates, _Race(session, untuned))
    return _tile(best)


class _Race:
    """Times a product of operands of its own, in tiles that are given."""

    def __init__(self, session: Session, untuned: Untuned) -> None:
        sizes, product = untuned.sizes, untuned.product
        self._session, self._untuned = session, untuned
        count = untuned.batch
        shapes = (count, sizes.rows, sizes.depth), (count, sizes.depth, sizes.columns)
        self._operands = [
            _ones(session, shape, dtype)
            for shape, dtype in zip(shapes, (product.a, product.b), strict=True)
        ]
        self._out = session.empty((count, sizes.rows, sizes.columns), product.out)

    def __call__(self, configuration: Configuration, runs: int) -> float:
        """The device's seconds for so many runs. Raises IrisError."""
        session, kept = self._session, list[Block]()

        def take(nbytes: int) -> Binding:
            kept.append(session.take(nbytes))
            return kept[-1].binding

        a, b = (
            _side(buffer, adjacent)
            for buffer, adjacent in zip(self._operands, self._untuned.adjacent, strict=True)
        )
        tile = _tile(configuration)
        launches = product_launches(
            self._untuned.product, a, b, self._out._bound(), (), take, session.device.traits,
            lambda *_: tile,
        )  # fmt: skip
        ready = [
            (pipeline := pipeline_of(session, launch.program),
             launch_shape(session, pipeline, launch.grid, launch.threadgroup), launch.arguments)
            for launch in launches
        ]  # fmt: skip

        def run() -> None:
            for _ in range(runs):
                for launch in ready:
                    session.stream.launch(*launch)

        return device_seconds(session.device, session.stream, run)


def _ones(session: Session, shape: Shape, dtype: DType) -> MetalBuffer:
    buffer = session.empty(shape, dtype)
    buffer._elements()[...] = 1
    return buffer


def _side(buffer: MetalBuffer, adjacent: bool) -> Side[Binding]:
    """The whole buffer; where neighbours are not ``adjacent``, as if its last two axes were exchanged in memory."""
    rows, columns = buffer.shape[1:]
    strides = (rows * columns, columns, 1) if adjacent else (rows * columns, 1, rows)
    return Side(buffer.shape, strides, (buffer._bound(),))


def tiles(untuned: Untuned, registers: int) -> list[Tile]:
    """The default, then tiles of one, two and three vectors side by side; all in blocks of three sizes.

    As many rows as the registers hold, or fewer, so that few of the last tile's are idle.
    """
    default, height = untuned.default, size_class(untuned.sizes.rows)  # the same for all of a class
    vector = default.columns // 2  # elements, as the default has two side by side
    shapes = [(default.rows, default.columns)]
    for across in (1, 2, 3):
        most = (registers - across - 1) // across  # what is left beside a row of each operand
        if most > 0 and across * vector % 4 == 0:
            panels = -(-height // most)
            shapes.append((-(-height // panels), across * vector))
    found = [Tile(*shape, block) for block in (default.block, *_BLOCKS) for shape in shapes]
    return list(dict.fromkeys(found))


def _matrix(rows: int, columns: int, adjacent: bool) -> str:
    return f"{rows}x{columns}" if adjacent else f"{columns}x{rows}.T"


def _configuration(tile: Tile) -> Configuration:
    return {"tile": (tile.rows, tile.columns), "block": tile.block}


def _tile(configuration: Configuration) -> Tile:
    rows, columns = configuration["tile"]
    return Tile(rows, columns, configuration["block"])


def _key(session: Session, untuned: Untuned) -> store.Key:
    traits, product = session.device.traits, untuned.product
    source = tile_program(product, untuned.default).source
    code = hashlib.blake2b(source.encode(), digest_size=16).hexdigest()
    name, machine = f"matmul_{product.name}", store.machine_of(traits)
    return store.Key(name, traits.backend, machine, untuned.shape_class, code)
