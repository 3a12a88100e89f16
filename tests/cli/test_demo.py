"""`iris demo`: the page fits 80 columns, and its result is checked."""

from __future__ import annotations

import re

import numpy as np
from rich.console import Console

from metal_runtime.cli import demo
from metal_runtime.cli.demo_kernel import LIMIT, numpy_mandelbrot
from metal_runtime.cli.picture import draw


def test_the_page(iris) -> None:
    result = iris("demo")
    assert result.status == 0, result.err
    assert max(map(len, result.out.splitlines())) <= 80
    assert "def mandelbrot(" in result.out
    assert "kernel void mandelbrot(" in result.out
    share = re.search(r"([\d.]+)% of the points", result.out)
    assert share is not None
    assert float(share[1]) >= 100 * (1 - demo.TOLERATED)


def test_a_wrong_result_is_not_passed_over(iris, monkeypatch) -> None:
    from metal_runtime.cli import demo_kernel

    def wrong(width: int, height: int, *window: float) -> np.ndarray:
        return numpy_mandelbrot(width, height, *window) + 1

    monkeypatch.setattr(demo_kernel, "numpy_mandelbrot", wrong)
    result = iris("demo")
    assert result.status == 1
    assert "differ from NumPy's" in result.err


def test_numpy_reference_knows_three_points() -> None:
    # 0 never leaves; 2 leaves after |z| = 2, then 6; -2 stays at |z| = 2.
    turns = numpy_mandelbrot(3, 1, -2.0, 0.0, 2.0)
    assert turns.tolist() == [[LIMIT, LIMIT, 2]]


def test_pictures_have_the_wanted_size() -> None:
    brightness = np.random.default_rng().random((40, 60))
    plain = Console(color_system=None)
    assert [len(line) for line in draw(brightness, 20, 10, plain).plain.split("\n")] == [20] * 10
    coloured = Console(force_terminal=True, color_system="truecolor")
    text = draw(brightness, 20, 10, coloured)
    assert [len(line) for line in text.plain.split("\n")] == [20] * 10
    assert len(text.spans) == 200
