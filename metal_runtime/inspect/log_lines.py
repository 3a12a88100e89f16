"""Records of iris' logger in, the last lines out: kept while an inspector is attached."""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass

from metal_runtime.logging import get_logger

CAPACITY = 1_000


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of the log. ``time`` is in seconds since 1970."""

    number: int
    time: float
    level: str
    logger: str
    message: str


class LogLines(logging.Handler):
    """A handler that keeps the latest lines. What the program's own logging does stays as it is."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: deque[LogLine] = deque(maxlen=CAPACITY)
        self._next = 0

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = record.getMessage()[:4096]
        except Exception:  # wrong arguments are told by the program's own handlers
            message = str(record.msg)[:4096]
        line = LogLine(self._next, record.created, record.levelname, record.name, message)
        self._lines.append(line)
        self._next += 1

    def since(self, number: int) -> tuple[LogLine, ...]:
        """The lines from a number on that are still kept."""
        self.acquire()
        try:
            return tuple(line for line in self._lines if line.number >= number)
        finally:
            self.release()

    def begin(self) -> None:
        """Lines are kept from now on."""
        get_logger().addHandler(self)

    def end(self) -> None:
        """No more lines are kept."""
        get_logger().removeHandler(self)
