"""What was recorded in a session and has not run: all of it, or what a launch depends on, is started."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from typing import Any

from metal_runtime.buffer import MetalBuffer, array_of
from metal_runtime.buffer_host import Launch
from metal_runtime.device.protocol import Stream
from metal_runtime.graph.dependence import started_before
from metal_runtime.graph.observing import Ran
from metal_runtime.graph.plan import Plan
from metal_runtime.graph.running import Runner
from metal_runtime.graph.trace import trace
from metal_runtime.graph.waiting import Waiting
from metal_runtime.runtime.session import Session, enter_stream, leave_stream
from metal_runtime.value import Value


class Pending:
    """What is pending on the streams of one session. Safe to use from many threads."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._lock = threading.RLock()
        self._default = Waiting()
        """What is pending on the default stream."""

        self._streams: dict[Stream, Waiting] = {}
        """What is pending on every stream, once there are several."""

        self._runner = Runner(session)

    # --- all of it -------------------------------------------------------------------------------

    def flush(self, wanted: Value | None = None) -> None:
        """Starts everything that is pending and that somebody still holds."""
        waiting = self._pending if self._session.has_streams else self._default
        if not waiting and wanted is None:
            return
        with self._lock:
            count = len(waiting)  # other threads may go on recording
            cells = waiting.cells(count)
            roots = [cell.value for cell in cells if cell.value.operation is not None]
            if wanted is not None and wanted.operation is not None:
                roots.append(wanted)
            try:
                if roots:
                    self._runner.run(list(dict.fromkeys(roots)))
            finally:
                # Not before it is launched: a thread that finds nothing waiting may overwrite what is read.
                waiting.remove_first(count)

    def flush_all(self) -> None:
        """The same for every stream."""
        self.flush()
        for stream, waiting in list(self._streams.items()):
            if waiting:
                enter_stream(self._session, stream)
                try:
                    self.flush()
                finally:
                    leave_stream()

    def forget(self, stream: Stream) -> None:
        """A stream that nobody uses any more has nothing pending."""
        self._streams.pop(stream, None)

    @property
    def _pending(self) -> Waiting:
        """What was recorded for the current stream and has not run."""
        if not self._session.has_streams or self._session.closed:
            return self._default
        stream = self._session.stream
        if stream is self._session.device.stream:
            return self._default
        return self._streams.setdefault(stream, Waiting())

    # --- what somebody needs ---------------------------------------------------------------------

    def start(self, value: Value) -> None:
        """Starts what a value needs, and leaves all else pending."""
        with self._lock:
            self._start([value], [])

    def start_before(self, reads: Sequence[MetalBuffer], writes: Sequence[MetalBuffer]) -> None:
        """Starts what has to run before a launch that reads and writes these buffers, and leaves all else pending."""
        with self._lock:
            self._start([b._open().value for b in reads], [b._open().value for b in writes])

    def _start(self, wanted: Sequence[Value], written: Sequence[Value]) -> None:
        waiting = self._pending
        pending = [value for value in (*wanted, *written) if value.operation is not None]
        if not pending and not (waiting and waiting.may_read(written, self._runner.moment)):
            return
        count = len(waiting)
        roots = started_before(waiting.held(count), wanted, written)
        try:
            if roots:
                self._runner.run(roots)
        finally:
            waiting.remove_values(count, frozenset(roots))  # after it is launched, as above

    # --- seen from outside -----------------------------------------------------------------------

    def is_busy(self) -> bool:
        """Whether a launch has to tell what it reads and writes: something is pending, or somebody looks on."""
        # Attributes, not properties: every launch asks.
        waiting = self._pending if self._session.has_streams else self._default
        return bool(waiting or self._runner.observers)

    def is_observed(self) -> bool:
        """Whether somebody looks on: then launches are told."""
        return bool(self._runner.observers)

    def launched(self, launch: Launch, args: Sequence[Any]) -> None:
        """A kernel that is no part of a plan was launched with these arguments."""
        with self._lock:
            self._runner.launched(launch, args)

    def plan_of(self, buffers: Sequence[MetalBuffer]) -> Plan | None:
        """The plan that would compute buffers that are pending; None where all are in memory."""
        roots = [buffer._open().value for buffer in buffers]
        pending = [root for root in roots if root.operation is not None]
        if not pending:
            return None
        return self._runner.plan(trace(list(dict.fromkeys(pending))))

    def pending(self) -> list[MetalBuffer]:
        """Buffers over everything that is pending and held."""
        values = {cell: cell.value for cell in self._pending.cells()}
        return [
            array_of(self._session, cell, value.shape, value.dtype, 0)
            for cell, value in values.items()
            if value.operation is not None
        ]

    @contextlib.contextmanager
    def observed(self) -> Iterator[list[Ran]]:
        """What runs within the block; what was pending before runs first, what is at its end last."""
        self.flush()
        with self._runner.observed() as ran:
            yield ran
            self.flush()
