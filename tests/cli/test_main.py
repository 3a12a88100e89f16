"""The command as a whole: versions, help, exit statuses, how fast it starts."""

from __future__ import annotations

import subprocess
import sys

import metal_runtime


def test_version_names_what_a_report_needs(iris) -> None:
    result = iris("--version")
    assert result.status == 0
    assert result.out.startswith(f"iris {metal_runtime.__version__} (Python 3.")
    assert "numpy" in result.out
    assert "ziglang" in result.out


def test_help_lists_the_commands(iris) -> None:
    result = iris("--help")
    assert result.status == 0
    for command in ("demo", "devices", "emit", "cache"):
        assert command in result.out


def test_wrong_usage_ends_with_2(iris) -> None:
    for arguments in (
        ["--nonsense"],
        ["nonsense"],
        ["devices", "extra"],
        ["emit"],
        ["cache", "ls", "x"],
    ):
        result = iris(*arguments)
        assert result.status == 2, arguments
        assert "Traceback" not in result.err


def test_missing_device_ends_with_1_and_a_hint(iris, monkeypatch) -> None:
    from metal_runtime.runtime import sessions

    monkeypatch.setenv("IRIS_DEVICE", "abacus")
    before = sessions.set_session(None)
    try:
        result = iris("demo")
    finally:
        sessions.set_session(before)
    assert result.status == 1
    assert "error: there is no device `abacus`" in result.err
    assert "hint: use one of: cpu" in result.err
    assert "Traceback" not in result.err


def test_the_command_line_loads_lazily() -> None:
    program = (
        "import sys; sys.argv = ['iris', '--version']\n"
        "from metal_runtime.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: print(*sorted(sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    loaded = done.stdout.splitlines()[-1].split()
    compiler = {"metal_runtime.frontend", "metal_runtime.msl.library", "metal_runtime.ir"}
    assert not compiler & set(loaded)
