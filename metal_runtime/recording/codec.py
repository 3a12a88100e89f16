"""Recorded values to JSON's types and back: for trace files and the inspector's socket."""

from __future__ import annotations

import enum
import functools
import types
import typing
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

from metal_runtime.recording.events import Event

Kind = TypeVar("Kind")
_EVENTS: dict[str, type] = {kind.__name__: kind for kind in typing.get_args(Event)}


def to_json(value: Any) -> Any:
    """Dictionaries, lists, strings and numbers for any value of this package; events name their kind."""
    if isinstance(value, enum.Enum):
        return value.value
    if is_dataclass(value):
        found = {field.name: to_json(getattr(value, field.name)) for field in fields(value)}
        name = type(value).__name__
        return {"kind": name, **found} if name in _EVENTS else found
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [to_json(item) for item in value]
    return value


def event_from_json(data: Any) -> Event:
    """An event. Raises ValueError for what is none."""
    kind = _EVENTS.get(data.get("kind", "")) if isinstance(data, dict) else None
    if kind is None:
        raise ValueError(f"no kind of event: {str(data)[:80]}")
    event: Event = from_json(kind, {k: v for k, v in data.items() if k != "kind"})
    return event


def from_json(kind: type[Kind], data: Any) -> Kind:
    """A value of a class of this package. Raises ValueError for data that is none."""
    try:
        found: Kind = _value(kind, data)
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"no {kind.__name__}: {error}") from error
    return found


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _value(kind: Any, data: Any) -> Any:
    origin = typing.get_origin(kind)
    if origin in (types.UnionType, typing.Union):
        return _of_union(typing.get_args(kind), data)
    if origin is tuple:
        (inner, *more) = typing.get_args(kind)
        if more and more[0] is not Ellipsis:
            return tuple(_value(k, item) for k, item in zip((inner, *more), data, strict=True))
        return tuple(_value(inner, item) for item in data)
    if origin is not None and issubclass(origin, Mapping):
        key, inner = typing.get_args(kind)
        return {key(k): _value(inner, item) for k, item in data.items()}
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return kind(data)
    if isinstance(kind, type) and issubclass(kind, tuple):
        pairs = zip(_hints(kind).values(), data, strict=True)
        return kind(*(_value(k, item) for k, item in pairs))
    if is_dataclass(kind):
        hints = _hints(typing.cast(type, kind))
        known = {name: _value(hints[name], item) for name, item in data.items()}
        return typing.cast(type, kind)(**known)
    return _plain(kind, data)


def _of_union(kinds: tuple[Any, ...], data: Any) -> Any:
    if data is None and type(None) in kinds:
        return None
    if set(kinds) == set(_EVENTS.values()):
        return event_from_json(data)
    (kind,) = (k for k in kinds if k is not type(None))
    return _value(kind, data)


def _plain(kind: type, data: Any) -> Any:
    if kind is float and isinstance(data, int) and not isinstance(data, bool):
        return float(data)
    if type(data) is not kind:
        raise TypeError(f"{str(data)[:80]!r} is no {kind.__name__}")
    return data
