"""Contenders enter; their times, taken in interleaved rounds, and their errors leave."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

REST = 0.02
"""Seconds before each run: OpenMP's threads go on spinning for milliseconds after their work, on the cores of whoever comes next."""


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to do one task: ``run`` does it and waits for the end, ``results`` gives the outputs."""

    task: str
    peer: str
    run: Callable[[], object]
    results: Callable[[], Sequence[np.ndarray]]


@dataclass(frozen=True, slots=True)
class Timing:
    """The rounds of one contender; seconds of one run each."""

    task: str
    peer: str
    rounds: list[float] = field(repr=False)

    @property
    def median(self) -> float:
        return statistics.median(self.rounds)

    @property
    def best(self) -> float:
        return min(self.rounds)


class WrongResult(Exception):
    """A contender's output is not what NumPy computes in float64."""


def check(contender: Contender, expected: Sequence[np.ndarray], rtol: float, atol: float) -> float:
    """Runs the contender once. Returns its largest error, relative where above 1; raises WrongResult."""
    contender.run()
    worst = 0.0
    for got, want in zip(contender.results(), expected, strict=True):
        error = np.abs(np.asarray(got).astype(np.float64) - want)
        if not np.all(error <= atol + rtol * np.abs(want)):
            raise WrongResult(f"{contender.peer} computes {contender.task} wrongly: {error.max()}")
        worst = max(worst, float((error / np.maximum(1, np.abs(want))).max()))
    return worst


def interleaved(
    contenders: Sequence[Contender], rounds: int, on_round: Callable[[], None] = lambda: None
) -> list[Timing]:
    """Times every contender once a round, so that a slow moment of the machine hits all alike.

    Each round begins with another contender; the first run of each, untimed, warms it up.
    """
    for contender in contenders:
        contender.run()
    times: list[list[float]] = [[] for _ in contenders]
    for turn in range(rounds):
        for position in range(len(contenders)):
            index = (position + turn) % len(contenders)
            run = contenders[index].run
            time.sleep(REST)
            begin = time.perf_counter()
            run()
            times[index].append(time.perf_counter() - begin)
        on_round()
    return [Timing(c.task, c.peer, t) for c, t in zip(contenders, times, strict=True)]


def per_call(run: Callable[[], object], calls: int, batches: int = 15) -> list[float]:
    """Seconds of one call, averaged over each of ``batches`` batches of ``calls`` calls."""
    for _ in range(calls):
        run()
    seconds = []
    for _ in range(batches):
        begin = time.perf_counter()
        for _ in range(calls):
            run()
        seconds.append((time.perf_counter() - begin) / calls)
    return seconds
