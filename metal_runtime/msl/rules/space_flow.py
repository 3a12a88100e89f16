"""Pointers keep their address space: the bodies of all functions enter, each conversion to another space leaves."""

from __future__ import annotations

from collections.abc import Iterator

from metal_runtime.msl.declarations import Function
from metal_runtime.msl.spaces.bodies import BodyWalk
from metal_runtime.msl.spaces.calls import Surroundings
from metal_runtime.msl.spaces.checked_text import CheckedText
from metal_runtime.msl.spaces.expressions import ExpressionReader
from metal_runtime.msl.spaces.finding import Found
from metal_runtime.msl.spaces.values import (
    Declared,
    Value,
    class_members,
    program_values,
    result_of,
    value_of,
)
from metal_runtime.msl.statements import Statement


def find_wrong_spaces(text: CheckedText) -> Iterator[Found]:
    """A pointer or reference is given one of its own space, in initial values, assignments, calls, returns and casts."""
    functions: dict[str, list[Function]] = {}
    for function in text.functions:
        functions.setdefault(function.name, []).append(function)
    surroundings = Surroundings(text, program_values(text), class_members(text), functions)
    for function in text.functions:
        if function.defined:
            yield from _Body(surroundings, function).findings()


class _Body(BodyWalk):
    """The walk that looks for pointers and references of the wrong space."""

    def __init__(self, surroundings: Surroundings, function: Function) -> None:
        super().__init__(surroundings.text, function, ExpressionReader(surroundings, function))
        self._result = result_of(self._text, function)
        self._found: list[Found] = []
        parameters = (p for p in surroundings.parameters_of(function) if p is not None)
        self._reader.scopes = [{p.name: value_of(p, own_space="thread") for p in parameters}]
        self._shadow_unread(function.parameters)

    def findings(self) -> list[Found]:
        self._walk()
        return self._found

    def _has_read(self) -> None:
        self._found += self._reader.found

    def _check_variable(self, declared: Declared, initial: Value | None) -> None:
        value = value_of(declared, own_space="thread")
        type_ = declared.type
        if type_ is None or initial is None:
            return
        token = self._text.tokens[declared.name_index]
        if type_.reference:
            differs = type_.space is not None and initial.place not in (None, type_.space)
            if differs and not (type_.const and type_.space == "thread"):
                self._found.append(Found(token, f"`{declared.name}` refers to {type_.space} memory, and its value is in {initial.place} memory",
                                         f"declare it `{initial.place}`, or copy the value"))  # fmt: skip
        elif (
            not declared.dimensions
            and value.space is not None
            and initial.space not in (None, value.space)
        ):
            self._found.append(Found(token, f"`{declared.name}` points to {value.space} memory, and its value to {initial.space} memory",
                                     f"declare it `{initial.space}`, or copy what it points to"))  # fmt: skip

    def _returned(self, statement: Statement) -> None:
        start = statement.tokens.start
        value = self._expression(range(start + 1, statement.tokens.stop - 1))
        if self._result is None or self._result.rvalue_reference:
            return
        token = self._text.tokens[start]
        if self._result.reference:
            space = self._result.space
            if (
                space is not None
                and value.place not in (None, space)
                and not (self._result.const and space == "thread")
            ):
                self._found.append(Found(token, f"`{self._function.name}` returns a reference to {space} memory, and this is in {value.place} memory",
                                         f"write `{value.place}` in the result type, or return a value"))  # fmt: skip
        elif (
            self._result.pointers
            and self._result.pointers[-1]
            and value.space not in (None, self._result.pointers[-1])
        ):
            self._found.append(Found(token, f"`{self._function.name}` returns a pointer to {self._result.pointers[-1]} memory, and this points to {value.space} memory",
                                     f"write `{value.space}` in the result type"))  # fmt: skip
