"""Kernels with tile=: exactly one run whatever was measured, winners that stay, and errors with their place."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from metal_runtime import api, kernel, metal
from metal_runtime.errors import IrisError, KernelFault, LaunchError, UnsupportedPythonError
from metal_runtime.tune import measure, store
from metal_runtime.tune.space import Space, read_space, shape_class, size_class

STRIP = 4
OTHER = 1.0
LIST = [1]


@pytest.fixture(autouse=True)
def tuned(tmp_path, monkeypatch):
    folder = tmp_path / "cache" / "tune"  # compiled kernels are those of the whole run
    monkeypatch.setattr(store, "directory", lambda: folder)
    monkeypatch.setenv("IRIS_TUNE", "1")
    with api.device("cpu"):
        yield


def made(**options):
    """A kernel that adds ``STRIP`` to ``seen`` and 1 to each of its strip of ``x``."""

    @kernel(
        param_types={"x": "device float*", "seen": "device int*", "n": "uint"},
        tile={"STRIP": [1, 4, 16], "threadgroup": [32, (64, 1)]},
        **options,
    )
    def add_one(x, seen, n):
        i = metal.thread_id()
        if i == 0:
            seen[0] = seen[0] + step()
        for k in range(STRIP):
            j = i * metal.uint(STRIP) + metal.uint(k)
            if j < n:
                x[j] = x[j] + 1.0

    return add_one


def step():
    return STRIP


def threads(configuration):
    return -(-1000 // configuration["STRIP"])


def test_results_are_those_of_one_run():
    add_one = made()
    x, seen = api.zeros(1000), api.zeros(1, "int32")
    for count in range(1, 4):
        add_one(x, seen, 1000, threads=threads)
        assert (x.numpy() == count).all()
    (entry,) = store.entries()
    assert seen.item() == 3 * entry.best["STRIP"]  # a function that the kernel calls sees it too
    assert len(entry.timings) == 1 + 3 * 2
    assert all(t.seconds is not None and t.seconds > 0 for t in entry.timings)
    array, seen_array = np.zeros(1000, np.float32), np.zeros(1, np.int32)
    made()(array, seen_array, 1000, threads=threads)
    assert (array == 1).all()


def test_every_configuration_gives_the_same(monkeypatch):
    for chosen in range(7):
        monkeypatch.setattr(
            "metal_runtime.runtime.tuned_launch.best_of", lambda key, all_, m, c=chosen: all_[c]
        )
        x, seen = api.zeros(1000), api.zeros(1, "int32")
        made()(x, seen, 1000, threads=threads)
        assert (x.numpy() == 1).all()
        assert seen.item() == [4, 1, 1, 4, 4, 16, 16][chosen]


def test_off_means_the_constants_as_they_are(monkeypatch):
    monkeypatch.setenv("IRIS_TUNE", "0")
    x, seen = api.zeros(1000), api.zeros(1, "int32")
    made()(x, seen, 1000, threads=threads)
    assert seen.item() == 4
    assert not list(store.entries())
    monkeypatch.setenv("IRIS_TUNE", "perhaps")
    with pytest.raises(IrisError, match="IRIS_TUNE is 'perhaps'"):
        made()(x, seen, 1000, threads=threads)


def test_one_memory_under_two_names_stays_one():
    @kernel(
        param_types={"x": "device float*", "y": "device const float*"},
        tile={"threadgroup": [32, 64]},
    )
    def double(x, y):
        i = metal.thread_id()
        x[i] = x[i] + y[i]

    x = api.ones(64)
    double(x, x, threads=64)
    assert (x.numpy() == 2).all()
    array = np.ones(64, np.float32)
    double(array, array, threads=64)
    assert (array == 2).all()


def test_calls_of_one_class_share_a_winner(monkeypatch):
    calls = []
    monkeypatch.setattr(
        "metal_runtime.runtime.tuned_launch.best_of", lambda key, all_, m: calls.append(key) or all_[0]
    )  # fmt: skip
    add_one, seen = made(), api.zeros(1, "int32")
    for n in (600, 1000, 1024, 1025, 2000):
        add_one(api.zeros(n), seen, n, threads=lambda c, n=n: -(-n // c["STRIP"]))
    assert [key.shapes for key in calls] == [
        "1024, 1 · 256 threads",
        "2048, 1 · 512 threads",
    ]
    add_one(api.zeros(1000), seen, 1000, threads=threads, threadgroup=8)
    assert len(calls) == 3


def test_a_call_like_one_before_looks_nothing_up(monkeypatch):
    seen = []
    variants = {"STRIP": 1, "threadgroup": 32}
    monkeypatch.setattr(
        "metal_runtime.runtime.tuned_launch.best_of", lambda key, all_, m: seen.append(key) or variants
    )  # fmt: skip
    add_one, seen_by = made(), api.zeros(1, "int32")
    x = api.zeros(1000)
    add_one(x, seen_by, 1000, threads=threads)
    assert len(seen) == 1
    monkeypatch.setattr("metal_runtime.settings.tuning", lambda: pytest.fail("read again"))
    asked = []
    for _ in range(3):
        add_one(x, seen_by, 1000, threads=lambda c: asked.append(dict(c)) or threads(c))
    assert asked == [{"STRIP": 4, "threadgroup": None}, variants] * 3
    assert seen_by.item() == 4
    assert (x.numpy() == 4).all()
    monkeypatch.setattr("metal_runtime.settings.tuning", lambda: True)
    for size in (8, 16, 24):
        add_one(x, seen_by, 1000, threads=threads, threadgroup=lambda c, s=size: s)
    assert len(seen) == 2  # what a function gives is no class of its own
    assert len(add_one._tuner._calls) == 2
    monkeypatch.setattr("metal_runtime.settings.tuning", lambda: pytest.fail("read again"))
    with pytest.raises(LaunchError, match="threads"):
        add_one(x, seen_by, 1000, threads=250.0)  # equal to what is known, and no integer
    monkeypatch.setattr("metal_runtime.settings.tuning", lambda: False)
    add_one(x, seen_by, 1000, threads=[1000])  # what cannot be remembered still runs


def test_a_threadgroup_that_is_given_is_kept():
    made()(api.zeros(1000), api.zeros(1, "int32"), 1000, threads=threads, threadgroup=16)
    (entry,) = store.entries()
    assert [t.configuration for t in entry.timings] == [{"STRIP": s} for s in (4, 1, 16)]


def test_types_that_are_inferred_and_registered_names():
    @kernel(tile={"STRIP": [2, 8]})
    def untyped_add(x):
        for k in range(STRIP):
            i = metal.thread_id() * metal.uint(STRIP) + metal.uint(k)
            x[i] = x[i] + 1

    for dtype in ("float32", "int32"):
        x = api.zeros(64, dtype)
        untyped_add(x, threads=lambda c: 64 // c["STRIP"])
        assert (x.numpy() == 1).all()
        api.launch_kernel("untyped_add", lambda c: 64 // c["STRIP"], args=(x,))
        assert (x.numpy() == 2).all()
    assert len(list(store.entries())) == 2


def test_closure_variables():
    def make(size):
        @kernel(param_types={"x": "device int*"}, tile={"size": [3, 5]})
        def fill(x):
            x[metal.thread_id()] = size

        return fill

    x = api.zeros(8, "int32")
    make(7)(x, threads=8)
    (entry,) = store.entries()
    assert {t.configuration["size"] for t in entry.timings} == {3, 5, 7}
    assert (x.numpy() == entry.best["size"]).all()


def test_configurations_that_cannot_run_are_left_out():
    @kernel(param_types={"x": "device float*"}, tile={"threadgroup": [32, 4096]})
    def touch(x):
        x[metal.thread_id()] = 1.0

    x = api.zeros(64)
    touch(x, threads=64)
    assert (x.numpy() == 1).all()
    (entry,) = store.entries()
    assert entry.timings[-1].configuration == {"threadgroup": 4096}
    assert entry.timings[-1].seconds is None


def test_a_call_that_is_wrong_says_so_and_is_not_remembered():
    add_one, seen = made(), api.zeros(1, "int32")
    with pytest.raises(LaunchError, match="parameter `x`"):
        add_one(np.zeros(1000), seen, 1000, threads=threads)
    with pytest.raises(LaunchError, match="threads"):
        add_one(api.zeros(1000), seen, 1000, threads=lambda c: 0)
    with pytest.raises(LaunchError, match="missing"):
        add_one(api.zeros(1000), threads=threads)
    closed = api.zeros(1000)
    closed.close()
    with pytest.raises(LaunchError, match="closed"):
        add_one(closed, seen, 1000, threads=threads)
    assert not list(store.entries())
    x = api.zeros(1000)
    add_one(x, seen, 1000, threads=threads)
    assert (x.numpy() == 1).all()
    assert len(list(store.entries())) == 1


def test_a_kernel_that_fails_fails():
    @kernel(param_types={"x": "device int*", "d": "int"}, tile={"threadgroup": [1, 2]})
    def divide(x, d):
        x[metal.thread_id()] = 7 // d

    with pytest.raises(KernelFault):
        divide(api.zeros(4, "int32"), 0, threads=4)
        api.synchronize()
    assert not list(store.entries())


def test_no_room_for_copies_costs_the_measuring_only():
    gc.collect()
    gc.freeze()  # who finds no memory collects garbage first: not that of a thousand tests each time
    x, seen = api.zeros(1 << 18), api.zeros(1, "int32")
    api.trim()
    try:
        api.set_memory_limit(api.memory().used_bytes)
        made()(x, seen, 1000, threads=threads)
    finally:
        api.set_memory_limit(None)
        gc.unfreeze()
    assert (x.numpy()[:1000] == 1).all()
    assert not list(store.entries())


@pytest.mark.parametrize(
    ("tile", "message"),
    [
        ({}, "takes a dict"),
        ([("STRIP", [1])], "takes a dict"),
        ({"STRIP": []}, "no list"),
        ({"STRIP": 4}, "no list"),
        ({"STRIP": ["4"]}, "cannot be '4'"),
        ({"STRIP": [np.float32(4)]}, "cannot be"),
        ({4: [4]}, "which is no name"),
        ({"threadgroup": [0]}, "cannot be 0"),
        ({"threadgroup": [(1, 2, 3, 4)]}, "cannot be"),
        ({"STRIP": list(range(1, 300))}, "at most 256"),
        ({"MISSING": [1]}, "reads no constant `MISSING`"),
        ({"OTHER": [1.0]}, "reads no constant `OTHER`"),
        ({"i": [1]}, "is a variable of `wrong`"),
        ({"LIST": [1]}, "`LIST` is a list"),
    ],
)
def test_what_is_no_tile_says_why(tile, message):
    with pytest.raises(UnsupportedPythonError, match=message) as caught:

        @kernel(tile=tile)
        def wrong(x):
            i = metal.thread_id()
            x[i] = STRIP + LIST

    assert caught.value.hint
    assert caught.value.span is not None


def test_the_place_of_a_wrong_name():
    with pytest.raises(UnsupportedPythonError) as caught:

        @kernel(tile={"STRIP": [1], "STRIPE": [1, 2]})
        def wrong(x):
            x[metal.thread_id()] = STRIP

    span = caught.value.span
    assert span.text[span.column - 1 : span.end_column - 1] == '"STRIPE"'


# --- the store and the race ----------------------------------------------------------------------

KEY = store.Key("k", "cpu", "a machine", "1024", "abc")


def race_over(seconds):
    return measure.best_of(
        KEY, [{"A": a} for a in seconds], lambda c, runs: runs * seconds[c["A"]]
    )  # fmt: skip


def test_the_fastest_wins_and_is_not_measured_again():
    assert race_over({1: 3e-3, 2: 1e-3, 3: 2e-3}) == {"A": 2}
    assert race_over({1: 1e-3, 2: 9e-3, 3: 2e-3}) == {"A": 2}
    (entry,) = store.entries()
    assert entry.gain == pytest.approx(3)
    assert race_over({1: 5e-3, 7: 1e-3}) == {
        "A": 7
    }  # the winner of before is no candidate any more


def test_noise_does_not_move_the_default():
    assert race_over({1: 1.02e-3, 2: 1e-3}) == {"A": 1}


def test_what_raises_is_out():
    def seconds(configuration, runs):
        if configuration["A"] != 2:
            raise LaunchError("no", kernel="k")
        return 1.0 * runs

    assert measure.best_of(KEY, [{"A": 1}, {"A": 2}, {"A": 3}], seconds) == {"A": 2}
    (entry,) = store.entries()
    assert [t.seconds for t in entry.timings] == [None, 1.0, None]
    assert entry.gain is None


def test_damage_is_never_believed():
    store.put(KEY, {"A": 2}, (store.Timing({"A": 2}, 1.0),))
    path = store.directory() / KEY.file_name
    whole = path.read_bytes()
    assert store.get(KEY).best == {"A": 2}
    for position in range(0, len(whole), 5):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        assert store.get(KEY) is None
    for length in (0, 1, len(whole) // 2, len(whole) - 2):
        path.write_bytes(whole[:length])
        assert store.get(KEY) is None
    path.write_bytes(whole)
    other = store.Key("k", "metal", "a machine", "1024", "abc")
    assert store.get(other) is None


def test_a_folder_that_cannot_be_made_costs_only_time(tmp_path, monkeypatch, caplog):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(store, "directory", lambda: tmp_path / "file" / "below")
    with caplog.at_level("WARNING", logger="metal_runtime"):
        store.put(KEY, {"A": 1}, ())
    assert "cannot keep what was measured" in caplog.text


def test_classes_and_spaces():
    assert [size_class(n) for n in (0, 1, 2, 3, 1024, 1025)] == [0, 1, 2, 4, 1024, 2048]
    assert shape_class([(3, 1000), ()]) == ((4, 1024), ())
    space = read_space({"A": [1, 2], "threadgroup": [(8, 8)]})
    assert isinstance(space, Space)
    assert space.configurations({"A": 1, "threadgroup": None}) == [
        {"A": 1, "threadgroup": None}, {"A": 1, "threadgroup": (8, 8)}, {"A": 2, "threadgroup": (8, 8)},
    ]  # fmt: skip


SCRIPT = """
from metal_runtime import api, kernel, metal
from metal_runtime.tune import measure
races = []
race = measure.race
measure.race = lambda *a: races.append(1) or race(*a)
SIZE = 2

@kernel(param_types={"x": "device int*"}, tile={"SIZE": [4, 8]})
def fill(x):
    x[metal.thread_id()] = SIZE

x = api.zeros(64, "int32")
fill(x, threads=64)
print(len(races), x.numpy()[0])
"""


def test_another_process_need_not_measure(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    environment = {
        **os.environ, "IRIS_DEVICE": "cpu", "IRIS_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)
    }  # fmt: skip

    def run():
        command = [sys.executable, str(tmp_path / "script.py")]
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    first, second = run(), run()
    assert (first[0], second[0]) == ("1", "0")
    assert first[1] == second[1]
    (tmp_path / "script.py").write_text(SCRIPT.replace("[4, 8]", "[4, 9]"))
    assert run()[0] == "1"
    assert json.loads(next(store.directory().iterdir()).read_text().split("\n")[0])["best"]
