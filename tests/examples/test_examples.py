"""Every example runs as a program of its own and says that its result is NumPy's."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from tests.places import DOUBLE, current

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
NAMES = {
    "add_3d", "black_scholes", "convolution_2d", "mandelbrot", "matmul", "nbody", "raw_msl", "vector_add",
    "bitonic_sort", "histogram", "layer_norm", "reduction", "scan", "simdgroup_matmul", "softmax",
    "tiled_matmul", "transpose", "tuned_transpose", "largest_float", "word_count",
}  # fmt: skip


def test_every_example_is_run() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} == NAMES


@pytest.mark.parametrize("name", sorted(NAMES))
def test_example(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / f"{name}.py")],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert f"{name}: " in done.stdout
    assert "NumPy" in done.stdout


@pytest.mark.parametrize("name", sorted(NAMES))
def test_example_on_the_metal_driver(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with current(DOUBLE):
        runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    shown = capsys.readouterr().out
    assert f"{name}: " in shown
    assert "NumPy" in shown
