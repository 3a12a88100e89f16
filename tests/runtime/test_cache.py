"""Loaded programs: one load a program, whoever asks; a failed load is tried again."""

from __future__ import annotations

import threading
import time

import pytest

from metal_runtime.errors import LaunchError, MslError
from metal_runtime.program import CompileOptions, MathMode, MslProgram
from metal_runtime.runtime.cache import ProgramCache
from tests.runtime.fake_device import FakeLoaded, signature


def program(name: str = "k", **changes) -> MslProgram:
    return MslProgram(
        **({"source": f"kernel void {name}", "entry_points": (signature(name),)} | changes)
    )


def test_one_load_for_many_threads():
    loads = []

    def load(wanted):
        loads.append(wanted)
        time.sleep(0.02)
        return FakeLoaded(wanted)

    cache = ProgramCache(load)
    start = threading.Barrier(12)
    pipelines = []

    def work(name):
        start.wait()
        pipelines.append(cache.pipeline(program(name), name))

    threads = [threading.Thread(target=work, args=(f"k{i % 3}",)) for i in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(loads) == 3
    assert len(set(map(id, pipelines))) == 3
    assert len(cache) == 3


def test_programs_do_not_wait_for_each_other():
    slow_started, release = threading.Event(), threading.Event()

    def load(wanted):
        if "slow" in wanted.source:
            slow_started.set()
            assert release.wait(10)
        return FakeLoaded(wanted)

    cache = ProgramCache(load)
    slow = threading.Thread(target=lambda: cache.pipeline(program("slow"), "slow"))
    slow.start()
    assert slow_started.wait(10)
    cache.pipeline(program("quick"), "quick")
    release.set()
    slow.join()


def test_options_and_text_are_the_key():
    loads = []
    cache = ProgramCache(lambda p: loads.append(p) or FakeLoaded(p))
    cache.pipeline(program(), "k")
    cache.pipeline(program(file="elsewhere.metal"), "k")
    assert len(loads) == 1
    cache.pipeline(program(options=CompileOptions(MathMode.FAST)), "k")
    cache.pipeline(program(source="kernel void k "), "k")
    assert len(loads) == 3


def test_a_refused_text_is_refused_every_time():
    tries = []

    def load(wanted):
        tries.append(wanted)
        if len(tries) < 3:
            raise MslError("no")
        return FakeLoaded(wanted)

    cache = ProgramCache(load)
    for _ in range(2):
        with pytest.raises(MslError):
            cache.pipeline(program(), "k")
    cache.pipeline(program(), "k")


def test_a_kernel_that_is_not_there():
    cache = ProgramCache(FakeLoaded)
    with pytest.raises(LaunchError, match="its kernels are: k"):
        cache.pipeline(program(), "other")
