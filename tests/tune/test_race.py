"""The race with a clock of its own: what is timed, what counts, and who wins."""

from __future__ import annotations

import random

import pytest

from metal_runtime.errors import LaunchError
from metal_runtime.tune import measure


@pytest.fixture(autouse=True)
def tuned(monkeypatch):
    monkeypatch.setenv("IRIS_TUNE", "1")


class Clock:
    """Candidates that take a known time, or what a function says of the number of the sample; counts their runs."""

    def __init__(self, **seconds):
        self.seconds, self.samples = seconds, []

    def __call__(self, configuration, runs):
        name = configuration["is"]
        number = sum(n == name for n, _ in self.samples)
        self.samples.append((name, runs))
        took = self.seconds[name]
        return runs * (took(number) if callable(took) else took)

    def winner(self):
        return measure.best_of(None, [{"is": name} for name in self.seconds], self)["is"]


def test_a_sample_of_a_short_kernel_is_many_runs():
    clock = Clock(a=1e-5, b=1.99e-6, c=1e-9, d=1.0)
    assert clock.winner() == "c"
    assert {r for n, r in clock.samples if n == "a"} == {1, 50}
    assert {r for n, r in clock.samples if n == "b"} == {1, 252}
    assert {r for n, r in clock.samples if n == "c"} == {1, 256}
    assert {r for n, r in clock.samples if n == "d"} == {1}


def test_first_runs_do_not_count():
    clock = Clock(a=1e-3, b=lambda number: 1.0 if number == 0 else 1e-4)
    assert clock.winner() == "b"


def test_a_lucky_winner_loses_the_final():
    race = 2 + measure._ROUNDS  # samples of each before it, the two to warm up included
    assert Clock(a=1e-3, b=lambda n: 8e-4 if n < race else 1.1e-3).winner() == "a"
    assert Clock(a=1e-3, b=lambda n: 8e-4 if n == race - 1 else 1e-3).winner() == "a"
    assert Clock(a=1e-3, b=lambda n: 8e-4).winner() == "b"


def test_a_little_is_no_gain():
    assert Clock(a=1e-3, b=0.98e-3).winner() == "a"
    assert Clock(a=1e-3, b=0.96e-3).winner() == "b"


def test_turns_alternate():
    clock = Clock(a=1e-3, b=1e-3, c=1e-3)
    clock.winner()
    assert "".join(n for n, _ in clock.samples).startswith("aabbcc" + "abc" + "cba" + "abc")


def test_bursts_of_another_load_do_not_hide_a_clear_gain():
    random_ = random.Random(5)

    def noisy(seconds):
        return lambda _: seconds * random_.choice((1, 1, 1.2, 3))

    for _ in range(20):
        assert Clock(a=noisy(2e-3), b=noisy(1e-3), c=noisy(1.9e-3)).winner() == "b"


@pytest.mark.parametrize("moment", [0, 1, 4, 12])
@pytest.mark.parametrize("broken", ["a", "b"])
def test_who_stops_to_run_is_out(broken, moment):
    def fails(number):
        if number >= moment:
            raise LaunchError("no", kernel="k")
        return 1e-3 if broken == "a" else 1e-4

    seconds = {"a": 1e-3, "b": 5e-4, "c": 2e-3} | {broken: fails}
    assert Clock(**seconds).winner() == ("b" if broken == "a" else "a")
    assert Clock(a=fails).winner() == "a"
