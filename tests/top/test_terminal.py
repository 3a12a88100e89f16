"""End to end, in a real terminal: a running program is looked at, killed, and what was seen stays."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")


class Terminal:
    """A terminal of 80x24 that tmux keeps."""

    def __init__(self, folder: str, environment: dict[str, str]) -> None:
        self._command = ["tmux", "-S", f"{folder}/tmux", "-f", "/dev/null"]
        self._environment = environment

    def tmux(self, *arguments: str) -> str:
        """Runs a command of tmux; what it prints."""
        return subprocess.run(
            [*self._command, *arguments], env=self._environment, check=True, capture_output=True, text=True, timeout=20
        ).stdout  # fmt: skip

    def until(self, *wanted: str) -> str:
        """The screen as soon as it shows all of the texts."""
        shown = ""
        for _ in range(300):
            shown = self.tmux("capture-pane", "-p")
            if all(text in shown for text in wanted):
                return shown
            time.sleep(0.1)
        pytest.fail(f"no {wanted} in\n{shown}")


@pytest.fixture
def environment() -> Iterator[dict[str, str]]:
    with tempfile.TemporaryDirectory(prefix="iris") as folder:  # short, as sockets' paths are
        yield {
            **os.environ, "TMPDIR": folder, "XDG_RUNTIME_DIR": "", "IRIS_INSPECT": "1",
            "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8", "TERM": "xterm-256color",
        }  # fmt: skip


def test_running_program_in_a_real_terminal(environment: dict[str, str]) -> None:
    program = [sys.executable, str(Path(__file__).parent / "workload.py"), "120"]
    terminal = Terminal(environment["TMPDIR"], environment)
    with subprocess.Popen(program, env=environment) as target:
        try:
            run = "from metal_runtime.cli.main import main; main()"
            top = f"{sys.executable} -c '{run}' top {target.pid}; sleep 60"
            folder = Path(environment["TMPDIR"]) / f"iris-{os.geteuid()}"
            for _ in range(300):
                if (folder / f"{target.pid}.sock").exists():
                    break
                time.sleep(0.1)
            terminal.tmux("new-session", "-d", "-x", "80", "-y", "24", top)
            terminal.until(f"workload.py (process {target.pid})", "● live", "stream 4", "worker-3")
            terminal.tmux("send-keys", "2")
            terminal.until("fused_mul_add", "GB/s")
            terminal.tmux("send-keys", "3")
            terminal.until("workload.py:19", "grows")
            target.kill()
            terminal.until("■ the process has ended", "workload.py:19")
            terminal.tmux("send-keys", "2")
            terminal.until("■ the process has ended", "fused_mul_add")
        finally:
            target.kill()
            subprocess.run(
                [*terminal._command, "kill-server"], env=environment, capture_output=True
            )
