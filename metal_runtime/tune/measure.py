"""Candidates and a way to time one -> the fastest, from disk where it was measured before."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from metal_runtime import settings
from metal_runtime.device.protocol import Device, Stream
from metal_runtime.errors import IrisError
from metal_runtime.logging import get_logger
from metal_runtime.tune import store
from metal_runtime.tune.space import Configuration, text_of

_SAMPLE_SECONDS = 5e-4  # one sample is so many runs of a candidate as take this long
_SAMPLE_RUNS = 256  # at most
_ROUNDS = 7
_HOPELESS = 1.5  # times the fastest, after three rounds: not measured any more
_BUDGET_SECONDS = 3.0  # after which no new round begins
_FINALISTS = 3  # beside the default
_FINAL_ROUNDS = 31
_FINAL_ROUNDS_AT_LEAST = 5
_FINAL_SECONDS = 1.5
_GAIN = 1.03  # what a candidate must win over the default to be chosen: less is noise

Measure = Callable[[Configuration, int], float]
"""Runs a candidate so many times and gives the seconds of them all. Raises IrisError where it cannot run."""


@dataclass(slots=True)
class _Runner:
    """A candidate in the race."""

    number: int
    configuration: Configuration
    runs: int = 1
    """In one sample."""

    seconds: list[float] = field(default_factory=list)
    """Of one run, sample by sample."""

    @property
    def fastest(self) -> float:
        return min(self.seconds)


def best_of(
    key: store.Key | None, candidates: Sequence[Configuration], measure: Measure
) -> Configuration:
    """The fastest candidate; the first, which is the default, while ``IRIS_TUNE=0`` and where nothing wins.

    What was measured under a key before is not measured again; without a key nothing is kept.
    """
    default = candidates[0]
    if len(candidates) == 1 or not settings.tuning():
        return default
    before = None if key is None else known(key, candidates)
    if before is not None:
        return before
    runners = race(candidates, measure)
    able = [r for r in runners if r.seconds]
    if not able:
        return default  # its own launch says why
    best = _final(runners[0], sorted(able, key=lambda r: r.fastest), measure)
    if key is not None:
        times = (store.Timing(r.configuration, r.fastest if r.seconds else None) for r in runners)
        store.put(key, best, tuple(times))
    get_logger("tune").info("%s: %s of %d", "" if key is None else key.kernel, best, len(able))
    return best


def race(candidates: Sequence[Configuration], measure: Measure) -> list[_Runner]:
    """Every candidate with the seconds of a run, once a sample; none for one that cannot run."""
    runners = [_Runner(*numbered) for numbered in enumerate(candidates)]
    racing = [r for r in runners if _warm(r, measure)]
    end = time.monotonic() + _BUDGET_SECONDS
    for number in range(_ROUNDS):
        racing = _round(racing, number, measure)
        if number >= 2 and racing:
            limit = _HOPELESS * min(r.fastest for r in racing)
            racing = [r for r in racing if r.fastest <= limit]
        if time.monotonic() > end:
            break
    return runners


def _round(racing: Sequence[_Runner], number: int, measure: Measure) -> list[_Runner]:
    """A sample of each, every other round from the last to the first; those that could run."""
    turn = racing if number % 2 == 0 else reversed(racing)
    ran = {r.number for r in turn if _sample(r, measure)}
    return [r for r in racing if r.number in ran]


def _final(default: _Runner, able: Sequence[_Runner], measure: Measure) -> Configuration:
    """The fastest of the race take turns with the default; who does not beat it again, round by round, has not won."""
    if not default.seconds or able[0] is default:
        return able[0].configuration
    others = [r for r in able if r is not default][:_FINALISTS]
    rounds = _final_rounds([default, *others], measure)
    others = [r for r in others if r.seconds]
    if not others:
        return default.configuration
    best = min(others, key=lambda r: r.fastest)
    if not default.seconds:
        return best.configuration
    ratios = [took[default.number] / took[best.number] for took in rounds]
    gain = min(statistics.median(ratios), default.fastest / best.fastest)
    return (best if gain >= _GAIN else default).configuration


def _final_rounds(finalists: Sequence[_Runner], measure: Measure) -> list[dict[int, float]]:
    """The seconds of each finalist by its number, round by round."""
    rounds = []
    end = time.monotonic() + _FINAL_SECONDS
    for number in range(_FINAL_ROUNDS):
        finalists = _round(finalists, number, measure)
        rounds.append({r.number: r.seconds[-1] for r in finalists})
        if time.monotonic() > end and len(rounds) >= _FINAL_ROUNDS_AT_LEAST:
            break
    return rounds


def device_seconds(device: Device, stream: Stream, run: Callable[[], None]) -> float:
    """The device's own time of what ``run`` launches on a stream."""
    before, after = device.new_event(), device.new_event()
    stream.record(before)
    run()
    stream.record(after)
    stream.synchronize()  # as programs wait: who waits on a CPU works, unlike who waits for an event
    return device.seconds_between(before, after)


def known(key: store.Key, candidates: Sequence[Configuration]) -> Configuration | None:
    """The candidate that won under this key before, if it still is one."""
    entry = store.get(key)
    wanted = None if entry is None else text_of(entry.best)
    return next((c for c in candidates if text_of(c) == wanted), None)


def _warm(runner: _Runner, measure: Measure) -> bool:
    """Compiles, fills caches and finds how many runs make a sample; False for a candidate that cannot run."""
    if not (_sample(runner, measure) and _sample(runner, measure)):
        return False
    one = max(runner.seconds[-1], 1e-9)
    runner.runs = min(math.ceil(_SAMPLE_SECONDS / one), _SAMPLE_RUNS)
    runner.seconds.clear()
    return True


def _sample(runner: _Runner, measure: Measure) -> bool:
    """Times one sample; False for a candidate that cannot run, whose times are void."""
    try:
        seconds = measure(runner.configuration, runner.runs)
    except IrisError as error:
        get_logger("tune").info("%s cannot run: %s", runner.configuration, error)
        runner.seconds.clear()
        return False
    runner.seconds.append(seconds / runner.runs)
    return True
