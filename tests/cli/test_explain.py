"""`iris explain`: a script's operators, their kernels, the picture."""

from __future__ import annotations

import json
from pathlib import Path

SCRIPT = """
import sys
import numpy as np
from metal_runtime import api, ops

x = api.asarray(np.ones((40, 100), np.float32))
y = ops.softmax((x + 1) * 2)
print("row", y[0].sum().item(), sys.argv[1:])
"""


def script(tmp_path: Path) -> Path:
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    return path


def test_a_script_is_run_and_explained(iris, tmp_path: Path) -> None:
    picture = tmp_path / "graph.svg"
    result = iris("explain", "--svg", str(picture), "--msl", str(script(tmp_path)), "word")
    assert result.status == 0, result.err
    assert "row 1" in result.out
    assert "['word']" in result.out
    assert "operators in" in result.out
    assert "add, mul, sub, exp, div, max, sum" in result.out
    assert "kernel void" in result.out
    assert "exp  float32 (40, 100)" in picture.read_text()


def test_as_json(iris, tmp_path: Path) -> None:
    result = iris("explain", "--json", str(script(tmp_path)))
    report = json.loads(result.out[result.out.index("{") :])
    assert report["operators"] >= 7
    assert "msl" in report["kernels"][0]
    assert report["moved_bytes"] < report["eager_bytes"]


LAUNCHING = """
import numpy as np
from metal_runtime import api, kernel, metal

@kernel
def shifted(x: "device const float*", y: "device float*"):
    i = metal.thread_id()
    y[i] = x[i] + 1.0

x, y = api.asarray(np.ones(64, np.float32)), api.empty(64)
z = x + 3
shifted(x * 2, y, threads=64)
print("sum", float((z + y).numpy().sum()))
"""


def test_launches_stand_between_the_kernels(iris, tmp_path: Path) -> None:
    path, picture = tmp_path / "launching.py", tmp_path / "graph.svg"
    path.write_text(LAUNCHING)
    result = iris("explain", "--svg", str(picture), "--msl", str(path))
    assert result.status == 0, result.err
    assert "sum 448.0" in result.out
    assert "3 operators in 2 kernels" in result.out
    assert "2. shifted  on 64 threads, launched by the program" in result.out
    assert "reads x float32 (64,); writes y float32 (64,)" in result.out
    assert "it reads what `shifted` (2) wrote" in result.out
    assert "kernel void shifted" in result.out
    assert "launch  shifted" in picture.read_text()
    result = iris("explain", "--json", str(path))
    report = json.loads(result.out[result.out.index("{") :])
    (launch,) = report["launches"]
    assert (launch["name"], launch["written_bytes"]) == ("shifted", 256)
    assert report["order"][1] == "shifted"
    assert len(report["kernels"]) == 2
