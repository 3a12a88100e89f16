"""`iris emit`: every stage of a kernel, and what it says of files that it cannot use."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PYTHON = '''\
"""Two kernels."""
from metal_runtime import kernel, metal

@kernel
def saxpy(x: "device const float*", y: "device float*", a: "float", n: "uint"):
    i = metal.thread_id()
    if i < n:
        y[i] = a * x[i] + y[i]

@kernel
def open_types(x, n):
    i = metal.thread_id()
    if i < n:
        x[i] = x[i] + x[i]

if __name__ == "__main__":
    raise SystemExit("the file was run as a program")
'''
MSL = """\
#include <metal_stdlib>
using namespace metal;
kernel void fill(device float* x [[buffer(0)]], uint i [[thread_position_in_grid]]) { x[i] = 1.0; }
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "two_kernels.py"
    path.write_text(PYTHON)
    return path


@pytest.mark.parametrize(
    ("stage", "expected"),
    [
        ("ir", "saxpy"),
        ("msl", "kernel void saxpy("),
        ("cpp", "iris_kernel"),
        ("asm", "iris_kernel"),
    ],
)
def test_every_stage(iris, file: Path, stage: str, expected: str) -> None:
    result = iris("emit", f"{file}:saxpy", "--to", stage)
    assert result.status == 0, result.err
    assert expected in result.out
    assert "\x1b" not in result.out  # into a pipe goes the bare text


def test_msl_is_the_default_and_can_be_emitted_again(iris, file: Path, tmp_path: Path) -> None:
    text = iris("emit", f"{file}:saxpy").out
    again = tmp_path / "again.metal"
    again.write_text(text)
    assert iris("emit", again).out == text
    assert "iris_kernel" in iris("emit", f"{again}:saxpy", "--to", "cpp").out


def test_hand_written_msl(iris, tmp_path: Path) -> None:
    path = tmp_path / "fill.metal"
    path.write_text(MSL)
    assert "iris_kernel" in iris("emit", path, "--to", "asm").out
    assert iris("emit", path, "--to", "ir").status == 2


def test_open_types_are_given_on_the_command_line(iris, file: Path) -> None:
    result = iris("emit", f"{file}:open_types", "--type", "x=device int*", "--type", "n=uint")
    assert result.status == 0, result.err
    assert "device int* x" in result.out
    missing = iris("emit", f"{file}:open_types")
    assert missing.status == 1
    assert "`x`, `n`" in missing.err
    assert iris("emit", f"{file}:open_types", "--type", "x").status == 2
    wrong = iris("emit", f"{file}:open_types", "--type", "x=device double*", "--type", "n=uint")
    assert wrong.status == 1
    assert "double" in wrong.err


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        ("nowhere.py:k", "there is no file"),
        ("README.md:k", "neither a .py nor a .metal file"),
        ("{file}:other", "no kernel 'other'; its kernels are: saxpy"),
        ("{file}", "name one kernel; its kernels are: saxpy"),
    ],
)
def test_wrong_targets_end_with_2(iris, file: Path, target: str, problem: str) -> None:
    result = iris("emit", target.format(file=file))
    assert result.status == 2
    assert problem in re.sub(r"[│\s]+", " ", result.err)  # typer draws a box and wraps


def test_a_wrong_kernel_shows_its_place_without_a_traceback(iris, tmp_path: Path) -> None:
    path = tmp_path / "wrong.py"
    path.write_text(PYTHON.replace("y[i] = a * x[i] + y[i]", "y[i] = a.upper()"))
    result = iris("emit", f"{path}:saxpy")
    assert result.status == 1
    assert f"{path}:8:" in result.err
    assert re.search(r"^ +\| +\^", result.err, re.MULTILINE)
    assert "Traceback" not in result.err


def test_an_exception_of_the_file_keeps_its_own_traceback(iris, tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    path.write_text("def f():\n    return 1 // 0\n\nf()\n")
    result = iris("emit", f"{path}:k")
    assert result.status == 1
    assert "ZeroDivisionError" in result.err
    assert "line 2, in f" in result.err
    assert "user_file.py" not in result.err
    assert "importlib" not in result.err


def test_a_syntax_error_of_the_file(iris, tmp_path: Path) -> None:
    path = tmp_path / "syntax.py"
    path.write_text("def f(:\n")
    result = iris("emit", f"{path}:k")
    assert result.status == 1
    assert "SyntaxError" in result.err
    assert "user_file.py" not in result.err
