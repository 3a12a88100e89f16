"""What this machine is: its processor, its threads, and the copy that bounds every memory-bound task."""

from __future__ import annotations

import itertools
import platform
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from benchmarks.measure import Contender
from metal_runtime.settings import worker_threads


def processor() -> str:
    """The processor's name, where the system tells it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def copy(n: int) -> Contender:
    """A copy of n float32 on all threads: 8 bytes an element are read and written."""
    source, target = np.ones(n, np.float32), np.zeros(n, np.float32)
    threads = worker_threads()
    bounds = np.linspace(0, n, threads + 1).astype(int)
    pieces = [slice(a, b) for a, b in itertools.pairwise(bounds)]
    pool = ThreadPoolExecutor(threads)

    def run() -> None:
        list(pool.map(lambda p: np.copyto(target[p], source[p]), pieces))

    return Contender("copy", "floor", run, lambda: [target])
