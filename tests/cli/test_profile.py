"""`iris profile`: a script's kernels, the files, the comparison."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from metal_runtime.profile import load
from tests.cli.test_explain import script


def test_a_script_is_run_and_profiled(iris, tmp_path: Path) -> None:
    trace, page = tmp_path / "x.json", tmp_path / "x.html"
    result = iris(
        "profile", "--save", str(trace), "--html", str(page), str(script(tmp_path)), "word"
    )
    assert result.status == 0, result.err
    assert "row 1" in result.out
    assert "['word']" in result.out
    for part in ("kernel", "roofline", "MainThread", "cpu memory"):
        assert part in result.out
    assert load(trace).recording.events
    assert "</html>" in page.read_text("utf-8")
    same = iris("profile", "--diff", str(trace), str(trace))
    assert same.status == 0, same.err
    assert "+0%" in same.out
    changes = json.loads(iris("profile", "--diff", "--json", str(trace), str(trace)).out)
    assert all(change["before"] == change["after"] for change in changes)


def test_as_json(iris, tmp_path: Path) -> None:
    result = iris("profile", "--json", str(script(tmp_path)))
    report = json.loads(result.out[result.out.index("{") :])
    assert report["kernels"][0]["calls"] >= 1
    assert report["lanes"][0]["busy_ns"] > 0
    assert report["dropped"] == 0


def test_what_is_no_profile(iris, tmp_path: Path) -> None:
    result = iris("profile", "--diff", str(script(tmp_path)), str(script(tmp_path)))
    assert result.status == 1
    assert "no trace of iris" in result.err
    assert iris("profile", "--diff", str(script(tmp_path))).status == 2


LEAK = """
import sys
import numpy as np
from metal_runtime import api
x = api.asarray(np.ones(1000, np.float32))
kept = []
for n in range(16):
    kept.append(api.asarray(np.ones(1000, np.float32)))
(x + 1).numpy()
{end}
"""


@pytest.mark.parametrize(
    ("end", "status", "said"),
    [
        ("raise ValueError('boom')", 1, "ValueError: boom"),
        ("sys.exit(3)", 3, ""),
        ("sys.exit('bad')", 1, "bad"),
        ("raise KeyboardInterrupt", 130, "KeyboardInterrupt"),
        ("", 0, ""),
    ],
)
def test_a_script_that_fails_has_its_profile_and_its_status(
    iris, tmp_path: Path, end: str, status: int, said: str
) -> None:
    path, trace = tmp_path / "leak.py", tmp_path / "x.json"
    path.write_text(LEAK.format(end=end))
    result = iris("profile", "--save", str(trace), str(path))
    assert result.status == status, result.err
    assert said in result.err
    assert "runpy" not in result.err
    assert "add_float32" in result.out
    assert re.search(r"leak.py:8 +16 ", result.out), result.out  # what globals hold is in use
    assert load(trace).kernels[0].place.line == 9
