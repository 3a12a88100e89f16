"""The command line run inside the test's process."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from metal_runtime.cli.main import main


@dataclass(frozen=True)
class Result:
    """What a run of the command left."""

    status: int
    out: str
    err: str


Iris = Callable[..., Result]


@pytest.fixture
def iris(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iris:
    """``iris("devices", "--json")`` runs the command at 80 columns without colour."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")

    def run(*arguments: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["iris", *map(str, arguments)])
        capfd.readouterr()
        status = 0
        try:
            main()
        except SystemExit as leaving:
            status = leaving.code if isinstance(leaving.code, int) else int(bool(leaving.code))
        captured = capfd.readouterr()
        return Result(status, captured.out, captured.err)

    return run


@pytest.fixture
def own_cache(tmp_path, monkeypatch: pytest.MonkeyPatch):
    """An empty cache folder for this test alone."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("IRIS_CACHE_DIR", str(folder))
    return folder
