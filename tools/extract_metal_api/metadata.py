"""pyobjc's own metadata of a framework -> enums, constants, structures, functions, and what it knows of selectors' arguments.

The file is Python that calls ``objc``; here it runs with a recorder in that place.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Metadata:
    enums: dict[str, int] = field(default_factory=dict)
    constants: list[str] = field(default_factory=list)
    structs: dict[str, dict[str, Any]] = field(default_factory=dict)
    functions: dict[str, str] = field(default_factory=dict)
    """Function -> its types, result first."""

    selectors: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    """(class, selector) -> pyobjc's description; the class is NSObject for what protocols declare."""


def read_metadata(text: str) -> Metadata:
    """Runs the file's text and takes its names."""
    found = Metadata()
    with _recorder(found):
        names: dict[str, Any] = {"__name__": "metadata"}
        exec(compile(text, "_metadata.py", "exec"), names)
    for pair in names["enums"].strip("$").split("$"):
        name, _, value = pair.partition("@")
        found.enums[name] = int(value)
    found.constants = sorted(names["constants"].strip("$").split("$"))
    found.functions = {n: description[0].decode() for n, description in names["functions"].items()}
    return found


@contextmanager
def _recorder(found: Metadata) -> Iterator[None]:
    objc: Any = types.ModuleType("objc")
    objc.arch = "arm64"
    objc._updatingMetadata = lambda _: None

    def register(class_: bytes, selector: bytes, description: dict[str, Any]) -> None:
        found.selectors[class_.decode(), selector.decode()] = description

    def struct(name: str, encoding: bytes, fields: list[str]) -> None:
        found.structs[name] = {"enc": encoding.decode(), "fields": fields}

    objc.registerMetaDataForSelector = register
    objc.createStructType = struct
    objc.__getattr__ = lambda name: lambda *_, **__: None  # what else it registers is not needed
    before = sys.modules.get("objc")
    sys.modules["objc"] = objc
    try:
        yield
    finally:
        if before is None:
            del sys.modules["objc"]
        else:
            sys.modules["objc"] = before
