"""The devices that every conformance test runs on: each backend that can run here, and Metal over the double elsewhere than on a Mac."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from metal_runtime.device.block import Block
from metal_runtime.device.launch_config import LaunchConfig
from metal_runtime.device.pool import Pool
from metal_runtime.device.protocol import Device, Pipeline
from metal_runtime.device.registry import open_device
from metal_runtime.msl.signature import read_program
from tests.places import PLACES, place

HEADER = "#include <metal_stdlib>\nusing namespace metal;\n"


@dataclass
class Bench:
    """A device with a pool, and the few steps from MSL text and arrays to a launch."""

    name: str
    device: Device
    pool: Pool

    def pipeline(self, source: str, name: str) -> Pipeline:
        return self.device.load(read_program(HEADER + source)).pipeline(name)

    def put(self, array: np.ndarray) -> Block:
        block = self.pool.take(array.nbytes)
        self.view(block, array.dtype, array.shape)[...] = array
        return block

    def view(self, block: Block, dtype: Any, shape: tuple[int, ...]) -> np.ndarray:
        dtype = np.dtype(dtype)
        nbytes = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        return np.asarray(block)[:nbytes].view(dtype).reshape(shape)

    def launch(
        self,
        pipeline: Pipeline,
        grid: tuple[int, int, int],
        bindings: Sequence[Any],
        threadgroup: tuple[int, int, int] = (64, 1, 1),
    ) -> None:
        bound = [b.binding if isinstance(b, Block) else b for b in bindings]
        self.device.stream.launch(pipeline, LaunchConfig(grid, threadgroup), bound)
        self.device.stream.synchronize()


@pytest.fixture(scope="module", params=PLACES)
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    # A device that does not open fails the suite; a skip would report green.
    with place(request.param) as name:
        device = open_device(name)
        pool = Pool(device.allocator, synchronize=device.synchronize)
        yield Bench(name, device, pool)
        pool.close()
        device.close()
        device.close()


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng()
