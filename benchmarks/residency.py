"""Fresh arrays on every launch beside resident, pooled buffers: what staying on the device wins."""

from __future__ import annotations

import statistics
from collections.abc import Callable

import numpy as np

from benchmarks.elementwise import add
from benchmarks.goals import Figure
from benchmarks.measure import Contender, check, interleaved
from metal_runtime import api

N = 1_000_000
LAUNCHES = 10  # in one timed run


def figures(rounds: int) -> list[Figure]:
    """Per launch of a + b over a million elements, four ways; checked first."""
    rng = np.random.default_rng()
    a, b = (rng.standard_normal(N, np.float32) for _ in range(2))
    contenders = [
        _resident(a, b),
        _fresh(a, b, pooled=False),
        _fresh(a, b, pooled=True),
        _numpy(a, b),
    ]
    for contender in contenders:
        check(contender, [a.astype(np.float64) + b], rtol=1e-5, atol=1e-6)
    resident, fresh, pooled, numpy_arguments = (
        statistics.median(t.rounds) / LAUNCHES for t in interleaved(contenders, rounds)
    )
    unit = "µs a launch"
    return [
        Figure("resident, pooled buffers", resident * 1e6, unit),
        Figure("fresh arrays, memory from the system", fresh * 1e6, unit, note=_HOW),
        Figure("fresh arrays, memory from the pool", pooled * 1e6, unit, note=_HOW),
        Figure(
            "NumPy arrays as arguments", numpy_arguments * 1e6, unit, note="uploaded, written back"
        ),
        Figure("fresh / resident, without the pool", fresh / resident, "x", 10, at_least=True),
        Figure("fresh / resident, with the pool", pooled / resident, "x"),
    ]


_HOW = "asarray, launch, to_numpy"


def _repeated(launch: Callable[[], object]) -> Callable[[], None]:
    def run() -> None:
        for _ in range(LAUNCHES):
            launch()
        api.synchronize()

    return run


def _resident(a: np.ndarray, b: np.ndarray) -> Contender:
    a_buf, b_buf = api.asarray(a, persistent=True), api.asarray(b, persistent=True)
    out = api.empty_like(a_buf, persistent=True)
    run = _repeated(lambda: add(a_buf, b_buf, out, N, threads=N))
    return Contender("residency", "resident", run, lambda: [api.to_numpy(out)])


def _fresh(a: np.ndarray, b: np.ndarray, pooled: bool) -> Contender:
    last: list[np.ndarray] = []

    def launch() -> None:
        a_buf, b_buf = api.asarray(a, persistent=False), api.asarray(b, persistent=False)
        out = api.empty_like(a_buf, persistent=False)
        add(a_buf, b_buf, out, N, threads=N)
        last[:] = [api.to_numpy(out)]
        for buffer in (a_buf, b_buf, out):
            buffer.close()
        if not pooled:
            api.trim()

    return Contender("residency", "fresh", _repeated(launch), lambda: last)


def _numpy(a: np.ndarray, b: np.ndarray) -> Contender:
    out = np.full_like(a, np.nan)
    run = _repeated(lambda: add(a, b, out, N, threads=N))
    return Contender("residency", "numpy arguments", run, lambda: [out])
