"""The log: silent, then where the program wants it."""

from __future__ import annotations

import io
import logging
import subprocess
import sys

import pytest

from metal_runtime.logging import LogLevel, configure_logging, get_logger


@pytest.fixture(autouse=True)
def restored():
    logger = logging.getLogger("metal_runtime")
    handlers, level = list(logger.handlers), logger.level
    yield
    for handler in set(logger.handlers) - set(handlers):
        logger.removeHandler(handler)
        handler.close()
    logger.setLevel(level)


def test_messages_go_where_they_are_sent(tmp_path):
    stream = io.StringIO()
    configure_logging(LogLevel.DEBUG, stream=stream)
    get_logger("pool").debug("taken")
    assert "DEBUG   metal_runtime.pool: taken" in stream.getvalue()
    path = tmp_path / "iris.log"
    path.write_text("before\n")
    configure_logging("warning", file=path)
    get_logger().info("hidden")
    get_logger().warning("shown")
    text = path.read_text()
    assert text.startswith("before\n")
    assert "shown" in text
    assert "hidden" not in text
    assert "shown" not in stream.getvalue()


def test_handlers_of_the_program_stay():
    own = logging.StreamHandler(io.StringIO())
    get_logger().addHandler(own)
    configure_logging(logging.INFO, stream=io.StringIO())
    configure_logging(logging.INFO, stream=io.StringIO())
    assert own in get_logger().handlers


def test_importing_touches_no_file(tmp_path):
    code = "import metal_runtime, metal_runtime.logging, metal_runtime.api; metal_runtime.logging.get_logger().error('x')"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True,
        env={"PYTHONPATH": ":".join(p for p in sys.path if p), "HOME": str(tmp_path),
             "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []
