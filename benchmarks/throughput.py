"""Tasks and their input arrays enter; checked, interleaved timings of every installed peer leave."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks import black_scholes, elementwise, machine
from benchmarks.goals import Figure
from benchmarks.measure import Timing, check, interleaved
from benchmarks.tasks import Task

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Throughput:
    """The timings of one family of tasks, and the copy that was timed in the same rounds."""

    elements: int
    tasks: tuple[Task, ...]
    timings: list[Timing]
    copy: Timing
    left_out: dict[str, str]
    """Contender -> why it did not run."""

    def of(self, task: Task) -> list[Timing]:
        """The task's timings, fastest median first."""
        return sorted((t for t in self.timings if t.task == task.name), key=lambda t: t.median)

    def floor(self, task: Task) -> float:
        """Seconds: the bytes that the task must move at the bandwidth of the copy."""
        return self.copy.median * task.moved / 2


def measure(installed: set[str], n: int, rounds: int, progress: Progress) -> list[Throughput]:
    """Both families; ``installed`` are the peers to take."""
    families = (
        (elementwise.TASKS, elementwise.inputs),
        (black_scholes.TASKS, black_scholes.inputs),
    )
    return [_family(tasks, make(n), installed, rounds, progress) for tasks, make in families]


def _family(
    tasks: tuple[Task, ...],
    inputs: list[np.ndarray],
    installed: set[str],
    rounds: int,
    progress: Progress,
) -> Throughput:
    contenders, left_out = [], {}
    for task in tasks:
        expected = task.expected(inputs)
        for peer, build in task.builds.items():
            if peer not in installed:
                continue
            progress(f"{task.name}: building and checking {peer}")
            contender = build(task.name, peer, inputs[: task.inputs], task.outputs)
            try:
                check(contender, expected, task.rtol, task.atol)
            except Exception as fault:
                if peer.startswith("iris"):
                    raise  # our own fault ends the run; a peer's is reported in its row
                left_out[f"{task.name}, {peer}"] = f"{type(fault).__name__}: {str(fault)[:200]}"
                continue
            contenders.append(contender)
    contenders.append(machine.copy(inputs[0].size))
    done = [0]

    def on_round() -> None:
        done[0] += 1
        progress(f"{', '.join(t.name for t in tasks)}: round {done[0]} of {rounds}")

    timings = interleaved(contenders, rounds, on_round)
    del contenders
    gc.collect()
    return Throughput(inputs[0].size, tasks, timings[:-1], timings[-1], left_out)


def figures(results: Sequence[Throughput]) -> list[Figure]:
    """The goals of the elementwise family, as ratios of medians."""
    timings = {(t.task, t.peer): t for r in results for t in r.timings}
    found = []
    yardstick = timings.get(("a + b", "torch"))
    if yardstick is not None:
        for task, peer, limit in (
            (elementwise.ADD, "iris", 1.15),
            (elementwise.ADD, "iris ops", 1.15),
            (elementwise.SCALED_RELU, "iris", 1.3),
        ):
            found.append(_ratio(timings[task.name, peer], yardstick, "torch.add(out=)", limit))
    for task in (elementwise.TANH_EXP, black_scholes.BLACK_SCHOLES):
        others = [t for (n, p), t in timings.items() if n == task.name and not p.startswith("iris")]
        best = min(others, key=lambda t: t.median)
        limit = 0.5 if task is elementwise.TANH_EXP else None
        found.append(_ratio(timings[task.name, "iris"], best, f"the best peer, {best.peer}", limit))
    return found


def _ratio(ours: Timing, other: Timing, name: str, limit: float | None) -> Figure:
    best = f"of the best rounds {ours.best / other.best:.2f} x"
    title = f"{ours.task}: {ours.peer} / {name}"
    return Figure(title, ours.median / other.median, "x", limit, note=best)
