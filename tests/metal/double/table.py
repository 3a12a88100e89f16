"""The table of Apple's API: tests/metal/metal_api.json in, what each class and protocol declares out, inheritance followed."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TABLE = Path(__file__).parents[1] / "metal_api.json"


@dataclass(frozen=True, slots=True)
class Method:
    """One selector as Apple declares it."""

    selector: str
    result: str
    arguments: tuple[str, ...]
    """The type encodings of Objective-C: ``Q`` NSUInteger, ``@`` an object, ``^v`` memory, ``^@`` where an error goes."""

    outs: frozenset[int]
    """Which arguments are out-parameters: pyobjc takes None there and gives the value as a further result."""

    lengths: Mapping[int, int]
    """Memory whose size another argument tells: its place -> the place of the size."""

    of_class: bool

    @property
    def python_name(self) -> str:
        return self.selector.replace(":", "_")


# What is not Metal's own, as Foundation declares it.
_FOUNDATION: dict[str, dict[str, list[str]]] = {
    "NSURL": {"+fileURLWithPath:": ["@", "@"], "path": ["@"], "isFileURL": ["B"]},
    "NSError": {
        "code": ["q"],
        "domain": ["@"],
        "localizedDescription": ["@"],
        "localizedFailureReason": ["@"],
        "userInfo": ["@"],
    },
    "NSProcessInfo": {
        "+processInfo": ["@"],
        "operatingSystemVersion": ["{NSOperatingSystemVersion=qqq}"],
        "operatingSystemVersionString": ["@"],
    },
}

SINCE: dict[str, tuple[int, int]] = {
    "MTLResidencySetDescriptor": (15, 0),
    "newResidencySetWithDescriptor:error:": (15, 0),
    "addResidencySet:": (15, 0),
    "removeResidencySet:": (15, 0),
    "useResidencySet:": (15, 0),
    "setMathMode:": (15, 0),
    "mathMode": (15, 0),
    "setMathFloatingPointFunctions:": (15, 0),
    "setShaderValidation:": (15, 0),
    "waitUntilSignaledValue:timeoutMS:": (12, 0),
}
"""The macOS with which a name came, for those that a driver for macOS 14 must do without (Apple's documentation)."""


@functools.cache
def table() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(TABLE.read_text())
    return loaded


@functools.cache
def methods(name: str) -> Mapping[str, Method]:
    """What a protocol or class declares, with all that it inherits, by pyobjc's names. KeyError: no such name."""
    if name in _FOUNDATION:
        return _by_python_name(
            _method(selector.lstrip("+"), types, "+" if selector[0] == "+" else "-")
            for selector, types in _FOUNDATION[name].items()
        )
    entry = table()["protocols"].get(name) or table()["classes"][name]
    found: dict[str, Method] = {}
    for parent in entry["p"]:
        if parent != "NSObjectProtocol":
            found.update(methods(parent))
    found.update(
        _by_python_name(
            _method(selector, m["t"], m["k"], m.get("out", ()), m.get("arr", {}))
            for selector, m in entry["m"].items()
        )
    )
    return found


def _by_python_name(found: Any) -> dict[str, Method]:
    return {method.python_name: method for method in found}


def _method(
    selector: str, types: list[str], kind: str, outs: Any = (), lengths: Any = ()
) -> Method:
    sizes = {int(place): size for place, size in dict(lengths).items() if isinstance(size, int)}
    return Method(selector, types[0], tuple(types[1:]), frozenset(outs), sizes, kind == "+")


def is_class(name: str) -> bool:
    return name in table()["classes"]


def enum(name: str) -> int:
    """The value of an enumerator. KeyError: Metal has none of this name."""
    value: int = table()["enums"][name]
    return value


def constant(name: str) -> str:
    """The value of one of Metal's NSString constants, which is its own name. KeyError: there is none."""
    if name not in table()["constants"]:
        raise KeyError(name)
    return name


@functools.cache
def names() -> frozenset[str]:
    """Everything that the module Metal has."""
    data = table()
    return frozenset([*data["enums"], *data["constants"], *data["functions"], *data["classes"]])
