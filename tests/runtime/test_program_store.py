"""Compiled programs on disk: found again by other processes, never loaded when damaged."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from metal_runtime.runtime import program_store

SCRIPT = """
import sys
from metal_runtime.kernel import kernel
from metal_runtime.language import thread_id

STEP = {step}

@kernel(param_types={{"x": "device int*", "n": "uint"}})
def count(x, n):
    i = thread_id()
    if i < n:
        x[i] = x[i] + STEP

@kernel
def untyped(x):
    x[thread_id()] = STEP

print("compiler" if "metal_runtime.frontend" in sys.modules else "disk")
print(repr(count.msl_source))
print(count.param_types)
print(len(count.ir.body) > 0)
"""


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("IRIS_CACHE_DIR", str(tmp_path / "cache"))


def entries():
    return sorted(program_store.directory().glob("*.program"))


def test_values_come_back():
    assert program_store.get("k") is None
    program_store.put("k", {"a": (1, 2.5)})
    assert program_store.get("k") == {"a": (1, 2.5)}
    program_store.put("k", "newer")
    assert program_store.get("k") == "newer"
    assert program_store.clear() == 1
    assert program_store.get("k") is None
    assert program_store.clear() == 0


def test_damage_is_never_loaded():
    program_store.put("k", ["value"] * 10)
    (path,) = entries()
    whole = path.read_bytes()
    for position in range(0, len(whole), 3):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        assert program_store.get("k") is None
    for length in (0, 1, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert program_store.get("k") is None
    path.write_bytes(whole)
    assert program_store.get("k") == ["value"] * 10


def test_many_threads_write_one_entry():
    value = list(range(2000))
    errors = []

    def work():
        for _ in range(30):
            program_store.put("k", value)
            if program_store.get("k") != value:
                errors.append("torn")

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert [p.name for p in program_store.directory().iterdir()] == ["k.program"]


def test_a_folder_that_cannot_be_made_costs_only_time(tmp_path, monkeypatch, caplog):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("IRIS_CACHE_DIR", str(tmp_path / "file" / "below"))
    with caplog.at_level("WARNING", logger="metal_runtime"):
        program_store.put("k", 1)
    assert "cannot keep a compiled program" in caplog.text
    assert program_store.get("k") is None


def run(path) -> list[str]:
    done = subprocess.run(
        [sys.executable, str(path)], capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")


def test_another_process_needs_no_compiler(tmp_path):
    path = tmp_path / "script.py"
    path.write_text(SCRIPT.format(step=1))
    first, second = run(path), run(path)
    assert first[0] == "compiler"
    assert second[0] == "disk"
    assert first[1:] == second[1:]
    assert "kernel void count(" in first[1]
    assert "1;" in first[1]
    assert first[3] == "True"
    path.write_text(SCRIPT.format(step=2))
    third = run(path)
    assert third[0] == "compiler"
    assert "2;" in third[1]
    for entry in entries():
        entry.write_bytes(b"nonsense")
    assert run(path) == third
    assert run(path)[0] == "disk"
