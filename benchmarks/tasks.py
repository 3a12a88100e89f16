"""Task: what is computed, in float64 for the check, and by each peer in its own terms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.peers import Build


@dataclass(frozen=True, slots=True)
class Task:
    """One computation over whole float32 arrays.

    ``reference`` takes the inputs as float64 and returns the tuple of outputs; ``moved`` counts the
    arrays that must be read or written; ``atol`` and ``rtol`` are what float32 is allowed to be off.
    """

    name: str
    inputs: int
    outputs: int
    reference: Callable[..., tuple[np.ndarray, ...]]
    builds: Mapping[str, Build]
    rtol: float = 1e-5
    atol: float = 1e-6

    @property
    def moved(self) -> int:
        return self.inputs + self.outputs

    def expected(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        """The outputs in float64, computed in pieces to spare memory."""
        pieces: list[tuple[Any, ...]] = []
        for start in range(0, inputs[0].size, 1 << 20):
            part = [a[start : start + (1 << 20)].astype(np.float64) for a in inputs]
            pieces.append(self.reference(*part[: self.inputs]))
        return [np.concatenate(parts) for parts in zip(*pieces, strict=True)]
