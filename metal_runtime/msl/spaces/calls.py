"""Calls and address spaces: the functions of a name and the values of the arguments enter, what does not fit leaves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from metal_runtime.msl.declarations import Function
from metal_runtime.msl.spaces.checked_text import CheckedText
from metal_runtime.msl.spaces.declared_types import split_declarations
from metal_runtime.msl.spaces.finding import Found
from metal_runtime.msl.spaces.values import (
    UNKNOWN,
    Declared,
    Scope,
    Value,
    has_default,
    parameters_in,
    result_of,
)

Argument = tuple[Value, int]
"""A value, and the index of the token with which it begins."""

_THREAD_OUTPUTS = {"modf": 1, "frexp": 1, "sincos": 1}
"""Library functions that write to a `thread` reference: the number of that argument."""


@dataclass(slots=True)
class Surroundings:
    """What names mean, apart from a body's own variables."""

    text: CheckedText
    program: Scope
    members: Mapping[str, Scope]
    functions: Mapping[str, Sequence[Function]]
    parameters: dict[int, list[Declared | None]] = field(default_factory=dict)

    def parameters_of(self, function: Function) -> list[Declared | None]:
        """The parameters of a function, read once."""
        if function.start not in self.parameters:
            self.parameters[function.start] = list(parameters_in(self.text, function))
        return self.parameters[function.start]


def library_findings(text: CheckedText, name: str, arguments: list[Argument]) -> list[Found]:
    """What is wrong with a call of a library function, which writes to thread memory or to atomics."""
    found: list[Found] = []
    number = _THREAD_OUTPUTS.get(name)
    if number is not None and number < len(arguments):
        value, place = arguments[number]
        if value.place not in (None, "thread") and not value.is_pointer:
            found.append(Found(text.tokens[place], f"`{name}` writes to a thread variable, and this is in {value.place} memory",
                                    "pass a local variable, then store it"))  # fmt: skip
    if name.startswith("atomic_") and name.endswith("_explicit") and arguments:
        value, place = arguments[0]
        if value.space in ("thread", "constant"):
            found.append(Found(text.tokens[place], f"atomics are in device or threadgroup memory, and this points to {value.space} memory",
                                    "use an ordinary variable, or a `threadgroup` atomic"))  # fmt: skip
    return found


def takes(text: CheckedText, function: Function, count: int) -> bool:
    """Whether a function can be called with so many arguments."""
    parts = [
        p
        for p in split_declarations(text, function.parameters)
        if text.texts[p.start : p.stop] != ["void"]
    ]
    if any("..." in text.texts[p.start : p.stop] for p in parts):
        return True
    least = sum(not has_default(text, p) for p in parts)
    return least <= count <= len(parts)


def conflict(all_: Surroundings, function: Function, arguments: list[Argument]) -> int | None:
    """The number of the first argument that surely does not fit."""
    for number, (parameter, (value, _)) in enumerate(
        zip(all_.parameters_of(function), arguments, strict=False)
    ):
        if parameter is None or parameter.type is None:
            continue
        type_ = parameter.type
        if type_.rvalue_reference:
            continue
        if type_.reference:
            differs = type_.space is not None and value.place not in (None, type_.space)
            if differs and not (type_.const and type_.space == "thread"):
                return number
            continue
        wanted = (
            type_.space
            if parameter.dimensions
            else (type_.pointers[-1] if type_.pointers else None)
        )
        if wanted is not None and value.space is not None and wanted != value.space:
            return number
    return None


def call_finding(
    all_: Surroundings, name: str, fitting: list[Function], number: int, arguments: list[Argument]
) -> Found:
    """What to say of a call of which no function takes argument ``number``."""
    value, place = arguments[number]
    there = value.place if not value.is_pointer else value.space
    token = all_.text.tokens[place]
    if len(fitting) > 1:
        return Found(token, f"no overload of `{name}` takes {there} memory here", f"add one whose parameter is `{there}`",
                     (("one of them", all_.text.tokens[fitting[0].name_index]),))  # fmt: skip
    parameter = all_.parameters_of(fitting[0])[number]
    assert parameter is not None
    assert parameter.type is not None
    type_ = parameter.type
    direct = type_.reference or bool(parameter.dimensions)
    wanted = type_.space if direct else type_.pointers[-1]
    return Found(token, f"`{name}` takes {wanted} memory here, and this is in {there} memory",
                 f"write `{there}` at the parameter, or add an overload for it",
                 (("the parameter", all_.text.tokens[parameter.name_index]),))  # fmt: skip


def result_value(text: CheckedText, candidates: Sequence[Function]) -> Value:
    """What a call gives, when all functions of the name give the same."""
    results = {result_of(text, f) for f in candidates}
    only = next(iter(results)) if len(results) == 1 else None
    if only is None or only.rvalue_reference:
        return UNKNOWN
    if only.reference:
        return Value(only.base, only.pointers, 0, only.space)
    number = only.fundamental and not only.pointers
    return Value(only.base, only.pointers, number=number, temporary=number)
