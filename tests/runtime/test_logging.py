"""The log: silent, then where the program wants it."""

from __future__ import annotations

import io
import logging
import os
import re
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


def logged(wish: str, program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"IRIS_LOG": wish, "IRIS_INSPECT": "0"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout == ""
    return done.stderr


USE = (
    "from metal_runtime import api, ops; (api.asarray([1.0, 2.0]) * 3.0 + 1.0).numpy(); api.trim()"
)


def test_the_environment_says_how_much_is_logged():
    debug, info = logged("debug", USE), logged("INFO", USE)
    for line in ("metal_runtime.device: cpu is open: ", "metal_runtime.graph: planned 2 operators as 1 kernels"):  # fmt: skip
        assert line in debug
    assert re.search(r"metal_runtime.compile: \w+: clang \d+\.\d ms, cache (hit|miss): ", debug)
    assert "is open" in info
    assert "DEBUG" not in info
    assert logged("error", USE) == ""


def test_a_wrong_level_is_said_and_stops_nothing():
    text = logged("loud", "import metal_runtime")
    assert "WARNING metal_runtime: IRIS_LOG is 'loud'" in text
    assert "hint: set it to debug, info, warning, error or critical" in text
