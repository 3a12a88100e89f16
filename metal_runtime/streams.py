"""Stream and Event: launches that run beside those of other streams, and points in time that order them."""

from __future__ import annotations

from types import TracebackType

from metal_runtime.device import protocol
from metal_runtime.errors import DeviceError
from metal_runtime.runtime.session import Session, enter_stream, leave_stream
from metal_runtime.runtime.sessions import get_session, session_on


class Stream:
    """Launches in order, beside those of other streams of the device.

    ``with stream:`` makes it current in this thread or task: kernels and operators on buffers of its device
    run on it. It begins behind what was launched on the default stream before it was made; from then on only
    events order two streams. Memory is safe without them: a buffer that is closed while a launch uses it is
    not reused before that launch has ended.
    """

    def __init__(self, device: str | None = None) -> None:
        """A stream of the current device, or of one by name. Raises DeviceError when it does not open."""
        self._session = get_session() if device is None else session_on(device)
        self._stream = self._session.new_stream()

    @property
    def device(self) -> str:
        """The name of its device, e.g. ``cpu``."""
        return self._session.device_name

    def synchronize(self) -> None:
        """Waits until all that was launched on it has ended. Raises KernelFault for a launch that failed."""
        if not self._session.closed:  # closing has waited
            self._session.flush()
            self._stream.synchronize()

    def record(self, event: Event | None = None) -> Event:
        """The event (a new one if None) is done when all that was launched on the stream so far has ended."""
        if event is None:
            event = Event(self.device)
        stream = self._open()
        self._session.flush()
        stream.record(event.on(self._session))
        return event

    def wait(self, event: Event) -> None:
        """Launches from now on begin when the event is done; one that was never recorded is. The host goes on."""
        stream = self._open()
        self._session.flush()
        stream.wait(event.on(self._session))

    def __enter__(self) -> Stream:
        stream = self._open()
        self._session.flush()  # what was recorded before runs where it was recorded
        enter_stream(self._session, stream)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._session.flush()
        finally:
            leave_stream()

    def __repr__(self) -> str:
        return f"Stream({self.device!r})"

    def __del__(self) -> None:
        stream = getattr(self, "_stream", None)
        if stream is not None:
            self._session.retire(stream)

    def _open(self) -> protocol.Stream:
        _check_open(self._session, "stream")
        return self._stream


class Event:
    """A point in a stream that the host, or another stream, can wait for; two of them measure time."""

    def __init__(self, device: str | None = None) -> None:
        """An event of the current device, or of one by name. Raises DeviceError when it does not open."""
        self._session = get_session() if device is None else session_on(device)
        self._event = self._session.device.new_event()

    @property
    def device(self) -> str:
        """The name of its device, e.g. ``cpu``."""
        return self._session.device_name

    def record(self, stream: Stream | None = None) -> Event:
        """Records it on a stream, or on the current one. Returns the event."""
        if stream is not None:
            return stream.record(self)
        _check_open(self._session, "event")
        self._session.flush()
        self._session.stream.record(self._event)
        return self

    def is_done(self) -> bool:
        """Whether all before it has ended, as far as it was recorded. It does not wait."""
        return self._session.closed or self._event.is_done()

    def synchronize(self) -> None:
        """Waits until all before it has ended. Raises KernelFault when that failed."""
        if not self._session.closed:
            self._session.flush()
            self._event.synchronize()

    def elapsed_ms(self, later: Event) -> float:
        """Milliseconds on the device from this event to a later one; waits for both.

        Raises:
            DeviceError: one of them was never recorded, or they are of two devices.
        """
        end = later.on(self._session)
        return self._session.device.seconds_between(self._event, end) * 1e3

    def __repr__(self) -> str:
        return f"Event({self.device!r})"

    def on(self, session: Session) -> protocol.Event:
        """The device's event. Raises DeviceError when that is not the session's."""
        _check_open(self._session, "event")
        if self._session is not session:
            raise DeviceError(
                f"an event of `{self.device}` is used on a stream of `{session.device_name}`",
                hint=f'make it with api.Event("{session.device_name}")',
            )
        return self._event


def _check_open(session: Session, what: str) -> None:
    if session.closed:
        raise DeviceError(
            f"the {what} is of a session that has ended, or of before a fork",
            hint=f"make a new {what}",
        )
