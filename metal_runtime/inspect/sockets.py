"""Unix sockets by the C module alone, for Python's ``socket`` takes 5 ms to import; and who is at their other end."""

from __future__ import annotations

import _socket
import struct

Socket = _socket.socket
AVAILABLE = hasattr(_socket, "AF_UNIX")
_NO_SIGNAL = getattr(_socket, "MSG_NOSIGNAL", 0)
_SO_NOSIGPIPE = 0x1022  # <sys/socket.h> of macOS, which has no such flag
_XUCRED = struct.Struct("@IIh16I")  # macOS' struct xucred: version, uid, count of groups, groups
_LOCAL_PEERCRED, _SOL_LOCAL = 1, 0  # <sys/un.h> of macOS


def new_socket() -> Socket:
    """A Unix stream socket; children that are other programs do not inherit it."""
    return Socket(_socket.AF_UNIX, _socket.SOCK_STREAM)


def accept(listener: Socket) -> Socket:
    """The next connection. Raises OSError where there is none after all."""
    number, _ = listener._accept()  # type: ignore[attr-defined]
    socket = Socket(_socket.AF_UNIX, _socket.SOCK_STREAM, 0, number)
    if not _NO_SIGNAL:
        socket.setsockopt(_socket.SOL_SOCKET, _SO_NOSIGPIPE, 1)
    return socket


def send(socket: Socket, data: memoryview) -> int:
    """Sends what is possible now; who has left is an OSError, also in programs that let SIGPIPE end them."""
    return socket.send(data, _NO_SIGNAL)


def peer_uid(socket: Socket) -> int:
    """The user at the other end. Raises OSError."""
    if hasattr(_socket, "SO_PEERCRED"):
        raw = socket.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, 12)
        return int(struct.unpack("3i", raw)[1])
    raw = socket.getsockopt(_SOL_LOCAL, _LOCAL_PEERCRED, _XUCRED.size)
    return int(_XUCRED.unpack(raw)[1])


def is_alive(path: str) -> bool:
    """Whether somebody listens at a path."""
    socket = new_socket()
    try:
        socket.setblocking(False)
        socket.connect(path)
    except BlockingIOError:  # its queue is full: it is there
        return True
    except OSError:
        return False
    finally:
        socket.close()
    return True
