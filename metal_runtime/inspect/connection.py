"""Bytes of one client in, its answers out, one request at a time; nothing here waits."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from metal_runtime.inspect import answers
from metal_runtime.inspect.protocol import HEADER, MOST_REQUEST, Refused, frame, read_request
from metal_runtime.inspect.sockets import Socket, send

FIRST = 5.0
"""Seconds within which a client has to say hello, to complete a request, and to read some of its answer."""

IDLE = 60.0
"""Seconds after which a client that is attached and asks nothing is taken for dead."""


class Connection:
    """One client. ``begin`` is called when it attaches; ``answer`` says what it gets for a request."""

    def __init__(
        self, socket: Socket, begin: Callable[[], None], answer: Callable[[dict[str, Any]], str]
    ) -> None:
        self.socket = socket
        self.to_send = memoryview(b"")
        self.is_attached = False
        self._begin = begin
        self._answer = answer
        self._received = bytearray()
        self._is_last = False
        self._moved = time.monotonic()

    def is_late(self) -> bool:
        """Whether it has kept us waiting for too long."""
        is_idle = self.is_attached and not self.to_send and not self._received
        return time.monotonic() - self._moved > (IDLE if is_idle else FIRST)

    def advance(self) -> bool:
        """Sends or receives what is possible now; false where the connection is over. Raises OSError."""
        try:
            if self.to_send:
                return self._send()
            data = self.socket.recv(HEADER.size + MOST_REQUEST - len(self._received))
        except BlockingIOError:
            return True
        if not data:
            return False
        if not self._received:  # a request that dribbles in is not given more time for each byte
            self._moved = time.monotonic()
        self._received += data
        return self._take_request()

    def _send(self) -> bool:
        sent = send(self.socket, self.to_send)
        self._moved = time.monotonic()
        self.to_send = self.to_send[sent:]
        if self.to_send:
            return True
        return not self._is_last and self._take_request()

    def _take_request(self) -> bool:
        """Answers the first request of what was received, if it is there as a whole."""
        if len(self._received) < HEADER.size:
            return True
        (length,) = HEADER.unpack_from(self._received)
        if not 0 < length <= MOST_REQUEST:
            return self._refuse(f"a request has from 1 to {MOST_REQUEST} bytes")
        end = HEADER.size + length
        if len(self._received) < end:
            return True
        data = bytes(self._received[HEADER.size : end])
        del self._received[:end]
        try:
            self.to_send = memoryview(frame(self._reply(read_request(data))))
        except Refused as reason:
            return self._refuse(str(reason))
        return True

    def _reply(self, request: dict[str, Any]) -> str:
        if self.is_attached:
            return self._answer(request)
        if request["ask"] == "who":
            return answers.who()
        if request["ask"] != "hello":
            raise Refused("say hello first")
        answers.check_version(request)
        self._begin()
        self.is_attached = True
        return answers.hello()

    def _refuse(self, reason: str) -> bool:
        """Says why, as the last thing on this connection."""
        self._received.clear()
        self._is_last = True
        self.to_send = memoryview(frame(json.dumps({"error": reason})))
        return True
