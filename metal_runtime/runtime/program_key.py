"""A Python function -> a key of all that its MSL depends on, or None when something of it cannot be pinned down.

The key covers the file (by its time and size, as Python's own .pyc files do), the code, the values of the
globals and closure variables that it names, the functions it may call with all of theirs, and this
version of the compiler. It is made without parsing anything: that is what it is there to save.
"""

from __future__ import annotations

import dis
import functools
import hashlib
import os
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from metal_runtime._version import __version__

_COMPILER = ("", "frontend", "language", "ir", "passes", "emit", "runtime")
"""The folders of the package whose change may change what a function is compiled to."""

_PLAIN = (bool, int, float, str, bytes, type(None))


class _NotPinned(Exception):
    """Something that may have another meaning in another process."""


def program_key(function: Callable[..., Any], *parts: object) -> str | None:
    """The key of ``function`` together with ``parts``, whose repr must say all of them."""
    seen: set[int] = set()
    try:
        described = _function(function, seen)
    except (_NotPinned, OSError):
        return None
    whole = (__version__, sys.implementation.cache_tag, _compiler(), parts, described)
    return hashlib.blake2b(repr(whole).encode(), digest_size=16).hexdigest()


@functools.cache
def _compiler() -> str:
    """A digest of the compiler's files by time and size."""
    package = Path(__file__).parent.parent
    digest = hashlib.blake2b(digest_size=16)
    for folder in _COMPILER:
        with os.scandir(package / folder) as entries:
            for entry in sorted(entries, key=lambda e: e.name):
                if entry.name.endswith(".py"):
                    status = entry.stat()
                    digest.update(f"{entry.name} {status.st_mtime_ns} {status.st_size}\n".encode())
    return digest.hexdigest()


def _function(function: Callable[..., Any], seen: set[int]) -> object:
    if not isinstance(function, types.FunctionType):
        raise _NotPinned
    if id(function) in seen:
        return function.__qualname__
    seen.add(id(function))
    code = function.__code__
    status = os.stat(code.co_filename)
    return (
        function.__qualname__,
        (code.co_filename, status.st_mtime_ns, status.st_size, status.st_ino),
        _code(code),
        _value(function.__defaults__, seen),
        _mapping(function.__kwdefaults__ or {}, seen),
        _mapping(function.__annotations__, seen),
        list(_outside(function, seen)),
    )


def _code(code: types.CodeType) -> object:
    consts = [_code(c) if isinstance(c, types.CodeType) else _constant(c) for c in code.co_consts]
    names = code.co_names, code.co_varnames, code.co_freevars
    return code.co_code, consts, names, code.co_firstlineno, code.co_linetable


def _constant(value: object) -> object:
    # Sets have no order; repr tells 0.0 from -0.0 and True from 1.
    return sorted(map(repr, value)) if isinstance(value, frozenset) else repr(value)


def _outside(function: types.FunctionType, seen: set[int]) -> Iterator[tuple[str, object]]:
    """The names that the code may mean globals, closure variables or built-ins by, with their values."""
    code = function.__code__
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield name, _value(cell.cell_contents, seen)
        except ValueError:
            raise _NotPinned from None  # not assigned yet
    read: frozenset[str] | None = None
    for name in sorted(_names(code)):
        if name in function.__globals__:
            try:
                yield name, _value(function.__globals__[name], seen)
            except _NotPinned:
                # Attributes are among the names: `v.x` is no matter of a global `x`.
                read = _globals_read(code) if read is None else read
                if name in read:
                    raise


def _names(code: types.CodeType) -> set[str]:
    nested = (_names(c) for c in code.co_consts if isinstance(c, types.CodeType))
    return set(code.co_names).union(*nested)


def _globals_read(code: types.CodeType) -> frozenset[str]:
    found = {
        i.argval for i in dis.get_instructions(code) if i.opname in ("LOAD_GLOBAL", "LOAD_NAME")
    }
    nested = (_globals_read(c) for c in code.co_consts if isinstance(c, types.CodeType))
    return frozenset(found).union(*nested)


def _mapping(mapping: Mapping[str, object], seen: set[int]) -> object:
    return [(name, _value(value, seen)) for name, value in mapping.items()]


def _value(value: object, seen: set[int]) -> object:
    if isinstance(value, _PLAIN):
        return type(value).__name__, repr(value)
    if isinstance(value, np.generic):
        return value.dtype.str, value.tobytes()
    if isinstance(value, tuple | list):
        return type(value).__name__, [_value(part, seen) for part in value]
    if isinstance(value, types.ModuleType):
        if value.__name__ == "math" or value.__name__.startswith("metal_runtime"):
            return "module", value.__name__
        raise _NotPinned  # its attributes may be anything
    wrapped = getattr(value, "func", None)
    if isinstance(wrapped, types.FunctionType):  # a kernel
        return "kernel", _function(wrapped, seen)
    if isinstance(value, types.FunctionType):
        if value.__module__.startswith("metal_runtime."):
            return "language", value.__module__, value.__qualname__
        return "function", _function(value, seen)
    language = _language_name(value)
    if language is None:
        raise _NotPinned
    return "language", language


def _language_name(value: object) -> str | None:
    """What the language module calls an object of its own, such as ``float4``."""
    language = sys.modules.get("metal_runtime.language")
    for name, known in vars(language).items() if language is not None else ():
        if known is value:
            return name
    return None
