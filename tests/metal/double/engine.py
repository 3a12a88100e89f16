"""The GPU: queues of committed command buffers in, their commands run in order, when somebody waits."""

from __future__ import annotations

import time
from typing import Any

from metal_runtime.errors import DeviceMemoryError, IrisError, KernelFault
from tests.metal.double.faults import CommandBufferFault
from tests.metal.double.foundation import NSError
from tests.metal.double.objects import ObjCObject
from tests.metal.double.records import Dispatch, EncoderRecord, EventCell, Signal, Wait
from tests.metal.double.world import World

SCHEDULED, COMPLETED, ERROR = 3, 4, 5
DOMAIN = "MTLCommandBufferErrorDomain"
INFO_KEY = "MTLCommandBufferEncoderInfoErrorKey"
_STATE_COMPLETED, _STATE_PENDING, _STATE_FAULTED = 1, 3, 4
_IGNORED = 4
_OUT_OF_MEMORY = 8

_TEXTS = {
    1: "Internal Error",
    2: "Caused GPU Timeout Error",
    3: "Caused GPU Address Fault Error",
    4: "Ignored (for causing prior/excessive GPU errors)",
    7: "Insufficient Permission (to submit GPU work from background)",
    8: "Insufficient Memory",
    9: "Invalid Resource",
    10: "Memoryless",
    11: "Device Removed",
    12: "Stack Overflow",
}
_CODES = (
    ("seconds and was ended", 2),
    ("outside its buffers", 3),
    ("than its stack", 12),
)
"""What the CPU device says of a kernel that failed -> the code that Metal has for it; 1 for all else."""


class EncoderInfo(ObjCObject, objc_name="MTLCommandBufferEncoderInfo"):
    def __init__(self, world: World, label: str | None, state: int) -> None:
        super().__init__(world)
        self._label, self._state = label, state

    def label(self) -> str | None:
        return self._label

    def errorState(self) -> int:
        return self._state

    def debugSignposts(self) -> tuple[str, ...]:
        return ()


def run_until(buffer: Any) -> bool:
    """Runs a queue until a command buffer of it has ended; False when something keeps it from going on."""
    return _run_queue(buffer._queue, until=buffer, visited=frozenset())


def reach(
    world: World, event: EventCell, value: int, visited: frozenset[Any] = frozenset()
) -> bool:
    """Runs the queues that signal an event until it has a value; False when none can."""
    for queue in list(world.singletons.get("busy", ())):
        if event.value >= value:
            break
        signals = (i for b in queue._pending for i in b._items[b._at :] if isinstance(i, Signal))
        if queue not in visited and any(s.event is event for s in signals):
            _run_queue(queue, until=None, visited=visited, event=event, value=value)
    return event.value >= value


def _run_queue(
    queue: Any, until: Any, visited: frozenset[Any], event: EventCell | None = None, value: int = 0
) -> bool:
    visited = visited | {queue}
    while queue._pending:
        if (until is not None and until._status >= COMPLETED) or (
            event is not None and event.value >= value
        ):
            return True
        if not _run(queue._pending[0], visited):
            return False
    return True


def _run(buffer: Any, visited: frozenset[Any]) -> bool:
    """Runs one command buffer from where it stands; False when it must wait for an event, or is stuck."""
    buffer._status = SCHEDULED
    if buffer._wedged:
        return False
    buffer._started = buffer._started or time.perf_counter()
    if buffer._ignored:
        _end(buffer, _error(buffer, _IGNORED, _TEXTS[_IGNORED], None))
        return True
    while buffer._at < len(buffer._items):
        item = buffer._items[buffer._at]
        if isinstance(item, Wait):
            if item.event.value < item.value and not reach(
                buffer._world, item.event, item.value, visited
            ):
                return False
        elif isinstance(item, Signal):
            if buffer._fault is not None and _at_fault(buffer, buffer._fault) is None:
                break  # no encoder is to blame; after an error nothing is signalled
            item.event.value = max(item.event.value, item.value)
        else:
            error = _run_encoder(buffer, item)
            if error is not None:
                _end(buffer, error)
                return True
        buffer._at += 1
    _end(buffer, None if buffer._fault is None else _injected(buffer, None))
    return True


def _run_encoder(buffer: Any, record: EncoderRecord) -> NSError | None:
    if buffer._fault is not None and record is _at_fault(buffer, buffer._fault):
        return _injected(buffer, record)
    for command in record.commands:
        if isinstance(command, Dispatch):
            _check_untouched(buffer._world, command)
        try:
            command.run()
        except KernelFault as fault:
            code = next((code for words, code in _CODES if words in str(fault)), 1)
            return _error(buffer, code, f"{_TEXTS[code]}: {fault.message}", record)
        except DeviceMemoryError as fault:
            return _error(buffer, _OUT_OF_MEMORY, f"{_TEXTS[8]}: {fault.message}", record)
        except IrisError as fault:
            buffer._world.violation(f"the CPU device does not launch what was encoded: {fault}")
        for access in command.accesses:
            access.memory.gpu_writes += access.write
    record.state = _STATE_COMPLETED
    return None


def _at_fault(buffer: Any, fault: CommandBufferFault) -> EncoderRecord | None:
    records = [item for item in buffer._items if isinstance(item, EncoderRecord)]
    return records[fault.encoder] if -len(records) <= fault.encoder < len(records) else None


def _injected(buffer: Any, record: EncoderRecord | None) -> NSError:
    code = buffer._fault.code
    return _error(buffer, code, _TEXTS.get(code, f"error {code}"), record)


def _error(buffer: Any, code: int, text: str, record: EncoderRecord | None) -> NSError:
    """The NSError of a command buffer; with errorOptions it says how each encoder fared."""
    info = {}
    if record is not None:
        record.state = _STATE_FAULTED
    if buffer._error_options & 1:
        records = [item for item in buffer._items if isinstance(item, EncoderRecord)]
        info[INFO_KEY] = tuple(
            EncoderInfo(buffer._world, r.label, r.state or _STATE_PENDING) for r in records
        )
    return NSError(buffer._world, DOMAIN, code, f"{text} (code {code})", info)


def _check_untouched(world: World, command: Dispatch) -> None:
    """The host must not write to what a kernel is about to read."""
    for memory, checksum, gpu_writes in command.checksums:
        if memory.gpu_writes == gpu_writes and memory.checksum() != checksum:
            world.note(f"the host wrote to a buffer that {command.kernel} in flight reads")


def _end(buffer: Any, error: NSError | None) -> None:
    queue = buffer._queue
    queue._pending.popleft()
    if not queue._pending:
        buffer._world.singletons["busy"].discard(queue)
    if error is not None:
        for other in queue._pending:
            other._ignored = True
    buffer._finish(COMPLETED if error is None else ERROR, error, time.perf_counter())
