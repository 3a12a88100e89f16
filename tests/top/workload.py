"""A program to look at: four threads that compute with arrays, one of which keeps all it makes. Runs until it is killed."""

from __future__ import annotations

import sys
import threading
import time

from metal_runtime import api

KEPT: list[object] = []


def compute(number: int, until: float) -> None:
    """Sums of products; thread 0 keeps the arrays."""
    with api.Stream():
        x = api.asarray([float(number)] * 65536)
        while time.monotonic() < until:
            y = (x * 2.0 + 1.0) * x
            y.numpy()
            if number == 0:
                KEPT.append(y)
            time.sleep(0.01)


def main(seconds: float) -> None:
    """Starts the threads and waits for them."""
    until = time.monotonic() + seconds
    threads = [
        threading.Thread(target=compute, args=(n, until), name=f"worker-{n}") for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0)
