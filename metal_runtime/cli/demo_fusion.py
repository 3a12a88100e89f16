"""The part of `iris demo` that shows an array expression becoming one kernel: nothing enters, its figures leave."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from metal_runtime.buffer import MetalBuffer
    from metal_runtime.graph.explain import Explanation

ELEMENTS = 1 << 22
EXPRESSION = "y = ops.tanh(a) * b + ops.exp(-c * c)"


@dataclass(frozen=True, slots=True)
class Fusion:
    """How the expression was computed, and how long it took in seconds."""

    report: Explanation
    fused: float
    eager: float
    numpy: float
    error: float
    """The greatest difference from NumPy's float64."""


def measure() -> Fusion:
    """Runs the expression fused, one operator after the other, and in NumPy."""
    import numpy as np

    from metal_runtime import api, ops

    rng = np.random.default_rng(0)
    a, b, c = (rng.standard_normal(ELEMENTS, np.float32) for _ in range(3))
    x, y, z = api.asarray(a), api.asarray(b), api.asarray(c)

    def expression() -> MetalBuffer:
        return ops.tanh(x) * y + ops.exp(-z * z)

    def fused() -> None:
        result = expression()
        api.synchronize()
        del result

    def eager() -> None:
        first = one(ops.tanh(x))
        left = one(first * y)
        square = one(one(-z) * z)
        result = one(left + one(ops.exp(square)))
        del result

    def one(result: MetalBuffer) -> MetalBuffer:
        api.synchronize()
        return result

    report = api.explain(expression())
    result = expression().numpy()
    wide = [array.astype(np.float64) for array in (a, b, c)]
    expected = np.tanh(wide[0]) * wide[1] + np.exp(-wide[2] * wide[2])
    begin = time.perf_counter()
    np.tanh(a) * b + np.exp(-c * c)
    numpy = time.perf_counter() - begin
    error = float(np.abs(result - expected).max())
    return Fusion(report, _median(fused), _median(eager), numpy, error)


def _median(work: Callable[[], None]) -> float:
    times = []
    for _ in range(7):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return statistics.median(times[2:])
