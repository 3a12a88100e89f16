"""Objective-C's own record of protocols in a Mach-O file -> every selector with its types, as the compiler wrote it."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from tools.extract_metal_api.mach_o import MachO

_LIST_SECTION = "__objc_protolist"
_TYPE = re.compile(
    r"""[rnNoORVA]*                                  # qualifiers
        (\^*(?:\{[^{}]*(?:\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}[^{}]*)*\}    # pointers, structures of structures
            |\[[^\]]*\]|@\?(?:<[^>]*>)?|@(?:"[^"]*")?|[a-zA-Z:*\#?]))
        \d*""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Method:
    """A selector's result and argument types, without the receiver and the selector themselves."""

    types: tuple[str, ...]
    of_class: bool


@dataclass(frozen=True, slots=True)
class Protocol:
    parents: tuple[str, ...]
    methods: dict[str, Method]


def read_protocols(file: bytes) -> dict[str, Protocol]:
    """The protocols of a Mach-O file by name. Raises NotReadableError."""
    image = MachO(file)
    section = image.section(_LIST_SECTION)
    found = {}
    for (address,) in struct.iter_unpack("<Q", section.data):
        name, protocol = _protocol(image, address)
        found[name] = protocol
    return found


def _protocol(image: MachO, address: int) -> tuple[str, Protocol]:
    _, name, parents, *lists = image.words_at(address, 7)
    methods: dict[str, Method] = {}
    for place, of_class in zip(lists, (False, True, False, True), strict=True):
        if place:
            methods.update(_methods(image, place, of_class))
    return image.text_at(name), Protocol(_parents(image, parents), methods)


def _parents(image: MachO, address: int) -> tuple[str, ...]:
    if not address:
        return ()
    (count,) = image.words_at(address, 1)
    return tuple(image.text_at(image.words_at(p, 2)[1]) for p in image.words_at(address + 8, count))


def _methods(image: MachO, address: int, of_class: bool) -> dict[str, Method]:
    _, count = struct.unpack("<2I", image.bytes_at(address, 8))
    found = {}
    for i in range(count):
        selector, types, _ = image.words_at(address + 8 + 24 * i, 3)
        found[image.text_at(selector)] = Method(split_types(image.text_at(types)), of_class)
    return found


def split_types(encoding: str) -> tuple[str, ...]:
    """``v32@0:8Q16Q24`` -> ``("v", "Q", "Q")``: the result, then the arguments behind receiver and selector."""
    types, at = [], 0
    while at < len(encoding):
        match = _TYPE.match(encoding, at)
        if match is None:
            raise ValueError(f"cannot read the types {encoding!r} from character {at}")
        types.append(plain_type(match[1]))
        at = match.end()
    return (types[0], *types[3:])


def plain_type(type_: str) -> str:
    """A type without the protocol of an object. BOOL is a char on x86 and Metal has no other char: all are ``B``."""
    if type_.startswith("@"):
        return "@?" if type_.startswith("@?") else "@"
    return "B" if type_ in ("c", "Z") else type_
