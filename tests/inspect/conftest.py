"""Running programs to look into, with sockets in a folder of the test run's own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent.parent


class Target:
    """A process that runs workload.py."""

    def __init__(self, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).parent / "workload.py")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY,
            env=os.environ | {"IRIS_INSPECT": "1", "PYTHONPATH": str(REPOSITORY)} | environment,
        )  # fmt: skip
        assert self.process.stdout.readline() == "ready\n"

    @property
    def pid(self) -> int:
        return self.process.pid

    def ask(self, what: str) -> list[int]:
        self.process.stdin.write(what + "\n")
        self.process.stdin.flush()
        return [int(word) for word in self.process.stdout.readline().split()[1:]]

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Where the sockets are; short, for the path of a socket has at most 104 bytes."""
    with tempfile.TemporaryDirectory(dir="/tmp") as path, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", path)
        yield Path(path) / "iris"


@pytest.fixture(scope="module")
def target(folder: Path) -> Iterator[Target]:
    """One program for all tests of a module that leave it alive."""
    found = Target()
    yield found
    found.end()
