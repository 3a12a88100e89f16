"""What goes wrong on purpose: a test says what and when, the double lets it happen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

ALWAYS: frozenset[int] = frozenset()
"""Every call, where calls are counted."""


@dataclass(frozen=True, slots=True)
class CommandBufferFault:
    """How a command buffer ends in an error."""

    code: int
    """MTLCommandBufferError."""

    encoder: int = -1
    """Which of its encoders is at fault; those before it have run."""


@dataclass(slots=True)
class Faults:
    """Calls and command buffers are counted from 1, over all devices and queues of the double."""

    command_buffers: Mapping[int, int | CommandBufferFault] = field(default_factory=dict)
    """The n-th command buffer that is committed -> its error."""

    wedged: frozenset[int] = frozenset()
    """Command buffers that are scheduled and never end, and with them all behind them on their queue."""

    nil: Mapping[str, frozenset[int]] = field(default_factory=dict)
    """Selector or function -> the calls that give nil: ``{"newBufferWithLength:options:": ALWAYS}``.

    With an out-parameter there is an NSError beside it.
    """

    memory: int | None = None
    """Bytes of all buffers and heaps, over which there is no memory (nil)."""

    warning: str | None = None
    """What the compiler warns of: newLibraryWithSource then gives a library and an error."""

    pipeline_threads: Mapping[str, int] = field(default_factory=dict)
    """Kernel -> the threads per threadgroup that its pipeline state allows, as with many registers."""

    def command_buffer(self, number: int) -> CommandBufferFault | None:
        found = self.command_buffers.get(number)
        return CommandBufferFault(found) if isinstance(found, int) else found

    def is_nil(self, selector: str, call: int) -> bool:
        calls = self.nil.get(selector)
        return calls is not None and (not calls or call in calls)
