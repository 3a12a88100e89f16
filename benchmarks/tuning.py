"""A kernel with tile= beside the same kernel by hand: what its configuration wins, and what choosing it costs a launch."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from benchmarks.goals import Figure
from benchmarks.measure import Contender, Timing, check, interleaved, per_call
from metal_runtime import api, kernel, metal, ops
from metal_runtime.kernel import KernelFunction
from metal_runtime.tune import store

SIDE = 2048
BLOCKS = (1, 2, 4, 8, 16, 32)
NAME = "bench_transpose"
ROWS, DEPTH, COLUMNS = 8, 1024, 1024  # of a product of which the heuristic knows too little


def figures(rounds: int, progress: Callable[[str], None]) -> list[Figure]:
    """Measures anew, then the winner beside every configuration by hand."""
    progress("tuning: a transpose, and the tiles of a product")
    directory = store.directory
    with tempfile.TemporaryDirectory() as folder, _tuning("1"):
        store.directory = lambda: Path(folder)  # the user's winners stay
        try:
            return [*_transposes(rounds), _overhead(), _product(rounds)]
        finally:
            store.directory = directory


def _transposes(rounds: int) -> list[Figure]:
    x = np.random.default_rng().standard_normal((SIDE, SIDE), np.float32)
    source, out = api.asarray(x), api.empty((SIDE, SIDE))
    by_hand = [_contender(_transpose(b), source, out, str(b), lambda c, b=b: b) for b in BLOCKS]
    tuned = _contender(_transpose(1, tile=True), source, out, "tuned", lambda c: c["BLOCK"])
    for contender in (*by_hand, tuned):
        check(contender, [x.T], rtol=0, atol=0)
    times = {t.peer: t for t in interleaved([*by_hand, tuned], rounds)}
    mine, default = times.pop("tuned"), times["1"]
    best = min(times.values(), key=lambda t: t.best)
    return [
        _ratio(f"transpose {SIDE}^2: BLOCK=1, the default / tuned", default, mine, 1.5),
        _ratio(f"the same: BLOCK={best.peer}, the best by hand / tuned", best, mine, 0.9),
    ]


def _ratio(name: str, other: Timing, mine: Timing, limit: float) -> Figure:
    note = f"{other.best * 1e3:.3g} / {mine.best * 1e3:.3g} ms"
    return Figure(name, other.best / mine.best, "x", limit, at_least=True, note=note)


def _transpose(block: int, tile: bool = False) -> KernelFunction:
    BLOCK = block

    @kernel(
        name=NAME if tile else f"{NAME}_{block}",
        param_types={"x": "device const float*", "out": "device float*", "n": "uint"},
        tile={"BLOCK": BLOCKS} if tile else None,
    )
    def transpose(x, out, n):
        left, top = metal.thread_id_x() * metal.uint(BLOCK), metal.thread_id_y() * metal.uint(BLOCK)
        for i in range(BLOCK):
            for j in range(BLOCK):
                column, row = left + metal.uint(i), top + metal.uint(j)
                if column < n and row < n:
                    out[column * n + row] = x[row * n + column]

    return transpose


def _contender(
    transpose: KernelFunction,
    source: api.MetalBuffer,
    out: api.MetalBuffer,
    name: str,
    block: Callable[[dict[str, int]], int],
) -> Contender:
    tuned = name == "tuned"

    def threads(configuration: dict[str, int]) -> tuple[int, int]:
        count = -(-SIDE // block(configuration))
        return count, count

    def run() -> None:
        transpose(source, out, SIDE, threads=threads if tuned else threads({}))
        api.synchronize()

    return Contender("transpose", name, run, lambda: [api.to_numpy(out)])


def _overhead() -> Figure:
    """Of a launch of one thread's work, the winner known."""
    source, out = api.zeros((8, 8)), api.empty((8, 8))
    plain, tuned = _transpose(1), _transpose(1, tile=True)

    def best(launch: KernelFunction) -> float:
        return min(per_call(lambda: launch(source, out, 8, threads=(8, 8)), calls=2000))

    pairs = [(best(tuned), best(plain)) for _ in range(3)]
    extra = min(a for a, _ in pairs) - min(b for _, b in pairs)
    return Figure("a launch with tile= above one without", extra * 1e6, "µs", 2)


def _product(rounds: int) -> Figure:
    rng = np.random.default_rng()
    a, b = (rng.standard_normal(shape, np.float32) for shape in ((ROWS, DEPTH), (DEPTH, COLUMNS)))
    x, y, out = api.asarray(a), api.asarray(b), api.empty((ROWS, COLUMNS))

    def contender(setting: str) -> Contender:
        def run() -> None:
            with _tuning(setting):
                ops.matmul(x, y, out=out)
                api.synchronize()

        return Contender("product", setting, run, lambda: [api.to_numpy(out)])

    contenders = [contender("0"), contender("1")]
    for each in contenders:
        check(each, [a.astype(np.float64) @ b], rtol=1e-4, atol=1e-3)
    default, mine = interleaved(contenders, rounds)
    name = f"matmul {ROWS}x{DEPTH} @ {DEPTH}x{COLUMNS}: the default / IRIS_TUNE=1"
    return _ratio(name, default, mine, 1)


@contextmanager
def _tuning(setting: str) -> Iterator[None]:
    before = os.environ.get("IRIS_TUNE")
    os.environ["IRIS_TUNE"] = setting
    try:
        yield
    finally:
        if before is None:
            del os.environ["IRIS_TUNE"]
        else:
            os.environ["IRIS_TUNE"] = before
