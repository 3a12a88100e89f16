"""The rules that keep the code readable, and the time that `import metal_runtime` takes."""

from __future__ import annotations

import ast
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "metal_runtime"
MODULES = sorted(PACKAGE.rglob("*.py"))
LONGEST = 400
MEDIAN = 150


def docstring_of(path: Path) -> str:
    return ast.get_docstring(ast.parse(path.read_text())) or ""


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_module_says_what_it_is_and_is_short(path: Path) -> None:
    text = path.read_text()
    if not text.strip():
        return  # a package's empty __init__
    assert docstring_of(path), "a module opens with a sentence: what enters, what leaves"
    lines = text.count("\n")
    assert lines <= LONGEST, f"{lines} lines; split it"


def test_modules_are_about_a_screen_or_three() -> None:
    lengths = [p.read_text().count("\n") for p in MODULES if p.name != "__init__.py"]
    assert statistics.median(lengths) <= MEDIAN


def test_tour_names_every_module() -> None:
    tour = (ROOT / "docs" / "layout.md").read_text()
    missing = [
        str(path.relative_to(PACKAGE))
        for path in MODULES
        if path.name not in ("__init__.py", "_version.py") and path.name not in tour
    ]
    assert not missing, "docs/layout.md leaves out " + ", ".join(missing)


def test_import_loads_neither_the_compiler_nor_the_command_line() -> None:
    program = "import sys, metal_runtime; print(*sorted(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    ).stdout.split()
    heavy = {
        "rich",
        "typer",
        "ziglang",
        "ml_dtypes",
        "metal_runtime.msl.clang",
        "metal_runtime.cli",
    }
    assert not heavy & set(loaded)
