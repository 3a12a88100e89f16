"""A product and its shape class -> with ``IRIS_TUNE=1`` the tile that was measured fastest for it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from metal_runtime.ops.product_shapes import Sizes
from metal_runtime.ops.product_tiles import Tile, tile_program
from metal_runtime.ops.products import Product
from metal_runtime.runtime.session import Session
from metal_runtime.tune import store
from metal_runtime.tune.measure import best_of, known
from metal_runtime.tune.space import Configuration, size_class

_BLOCKS = (24, 64), (192, 256)  # beside the default's: more threads, and less that is read twice

Seconds = Callable[[Tile, int], float]
"""Runs the product in a tile so many times, and gives the device's seconds. Raises IrisError."""


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


def tuned_tile(session: Session, untuned: Untuned, seconds: Seconds | None) -> Tile:
    """The fastest tile for the product's class, measured now if it never was; without ``seconds``, the default then."""
    key = _key(session, untuned)
    registers = session.device.traits.vector_registers
    candidates = [_configuration(tile) for tile in tiles(untuned, registers)]
    if seconds is None:
        best = known(key, candidates)
        return untuned.default if best is None else _tile(best)
    session.stream.synchronize()  # a fault of an earlier launch is that one's, not a tile's
    return _tile(best_of(key, candidates, lambda c, runs: seconds(_tile(c), runs)))


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
