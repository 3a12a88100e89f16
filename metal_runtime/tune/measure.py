"""Candidates and a way to time one -> the fastest, from disk where it was measured before."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from metal_runtime import settings
from metal_runtime.device.protocol import Device
from metal_runtime.errors import IrisError
from metal_runtime.logging import get_logger
from metal_runtime.tune import store
from metal_runtime.tune.space import Configuration, text_of

_ROUNDS = 5
_SAMPLE_SECONDS = 1e-3  # of runs of one candidate in one round, so that short kernels run often
_SAMPLE_RUNS = 20
_HOPELESS = 1.3  # times the fastest, after two rounds: not measured any more
_BUDGET_SECONDS = 3.0  # after which no new round begins
_GAIN = 1.03  # what a candidate must win over the default to be chosen: less is noise

Measure = Callable[[Configuration], float]
"""Runs a candidate once and gives the seconds. Raises IrisError where it cannot run."""


@dataclass(slots=True)
class _Runner:
    """A candidate in the race."""

    configuration: Configuration
    seconds: list[float] = field(default_factory=list)

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
    known = None if key is None else _known(key, candidates)
    if known is not None:
        return known
    runners = race(candidates, measure)
    times = {text_of(r.configuration): r.fastest for r in runners if r.seconds}
    if not times:
        return default  # its own launch says why
    best = _winner(candidates, times)
    if key is not None:
        timings = tuple(store.Timing(c, times.get(text_of(c))) for c in candidates)
        store.put(key, best, timings)
    get_logger("tune").info("%s: %s of %d", "" if key is None else key.kernel, best, len(times))
    return best


def race(candidates: Sequence[Configuration], measure: Measure) -> list[_Runner]:
    """Every candidate with the seconds of its runs; none for one that cannot run. They take turns, in rounds."""
    runners = [_Runner(c) for c in candidates]
    # The first run compiles and fills caches; its time counts for nothing.
    racing = [r for r in runners if _sample(r, measure, runs=1)]
    for runner in racing:
        runner.seconds.clear()
    end = time.monotonic() + _BUDGET_SECONDS
    for number in range(_ROUNDS):
        racing = [r for r in racing if _sample(r, measure, _SAMPLE_RUNS)]
        if number >= 1 and racing:
            limit = _HOPELESS * min(r.fastest for r in racing)
            racing = [r for r in racing if r.fastest <= limit]
        if time.monotonic() > end:
            break
    return runners


def device_seconds(device: Device, run: Callable[[], None]) -> float:
    """The device's own time of what ``run`` launches on its default stream."""
    before, after = device.new_event(), device.new_event()
    device.stream.record(before)
    run()
    device.stream.record(after)
    return device.seconds_between(before, after)


def _known(key: store.Key, candidates: Sequence[Configuration]) -> Configuration | None:
    entry = store.get(key)
    wanted = None if entry is None else text_of(entry.best)
    return next((c for c in candidates if text_of(c) == wanted), None)


def _sample(runner: _Runner, measure: Measure, runs: int) -> bool:
    """Times some runs; False for a candidate that cannot run, whose times are void."""
    spent = 0.0
    try:
        for _ in range(runs):
            seconds = measure(runner.configuration)
            runner.seconds.append(seconds)
            spent += seconds
            if spent >= _SAMPLE_SECONDS:
                break
    except IrisError as error:
        get_logger("tune").info("%s cannot run: %s", runner.configuration, error)
        runner.seconds.clear()
        return False
    return True


def _winner(candidates: Sequence[Configuration], times: dict[str, float]) -> Configuration:
    best = min((c for c in candidates if text_of(c) in times), key=lambda c: times[text_of(c)])
    default = times.get(text_of(candidates[0]))
    if default is not None and default < _GAIN * times[text_of(best)]:
        return candidates[0]
    return best
