"""The inspector's side of the process that is looked into: a daemon thread, which answers whoever connects to a Unix socket."""

from __future__ import annotations

import atexit
import os
import select
import threading
import time
from pathlib import Path

from metal_runtime.inspect import answers
from metal_runtime.inspect.address import UnsafeDirectory, is_socket, safe_directory, socket_path
from metal_runtime.inspect.connection import Connection
from metal_runtime.inspect.log_lines import LogLines
from metal_runtime.inspect.sockets import (
    AVAILABLE,
    accept,
    is_alive,
    new_socket,
    peer_uid,
)
from metal_runtime.logging import get_logger
from metal_runtime.recording.recorder import RECORDER

MOST_CLIENTS = 8
REST = 4
"""Seconds of rest for each second of work: however much is asked, the program keeps four fifths of a core."""

LONGEST_REST = 0.25
"""Seconds."""


class Server:
    """A socket and the thread that serves it."""

    def __init__(self, folder: Path) -> None:
        """Raises OSError where there can be no socket."""
        self.path = socket_path(folder, os.getpid())
        if is_socket(self.path):
            if is_alive(self.path):  # a process of the same number, in another container
                raise OSError(f"{self.path} is in use")
            os.unlink(self.path)
        self._listener = new_socket()
        try:
            self._listener.bind(self.path)
            os.chmod(self.path, 0o600)
            self._listener.listen(MOST_CLIENTS)
            self._listener.setblocking(False)
            self._file = _identity(self.path)
            self._wake = os.pipe()
        except BaseException:
            self._listener.close()
            raise
        self._clients: dict[int, Connection] = {}
        self._attached = 0
        self._log = LogLines()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="iris-inspect", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Lets the clients go and removes the socket. Waits no longer than a fifth of a second."""
        self._stopping.set()
        os.write(self._wake[1], b"x")
        self._thread.join(0.2)
        if _identity(self.path) == self._file:
            os.unlink(self.path)

    def forget(self) -> None:
        """In the child of a fork: what is open is the parent's, too, and stays so; the socket's file is not touched."""
        for connection in self._clients.values():
            connection.socket.close()
        self._listener.close()
        for end in self._wake:
            os.close(end)

    # --- the thread ------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._turn()
        except Exception:  # nothing of this may reach the program
            get_logger("inspect").debug("the inspector's thread ends", exc_info=True)
        finally:
            for connection in list(self._clients.values()):
                self._drop(connection)
            self._listener.close()

    def _turn(self) -> None:
        """Waits for something to do, and does it."""
        poll = select.poll()
        poll.register(self._wake[0], select.POLLIN)
        poll.register(self._listener.fileno(), select.POLLIN)
        for number, connection in self._clients.items():
            poll.register(number, select.POLLOUT if connection.to_send else select.POLLIN)
        ready = poll.poll(1000 if self._clients else None)
        begin = time.thread_time()
        for number, _ in ready:
            if number == self._listener.fileno():
                self._welcome()
            elif number in self._clients:
                self._serve(self._clients[number])
        for connection in list(self._clients.values()):
            if connection.is_late():
                self._drop(connection)
        self._stopping.wait(min((time.thread_time() - begin) * REST, LONGEST_REST))

    def _welcome(self) -> None:
        """Takes a connection of the same user, if there is room for one more."""
        try:
            socket = accept(self._listener)
        except OSError:  # it has left again
            return
        try:
            socket.setblocking(False)
            allowed = peer_uid(socket) == os.geteuid() and len(self._clients) < MOST_CLIENTS
        except OSError:
            allowed = False
        if allowed:
            self._clients[socket.fileno()] = Connection(socket, self._begin, self._answer)
        else:
            socket.close()

    def _serve(self, connection: Connection) -> None:
        try:
            goes_on = connection.advance()
        except OSError:
            goes_on = False
        except Exception:
            get_logger("inspect").debug("a request failed", exc_info=True)
            goes_on = False
        if not goes_on:
            self._drop(connection)

    def _answer(self, request: dict[str, object]) -> str:
        return answers.answer(request, self._log)

    def _begin(self) -> None:
        """One more is attached: events are wanted."""
        RECORDER.start()
        self._attached += 1
        if self._attached == 1:
            self._log.begin()

    def _drop(self, connection: Connection) -> None:
        del self._clients[connection.socket.fileno()]
        connection.socket.close()
        if connection.is_attached:
            RECORDER.stop()
            self._attached -= 1
            if not self._attached:
                self._log.end()


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


_server: Server | None = None
_lock = threading.Lock()


def serve() -> None:
    """Called when a device has been opened: from the first time on this process can be looked into. Never raises."""
    global _server
    if _server is not None or not AVAILABLE:
        return
    with _lock:
        if _server is not None:
            return
        try:
            _server = Server(safe_directory(make=True))
            get_logger("inspect").debug("other processes look in at %s", _server.path)
        except (OSError, RuntimeError, UnsafeDirectory) as reason:  # RuntimeError: no more threads
            get_logger("inspect").debug("this process cannot be looked into: %s", reason)


def _stop() -> None:
    global _server
    server, _server = _server, None
    if server is not None:
        server.stop()


def _renew_after_fork() -> None:
    global _server, _lock
    server, _server = _server, None
    _lock = threading.Lock()
    if server is not None:
        server.forget()


atexit.register(_stop)
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_renew_after_fork)
