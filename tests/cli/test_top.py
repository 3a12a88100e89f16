"""`iris top` where it cannot begin: no terminal, no such process, no trace."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from metal_runtime.errors import IrisError
from metal_runtime.top.opening import open_source


def test_without_a_terminal_it_says_so() -> None:
    run = "from metal_runtime.cli.main import main; main()"
    done = subprocess.run([sys.executable, "-c", run, "top"], capture_output=True, text=True, stdin=subprocess.DEVNULL)  # fmt: skip
    assert done.returncode == 1
    assert "iris top needs a terminal" in done.stderr


def test_what_is_neither_a_process_nor_a_trace_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IrisError, match="neither a process id nor a trace file"):
        open_source(str(tmp_path / "no.json"))
    with pytest.raises(IrisError, match="cannot be looked into"):
        open_source("999999999")
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(IrisError):
        open_source(str(tmp_path / "bad.json"))


def test_a_saved_trace_is_opened(tmp_path: Path) -> None:
    from metal_runtime.profile import trace
    from tests.top.recordings import recording

    trace.write(recording(), tmp_path / "a.json")
    source = open_source(str(tmp_path / "a.json"))
    assert source.poll() == recording()
    assert source.ended == "a saved trace"
    assert source.title == "a.json"
