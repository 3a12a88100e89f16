"""Type encodings -> checks: what pyobjc would take for an argument, and no more."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

Check = Callable[[Any, Sequence[Any]], str | None]
"""A value and all arguments in, what is wrong or None out."""

_RANGES = {"Q": (0, 2**64), "q": (-(2**63), 2**63), "I": (0, 2**32), "i": (-(2**31), 2**31), "C": (0, 2**8)}  # fmt: skip
_STRUCT = re.compile(r"\{[^=]*=([QqI]+)\}")


def check_of(encoding: str, *, out: bool, length_at: int | None, accepted: Any) -> Check | None:
    """The check of one argument; None: the double knows no such type.

    ``accepted`` is what an object (``@``) must be an instance of.
    """
    if encoding in _RANGES:
        low, high = _RANGES[encoding]
        return lambda value, _: None if _is_integer(value, low, high) else _expected("an integer", value)  # fmt: skip
    if encoding == "B":
        return lambda value, _: None if type(value) is bool else _expected("a bool", value)
    if encoding in ("f", "d"):
        return lambda value, _: None if type(value) in (int, float) else _expected("a number", value)  # fmt: skip
    if encoding == "@":
        return None if accepted is None else _object_check(accepted)
    if encoding == "@?":
        return lambda value, _: None if value is None or callable(value) else _expected("a function", value)  # fmt: skip
    if encoding == "^@" and (out or length_at is None):
        return lambda value, _: None if value is None else _expected("None (an out-parameter)", value)  # fmt: skip
    if encoding == "^v":
        return lambda value, arguments: _memory_trouble(value, arguments, length_at)
    if encoding in ("^@", "^Q"):
        return lambda value, arguments: _sequence_trouble(value, arguments, length_at)
    struct = _STRUCT.fullmatch(encoding)
    if struct is not None:
        return _struct_check(struct[1])
    return None


def _object_check(accepted: Any) -> Check:
    return lambda value, _: None if isinstance(value, accepted) else _expected(_name(accepted), value)  # fmt: skip


def _struct_check(fields: str) -> Check:
    ranges = [_RANGES[field] for field in fields]

    def check(value: Any, _: Sequence[Any]) -> str | None:
        if not isinstance(value, tuple | list) or len(value) != len(ranges):
            return _expected(f"a tuple of {len(ranges)} integers", value)
        if not all(_is_integer(v, *bounds) for v, bounds in zip(value, ranges, strict=True)):
            return _expected(f"a tuple of {len(ranges)} integers", value)
        return None

    return check


def _is_integer(value: Any, low: int, high: int) -> bool:
    return type(value) is int and low <= value < high


def _memory_trouble(value: Any, arguments: Sequence[Any], length_at: int | None) -> str | None:
    try:
        view = memoryview(value)
    except TypeError:
        return _expected("bytes or another buffer", value)
    if not view.c_contiguous:
        return "the memory is not contiguous"
    if length_at is not None and view.nbytes < arguments[length_at]:
        return f"the memory has {view.nbytes} bytes, not {arguments[length_at]}"
    return None


def _sequence_trouble(value: Any, arguments: Sequence[Any], length_at: int | None) -> str | None:
    if not isinstance(value, tuple | list):
        return _expected("a list", value)
    if length_at is not None:
        size = arguments[length_at]
        count = size[1] if isinstance(size, tuple | list) else size
        if len(value) < count:
            return f"the list has {len(value)} items, not {count}"
    return None


def _expected(what: str, value: Any) -> str:
    shown = getattr(value, "objc_name", None) or type(value).__name__
    text = repr(value)
    return f"expected {what}, got {shown} {text if len(text) <= 40 else ''}".rstrip()


def _name(accepted: Any) -> str:
    parts = getattr(accepted, "__args__", (accepted,))
    names = [getattr(part, "objc_name", "") or part.__name__ for part in parts]
    return " or ".join("nil" if name == "NoneType" else name for name in names)
