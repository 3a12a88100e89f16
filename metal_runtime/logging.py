"""iris' log: a standard-library logger that is silent until the program configures it."""

from __future__ import annotations

import enum
import logging
import sys
from pathlib import Path
from typing import TextIO

_NAME = "metal_runtime"
_FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"

logging.getLogger(_NAME).addHandler(logging.NullHandler())


class LogLevel(enum.IntEnum):
    """How much to log; the numbers are the standard library's."""

    DEBUG = logging.DEBUG
    INFO = logging.INFO
    WARNING = logging.WARNING
    ERROR = logging.ERROR
    CRITICAL = logging.CRITICAL


def get_logger(name: str | None = None) -> logging.Logger:
    """The logger of iris, or its child called ``name``."""
    return logging.getLogger(_NAME if name is None else f"{_NAME}.{name}")


def configure_logging(
    level: LogLevel | int | str = LogLevel.INFO,
    *,
    file: str | Path | None = None,
    stream: TextIO | None = None,
) -> logging.Logger:
    """Sends the log to ``stream`` (standard error by default) or appends it to ``file``.

    A second call replaces what the first set up; handlers that the program added itself stay.
    """
    logger = logging.getLogger(_NAME)
    for handler in [h for h in logger.handlers if h.get_name() == _NAME]:
        logger.removeHandler(handler)
        handler.close()
    added: logging.Handler
    if file is not None:
        added = logging.FileHandler(file, mode="a", encoding="utf-8")
    else:
        added = logging.StreamHandler(stream or sys.stderr)
    added.set_name(_NAME)
    added.setFormatter(logging.Formatter(_FORMAT))
    logger.addHandler(added)
    logger.setLevel(level.upper() if isinstance(level, str) else int(level))
    return logger
