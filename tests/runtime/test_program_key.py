"""The key of a function: the same in every process, another one for whatever changes its MSL, none when unsure."""

from __future__ import annotations

import importlib.util
import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest

from metal_runtime.runtime.program_key import program_key

_numbers = itertools.count()

MODULE = """
import math
import numpy as np
from metal_runtime import metal
from metal_runtime.language import float4

SCALE = 2.5
LIMITS = (1, 2, 3)
TABLE = np.zeros(3)
x = np.zeros(3)


def helper(v):
    return v * SCALE


def body(a, n):
    i = metal.thread_id()
    if i < n:
        a[i] = helper(a[i]) + math.pi + LIMITS[1]


def with_array(a):
    a[0] = TABLE[1]


def with_module(a):
    a[0] = np.pi


def attribute_named_like_a_global(a):
    a[0] = metal.thread_position_in_grid.x


def vector(a: "device float4*"):
    a[0] = float4(1.0)


def closure(k, u=3):
    def inner(a):
        a[0] = k + u
    return inner


class Thing:
    pass


def with_object(a):
    a[0] = Thing.value
"""


def load(path: Path):
    name = f"keyed_{next(_numbers)}"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def path(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # the forged times below would fool it
    path = tmp_path / "keyed.py"
    path.write_text(MODULE)
    os.utime(path, ns=(10**18, 10**18))
    return path


def changed(path: Path, old: str, new: str):
    assert MODULE.count(old) == 1
    path.write_text(MODULE.replace(old, new))
    os.utime(path, ns=(10**18, 10**18))  # so that the file's time gives nothing away
    return load(path)


def test_the_same_function_has_the_same_key(path):
    first, second = load(path), load(path)
    for name in ("body", "helper", "vector", "attribute_named_like_a_global"):
        key = program_key(getattr(first, name))
        assert key is not None
        assert key == program_key(getattr(second, name))
    assert program_key(first.body) != program_key(first.helper)
    assert program_key(first.body, "float") != program_key(first.body, "half")


def test_other_processes_have_the_same_key(path):
    code = (
        "import importlib.util as u, sys; s = u.spec_from_file_location('keyed', sys.argv[1]);"
        "m = u.module_from_spec(s); s.loader.exec_module(m);"
        "from metal_runtime.runtime.program_key import program_key; print(program_key(m.body, ('n', 'uint')))"
    )
    keys = {
        subprocess.run(
            [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        ).stdout.strip()
        for seed in ("1", "2", "3")
    }  # fmt: skip
    assert keys == {program_key(load(path).body, ("n", "uint"))}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("SCALE = 2.5", "SCALE = 3.5"), ("LIMITS = (1, 2, 3)", "LIMITS = (1, 3, 2)"),
        ("return v * SCALE", "return SCALE * v"), ("if i < n:", "if i > n:"),
        ("math.pi +", "math.tau +"),
        ("math.pi + L", "math. pi + L"),  # the place of an error changes
        ("SCALE = 2.5", "SCALE = 2"), ("LIMITS = (1, 2, 3)", "LIMITS = (1, 2., 3)"),
    ],
)  # fmt: skip
def test_what_matters_changes_the_key(path, old, new):
    before = program_key(load(path).body)
    assert program_key(changed(path, old, new).body) != before


def test_the_files_time_changes_the_key(path):
    before = program_key(load(path).body)
    os.utime(path, ns=(10**18, 10**18 + 1))
    assert program_key(load(path).body) != before


def test_globals_are_read_when_the_key_is_made(path):
    module = load(path)
    before = program_key(module.body)
    module.SCALE = -0.0
    negative = program_key(module.body)
    module.SCALE = 0.0
    assert len({before, negative, program_key(module.body)}) == 3
    module.helper = module.body
    assert program_key(module.body) not in (before, None)


def test_closures_and_defaults(path):
    module = load(path)
    keys = [
        program_key(module.closure(k, u)) for k, u in ((1, 3), (2, 3), (1, 4), (1.0, 3), (True, 3))
    ]
    assert None not in keys
    assert len(set(keys)) == 5
    assert program_key(module.closure(1)) == keys[0]
    assert program_key(module.closure(object())) is None


def test_what_cannot_be_pinned_has_no_key(path):
    module = load(path)
    for name in ("with_array", "with_module", "with_object"):
        assert program_key(getattr(module, name)) is None
    namespace = {}
    exec("def f(a):\n    a[0] = 1", namespace)
    assert program_key(namespace["f"]) is None  # no file
    assert program_key(print) is None
    assert program_key(module.Thing) is None
