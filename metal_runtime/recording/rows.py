"""Events to short rows of JSON's types and back: as ``codec.py`` writes them, less the names, in a few microseconds each."""

from __future__ import annotations

import functools
import json
import operator
import typing
from collections.abc import Callable
from dataclasses import fields
from typing import Any

from metal_runtime.recording.codec import from_json, to_json
from metal_runtime.recording.events import Event, Extent, Place, Work

_EVENTS: dict[str, type] = {kind.__name__: kind for kind in typing.get_args(Event)}
_GETTERS = {
    kind: operator.attrgetter(*(field.name for field in fields(kind))) for kind in _EVENTS.values()
}


def row_of(event: Event) -> str:
    """JSON text of one event: a list of its kind's name and its fields in their order."""
    kind = type(event)
    return json.dumps((kind.__name__, *_GETTERS[kind](event)), default=to_json)


def event_of(row: Any) -> Event:
    """The event of a row. Raises ValueError for what is none."""
    kind = _EVENTS.get(str(row[0])) if isinstance(row, list) and row else None
    if kind is None:
        raise ValueError(f"no event: {str(row)[:80]}")
    readers = _readers(kind)
    if len(readers) != len(row) - 1:
        raise ValueError(f"a row of {len(row)} for {kind.__name__}")
    make: Callable[..., Event] = kind
    return make(*[read(item) for read, item in zip(readers, row[1:], strict=True)])


@functools.cache
def _readers(kind: type) -> tuple[Callable[[Any], Any], ...]:
    hints = typing.get_type_hints(kind)
    return tuple(_reader(hints[field.name]) for field in fields(kind))


def _reader(hint: Any) -> Callable[[Any], Any]:
    quick = {int: _int, Work: _work, Extent: _extent, Place | None: _place}
    return quick.get(hint) or functools.partial(from_json, hint)


def _int(data: Any) -> int:
    if type(data) is not int:
        raise ValueError(f"{str(data)[:80]!r} is no int")
    return data


def _list(data: Any) -> list[Any]:
    if not isinstance(data, list):
        raise ValueError(f"{str(data)[:80]!r} is no list")
    return data


def _extent(data: Any) -> Extent:
    x, y, z = _list(data)
    return _int(x), _int(y), _int(z)


def _work(data: Any) -> Work:
    read, written, operations = _list(data)
    return Work(_int(read), _int(written), None if operations is None else _int(operations))


def _place(data: Any) -> Place | None:
    if data is None:
        return None
    file, line = _list(data)
    if type(file) is not str:
        raise ValueError(f"{str(file)[:80]!r} is no file")
    return Place(file, _int(line))
