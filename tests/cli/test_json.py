"""`--json`: one document on stdout whatever is asked, of results and of errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.test_explain import script

KERNEL = """from metal_runtime import kernel, metal

@kernel(param_types={"x": "device float*"})
def twice(x):
    x[metal.thread_id()] = x[metal.thread_id()] * 2.0
"""
WRONG = KERNEL.replace("* 2.0", "% nothing")


@pytest.mark.parametrize(
    ("command", "keys"),
    [
        (("cache", "ls"), {"directory", "entries"}),
        (("cache", "clear"), {"directory", "removed"}),
        (("tune", "ls"), {"directory", "entries"}),
        (("tune", "clear"), {"directory", "removed"}),
        (("devices",), {"devices", "missing"}),
        (("top",), {"processes"}),
        (("emit", "FILE:twice"), {"file", "kernel", "stage", "text"}),
    ],
)
def test_each_report_is_one_document(iris, own_cache, tmp_path: Path, command, keys) -> None:
    file = tmp_path / "kernels.py"
    file.write_text(KERNEL)
    result = iris(*(word.replace("FILE", str(file)) for word in command), "--json")
    assert result.status == 0, result.err
    assert json.loads(result.out).keys() == keys


@pytest.mark.parametrize("command", ["explain", "profile"])
def test_what_a_script_prints_is_no_part_of_it(iris, tmp_path: Path, command: str) -> None:
    result = iris(command, "--json", script(tmp_path))
    assert json.loads(result.out)["kernels"]
    assert "row 1" in result.err


def test_an_error_is_a_document_too(iris, tmp_path: Path) -> None:
    file = tmp_path / "wrong.py"
    file.write_text(WRONG)
    result = iris("emit", f"{file}:twice", "--json")
    assert result.status == 1
    error = json.loads(result.out)["error"]
    assert (error["file"], error["line"]) == (str(file), 5)
    assert error["column"] > 1
    assert "nothing" in error["message"]
    assert result.err == ""
    said = iris("emit", f"{file}:twice")  # what was asked before is forgotten
    assert "error" in said.err
    assert said.out == ""


def test_errors_without_a_place(iris, tmp_path: Path) -> None:
    result = iris("check", "--json", tmp_path / "x.metal")
    assert result.status == 2  # wrong usage is said as everywhere
    found = tmp_path / "x.json"
    found.write_text("{}")
    result = iris("profile", "--diff", "--json", found, found)
    assert result.status == 1
    error = json.loads(result.out)["error"]
    assert error["type"] == "IrisError"
    assert error["file"] is None
