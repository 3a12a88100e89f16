"""A kernel's text and signature in; whether it surely reaches no memory but that of its buffer arguments, out."""

from __future__ import annotations

import re

from metal_runtime.msl_types import Pointer, element_of
from metal_runtime.program import Argument, ArgumentKind, MslProgram, Signature

_SPACE = r"\b(?:device|constant)\b"
_MAKES_POINTERS = re.compile(
    rf"{_SPACE}[^;{{}}()=]*[*&][^;{{}}()=]*;"  # a member of a struct
    rf"|\([^()]*{_SPACE}[^()]*[*&]\s*(?:const\s*)?\)"  # a cast
    rf"|<[^;()>]*{_SPACE}[^;()>]*[*&]"  # reinterpret_cast<device T*>, array<device T*, n>
    rf"|\b(?:using|typedef)\b[^;]*{_SPACE}"
    rf"|#\s*define\b.*{_SPACE}"
)
"""What an address in memory needs to become a pointer; a text has some of it for other reasons, too."""


def tells_its_memory(program: MslProgram, signature: Signature) -> bool:
    """Whether what a kernel reads and writes is memory of its buffer arguments alone.

    Metal's structs may hold pointers, and integers may be cast to them. False wherever that cannot be ruled out.
    """
    if not any(map(_may_hold_addresses, signature.arguments)):
        return True
    macros = " ".join(value for _, value in program.options.defines)
    if program.headers or re.search(_SPACE, macros):
        return False
    return _MAKES_POINTERS.search(program.source) is None


def _may_hold_addresses(argument: Argument) -> bool:
    type_ = argument.type
    if type_ is None:
        return True
    element = element_of(type_.element if isinstance(type_, Pointer) else type_)
    if element.is_float:
        return False
    if argument.kind is ArgumentKind.VALUE:
        return (argument.itemsize or 8) >= 8
    return element.itemsize >= 4
