"""A request in, the answer of another process out."""

from __future__ import annotations

import json
import os
import socket
import threading
from typing import Any

from metal_runtime.errors import IrisError
from metal_runtime.inspect.protocol import HEADER, MOST_ANSWER, frame
from metal_runtime.inspect.sockets import peer_uid


class Gone(Exception):
    """The process answers no more; says why."""


class AttachError(IrisError):
    """A process that cannot be looked into."""


class Caller:
    """A connection to the socket of a process. Safe to use from many threads; one request at a time is under way."""

    def __init__(self, path: str, timeout: float) -> None:
        """Raises Gone where nobody listens, or somebody else does."""
        self._lock = threading.Lock()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.settimeout(timeout)
            self._socket.connect(path)
            owner = peer_uid(self._socket)
        except OSError as error:
            self._socket.close()
            raise Gone(f"nobody listens at {path}: {error.strerror or error}") from error
        if owner != os.geteuid():
            self._socket.close()
            raise Gone(f"{path} is served by user {owner}")

    def ask(self, what: str, **fields: Any) -> dict[str, Any]:
        """The answer. Raises Gone where there is none, also for one that says why not."""
        with self._lock:
            try:
                self._socket.sendall(frame(json.dumps({"ask": what, **fields})))
                (length,) = HEADER.unpack(self._receive(HEADER.size))
                if length > MOST_ANSWER:
                    raise Gone(f"an answer of {length} bytes")
                found = json.loads(self._receive(length))
            except TimeoutError:
                raise Gone("it does not answer") from None
            except ConnectionError:
                raise Gone("the process has ended") from None
            except OSError as error:
                raise Gone(f"the connection broke: {error.strerror or error}") from error
            except (ValueError, RecursionError):
                raise Gone("its answer is no JSON") from None
        if not isinstance(found, dict):
            raise Gone("its answer is no object")
        if "error" in found:
            raise Gone(str(found["error"]))
        return found

    def close(self) -> None:
        """Ends the connection."""
        self._socket.close()

    def _receive(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            more = self._socket.recv(min(count - len(data), 1 << 20))
            if not more:
                raise Gone("the process has ended")
            data += more
        return bytes(data)
