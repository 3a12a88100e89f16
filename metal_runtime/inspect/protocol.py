"""What both ends agree on: a request is JSON behind its length, and so is the answer; nothing comes unasked.

====================  ============================================  ==========================================
request (``ask``)     its fields                                    answer
====================  ============================================  ==========================================
``who``                                                             process, name, since; does not attach
``hello``             version                                       version, next: from now on events are kept
``events``            since, most, again                            events, next, latest, dropped, open
``kernels``           keys                                          kernels: their facts
``texts``             kernel                                        texts, by stage
``live``                                                            live: blocks in use
``status``            log: the first line wanted                    process, devices, pools, caches, log
====================  ============================================  ==========================================

An answer with ``error`` is the last on its connection.
"""

from __future__ import annotations

import json
import struct
from typing import Any

VERSION = 1
HEADER = struct.Struct(">I")
MOST_REQUEST = 64 << 10
"""Bytes of a request."""

MOST_ANSWER = 64 << 20
"""Bytes of an answer; servers stay far below."""

MOST_EVENTS = 2_000
"""Events of one answer."""

MOST_AGAIN = 1_000
"""Launches that one request may ask for again."""

MOST_KEYS = 256
"""Kernels of one answer."""

SOME_BYTES = 2 << 20
"""An answer that has grown to this holds no more; what is missing is asked for again."""


class Refused(Exception):
    """A request that gets no answer but the reason."""


def frame(text: str) -> bytes:
    """A message as it goes over the socket."""
    data = text.encode()
    return HEADER.pack(len(data)) + data


def read_request(data: bytes) -> dict[str, Any]:
    """The request of a message. Raises Refused."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        raise Refused("this is no JSON") from None
    if not isinstance(found, dict) or not isinstance(found.get("ask"), str):
        raise Refused("a request is an object with `ask`")
    return found


def number(request: dict[str, Any], name: str, most: int = 2**62) -> int:
    """A whole number of a request, from 0 to ``most``. Raises Refused."""
    found = request.get(name)
    if type(found) is not int or not 0 <= found <= most:
        raise Refused(f"`{name}` is a number from 0 to {most}")
    return found


def numbers(request: dict[str, Any], name: str, most: int) -> list[int]:
    """Whole numbers of a request, at most so many. Raises Refused."""
    found = request.get(name, [])
    if not isinstance(found, list) or len(found) > most or any(type(n) is not int for n in found):
        raise Refused(f"`{name}` is a list of at most {most} numbers")
    return found
