"""The program of the picture: an iterated image on two streams, as frames of a simulation would be, until it is killed."""

from __future__ import annotations

import threading

import numpy as np

from metal_runtime import api


def simulate(size: int) -> None:
    """Smooths a field for ever, looks at its energy every few steps."""
    with api.Stream():
        field = api.asarray(np.random.default_rng(size).random((size, size), dtype=np.float32))
        weights = api.asarray(np.eye(size, dtype=np.float32))
        while True:
            for _ in range(4):
                field = field @ weights
                field = field * 0.98 + 0.01
            float((field * field).sum())


if __name__ == "__main__":
    for size in (256, 384):
        threading.Thread(target=simulate, args=(size,), name=f"simulate {size}").start()
