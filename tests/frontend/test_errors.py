"""Each wrong kernel of wrong_kernels.py raises an IrisError whose whole text is the golden one."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from metal_runtime.errors import CompileError
from metal_runtime.frontend.translate import declared_types, translate
from tests.frontend import wrong_kernels

HELPERS = {"helper", "recursive", "half_returning", "two_results", "writes", "bad_inside"}
HELPERS |= {
    "takes_matrix",
    "takes_number",
    "returns_two_matrices",
    "helper_with_array",
    "writes_device",
    "helper_with_barrier",
}
WRONG = [
    function
    for name, function in vars(wrong_kernels).items()
    if inspect.isfunction(function) and name not in HELPERS
]


def error_of(function: Callable[..., Any]) -> CompileError:
    with pytest.raises(CompileError) as caught:
        types = declared_types(function)
        translate(function, {n: t for n, t in types.items() if t is not None})
    return caught.value


@pytest.mark.parametrize("function", WRONG, ids=lambda f: f.__name__)
def test_error_text(function: Callable[..., Any], golden: Callable[[str, str], None]) -> None:
    error = error_of(function)
    file = function.__code__.co_filename
    text = str(error).replace(file, Path(file).name)
    golden(f"errors/{function.__name__}.txt", text)


@pytest.mark.parametrize("function", WRONG, ids=lambda f: f.__name__)
def test_error_points_into_the_function(function: Callable[..., Any]) -> None:
    error = error_of(function)
    lines, first = inspect.getsourcelines(function)
    assert error.span is not None
    spans = [error.span, *(note.span for note in error.notes)]
    assert any(first <= span.line < first + len(lines) for span in spans)
    assert error.span.excerpt().count("\n") == 1


def test_there_are_many_wrong_kernels() -> None:
    assert len(WRONG) >= 110


def test_golden_texts_have_kernels(request: pytest.FixtureRequest) -> None:
    folder = Path(__file__).parent.parent / "golden" / "errors"
    prefix = {f.__name__ for f in WRONG}
    mine = {p.stem for p in folder.glob("*.txt") if p.read_text().startswith("wrong_kernels.py")}
    assert mine == prefix
