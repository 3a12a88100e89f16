"""What every test can use: golden files, and a kernel cache of the test run's own."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write golden files anew")
    parser.addoption("--soak", action="store_true", help="run the long randomised tests")


def pytest_configure(config: pytest.Config) -> None:
    # One cache for the whole run (workers inherit it), never the user's own.
    if "IRIS_CACHE_DIR" not in os.environ:
        os.environ["IRIS_CACHE_DIR"] = str(Path(config.cache.mkdir("iris-cache")))  # type: ignore[union-attr]
    os.environ["IRIS_INSPECT"] = (
        "0"  # the tests of the inspector turn it on, in folders of their own
    )
    os.environ["IRIS_TUNE"] = (
        "0"  # what a test measures must not depend on what was measured before
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--soak"):
        items[:] = [item for item in items if item.get_closest_marker("soak") is None]


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """``golden("msl/saxpy.metal", text)``: fails unless the file holds exactly that text.

    A missing file fails too: write it with ``pytest --update-golden``, then read it.
    """
    update = request.config.getoption("--update-golden")

    def check(name: str, text: str) -> None:
        path = GOLDEN / name
        text = text.rstrip("\n") + "\n"
        if update:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            return
        if not path.exists():
            pytest.fail(f"golden file {name} is missing; write it with --update-golden and read it")
        expected = path.read_text()
        if text != expected:
            diff = difflib.unified_diff(
                expected.splitlines(), text.splitlines(), "golden", "now", lineterm=""
            )
            pytest.fail(f"differs from golden/{name}:\n" + "\n".join(diff))

    return check
