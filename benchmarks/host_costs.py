"""What iris costs besides the kernel itself: launches, compiling, the disk cache, importing."""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.goals import Figure
from benchmarks.measure import per_call
from metal_runtime import api
from metal_runtime.decorator import kernel, metal
from metal_runtime.recording.recorder import RECORDER

REPOSITORY = Path(__file__).parent.parent
Progress = Callable[[str], None]


@kernel(param_types={"a": "device const float*", "out": "device float*", "n": "uint"})
def increment(a, out, n):
    i = metal.thread_id()
    if i < n:
        out[i] = a[i] + 1.0


def figures(installed: set[str], progress: Progress, processes: int = 7) -> list[Figure]:
    """All host costs; ``processes`` is how many new processes each cold figure is the median of."""
    progress("host costs: warm launches of one element")
    found = _warm_launches(installed)
    progress("host costs: recording")
    found += _recording()
    progress("host costs: first launches in new processes")
    found += _first_launches(processes)
    progress("host costs: importing in new processes")
    found += _imports(processes)
    return found


def _warm_launches(installed: set[str]) -> list[Figure]:
    one = np.ones(1, np.float32)
    a, out = api.asarray(one), api.asarray(one)

    def iris() -> None:
        increment(a, out, 1, threads=1)

    def iris_synchronized() -> None:
        increment(a, out, 1, threads=1)
        api.synchronize()

    found = [
        _launch("warm launch of 1 element, iris", iris, limit=10),
        _launch("the same and synchronize()", iris_synchronized),
    ]
    for peer, make in _PEER_LAUNCHES.items():
        if peer in installed:
            found.append(_launch(f"the same, {peer}", make(one)))
    return found


def _recording() -> list[Figure]:
    """What a launch costs more while events are recorded, and while an inspector polls twice a second."""
    one = np.ones(1, np.float32)
    a, out = api.asarray(one), api.asarray(one)
    times: dict[str, list[float]] = {"off": [], "on": [], "attached": []}
    for _ in range(7):  # interleaved: a slow moment of the machine hits all alike
        for state, batches in times.items():
            with _state(state):
                batches += per_call(lambda: increment(a, out, 1, threads=1), 1000, 3)
    off = min(times["off"])

    def more(state: str) -> float:
        return (min(times[state]) - off) * 1e6

    def median(state: str) -> str:
        whole = statistics.median(times[state]) / statistics.median(times["off"])
        return f"best batches; by medians, a launch takes {whole:.2f} times as long"

    glance = min(per_call(lambda: RECORDER.on, 10_000)) * 1e6
    return [
        Figure("a launch asks whether it is recorded", glance, "µs", 0.1, note="with the call of a function"),
        Figure("a launch more, recorder on", more("on"), "µs", 1, note=median("on")),
        Figure("a launch more, inspector attached", more("attached"), "µs", note=median("attached")),
    ]  # fmt: skip


@contextlib.contextmanager
def _state(state: str) -> Iterator[None]:
    """Within the block nobody records, a profile does, or an inspector in another process."""
    if state == "on":
        RECORDER.start()
    looking = None
    if state == "attached":
        looking = subprocess.Popen(
            [sys.executable, "-c", _LOOK, str(os.getpid())], cwd=REPOSITORY, stdout=subprocess.PIPE
        )
        assert looking.stdout is not None
        looking.stdout.readline()
    try:
        yield
    finally:
        if state == "on":
            RECORDER.stop()
        if looking is not None:
            looking.kill()
            looking.communicate()


_LOOK = """if True:
    import sys, time
    from metal_runtime.inspect.attachment import attach
    attachment = attach(int(sys.argv[1]))
    print(flush=True)
    while not attachment.ended:
        attachment.poll()
        time.sleep(0.5)
"""


def _launch(name: str, run: Callable[[], object], limit: float | None = None) -> Figure:
    batches = per_call(run, calls=2000)
    best = f"best {min(batches) * 1e6:.2f} µs"
    return Figure(name, statistics.median(batches) * 1e6, "µs", limit, note=best)


def _numpy_launch(one: np.ndarray) -> Callable[[], object]:
    out = np.empty_like(one)
    return lambda: np.add(one, 1, out=out)


def _torch_launch(one: np.ndarray) -> Callable[[], object]:
    import torch

    a, out = torch.from_numpy(one), torch.empty(1)
    return lambda: torch.add(a, 1, out=out)


def _numba_launch(one: np.ndarray) -> Callable[[], object]:
    import numba

    @numba.njit
    def add(a: Any, out: Any) -> None:
        for i in range(a.size):
            out[i] = a[i] + np.float32(1)

    out = np.empty_like(one)
    return lambda: add(one, out)


def _jax_launch(one: np.ndarray) -> Callable[[], object]:
    import jax

    a, function = jax.device_put(one), jax.jit(lambda x: x + 1)
    return lambda: jax.block_until_ready(function(a))


_PEER_LAUNCHES = {
    "numpy": _numpy_launch,
    "torch": _torch_launch,
    "numba": _numba_launch,
    "jax": _jax_launch,
}


def _first_launches(processes: int) -> list[Figure]:
    cold, cached = [], []
    for _ in range(processes):
        with tempfile.TemporaryDirectory() as folder:
            cold.append(_first_launch(folder))
            cached.append(_first_launch(folder))

    def median(runs: list[dict[str, float]], *parts: str) -> float:
        return statistics.median(sum(run[p] for p in parts) for run in runs) * 1e3

    how = "decoration to the end of its first launch"
    return [
        Figure("cold compile of a small kernel", median(cold, "second"), "ms", 150, note=how),
        Figure("the same kernel from the disk cache", median(cached, "second"), "ms", 5, note=how),
        Figure("first kernel of a process, cached", median(cached, "first"), "ms",
               note="reads our headers for the key"),
        Figure("modules imported on demand", median(cached, "import"), "ms", note="before that"),
        Figure("opening the device, cached", median(cached, "open"), "ms", note="before that"),
        Figure("all three, empty cache", median(cold, "import", "open", "first"), "ms",
               note="compiles the native runtime too"),
    ]  # fmt: skip


def _first_launch(cache: str) -> dict[str, float]:
    environment = os.environ | {"IRIS_CACHE_DIR": cache}
    command = [sys.executable, "-m", "benchmarks.first_launch"]
    done = subprocess.run(
        command, env=environment, cwd=REPOSITORY, check=True, capture_output=True, text=True
    )
    result: dict[str, float] = json.loads(done.stdout)
    return result


def _imports(processes: int) -> list[Figure]:
    def median(module: str) -> float:
        text = (
            f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
        )
        runs = [
            float(
                subprocess.run(
                    [sys.executable, "-c", text],
                    cwd=REPOSITORY,
                    check=True,
                    capture_output=True,
                    text=True,
                ).stdout
            )
            for _ in range(processes)
        ]
        return statistics.median(runs) * 1e3

    ours = median("metal_runtime")
    return [Figure("import metal_runtime", ours, "ms", 150, note=f"numpy {median('numpy'):.0f} ms")]
