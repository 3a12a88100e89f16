"""Pointers keep their address space: the bodies of all functions enter, each conversion to another space leaves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from metal_runtime.msl.declarations import Function
from metal_runtime.msl.spaces.calls import Surroundings
from metal_runtime.msl.spaces.checked_text import CheckedText
from metal_runtime.msl.spaces.expressions import ExpressionReader, Unread
from metal_runtime.msl.spaces.finding import Found
from metal_runtime.msl.spaces.values import (
    UNKNOWN,
    Declared,
    Value,
    class_members,
    local_declarators,
    program_values,
    result_of,
    value_of,
)
from metal_runtime.msl.statements import Declarator, Statement, StatementKind


def find_wrong_spaces(text: CheckedText) -> Iterator[Found]:
    """A pointer or reference is given one of its own space, in initial values, assignments, calls, returns and casts."""
    functions: dict[str, list[Function]] = {}
    for function in text.functions:
        functions.setdefault(function.name, []).append(function)
    surroundings = Surroundings(text, program_values(text), class_members(text), functions)
    for function in text.functions:
        if function.defined:
            yield from _Body(surroundings, function).findings()


class _Body:
    """One walk over a body, with the variables of each block."""

    def __init__(self, surroundings: Surroundings, function: Function) -> None:
        self._text = surroundings.text
        self._function = function
        self._reader = ExpressionReader(surroundings, function)
        self._result = result_of(self._text, function)
        self._found: list[Found] = []
        parameters = (p for p in surroundings.parameters_of(function) if p is not None)
        self._reader.scopes = [{p.name: value_of(p, own_space="thread") for p in parameters}]
        self._shadow_unread(function.parameters)

    def findings(self) -> list[Found]:
        self._block(self._text.statements(self._function))
        return self._found

    def _shadow_unread(self, where: range) -> None:
        """Names of parameters that could not be read hide what they hide."""
        scope = self._reader.scopes[0]
        for i in where:
            following = self._text.texts[i + 1]
            if (
                self._text.is_identifier(i)
                and following in (",", ")", "[", "=")
                and i not in self._text.attribute_tokens
            ):
                scope.setdefault(self._text.texts[i], UNKNOWN)

    def _block(self, statements: Sequence[Statement]) -> None:
        self._reader.scopes.append({})
        for statement in statements:
            self._statement(statement)
        self._reader.scopes.pop()

    def _statement(self, statement: Statement) -> None:
        if statement.kind is StatementKind.BLOCK:
            self._block(statement.body)
        elif statement.kind is StatementKind.DECLARATION:
            self._declaration(statement)
        elif (
            statement.kind is StatementKind.TYPE_DECLARATION
            or statement.kind is StatementKind.LABEL
        ):
            return
        elif statement.kind is StatementKind.JUMP:
            self._jump(statement)
        elif statement.kind is StatementKind.EXPRESSION:
            stop = statement.tokens.stop
            end = stop - 1 if self._text.texts[stop - 1] == ";" else stop
            self._expression(range(statement.tokens.start, end))
        else:
            self._reader.scopes.append({})
            for part in statement.initial:
                self._statement(part)
            self._expression(statement.condition)
            self._expression(statement.step)
            for part in (*statement.body, *statement.otherwise):
                self._block((part,))
            self._reader.scopes.pop()

    def _expression(self, where: range) -> Value:
        if not len(where):
            return UNKNOWN
        try:
            value = self._reader.read(where)
        except Unread:
            self._hide(where)
            return UNKNOWN
        self._found += self._reader.found
        return value

    def _hide(self, where: range) -> None:
        """What was not understood may declare any of the names in it."""
        for i in where:
            if self._text.is_identifier(i):
                self._reader.scopes[-1][self._text.texts[i]] = UNKNOWN

    def _declaration(self, statement: Statement) -> None:
        names = [d.name_index for d in statement.declarators]
        read = local_declarators(
            self._text, statement.tokens.start, names, self._function.template_names
        )
        for declared, declarator in zip(read, statement.declarators, strict=True):
            initial = self._initial(declarator, is_range=self._is_range(statement, declarator))
            self._reader.scopes[-1][declared.name] = self._variable(declared, initial)

    def _is_range(self, statement: Statement, declarator: Declarator) -> bool:
        start = declarator.initializer.start
        return (
            len(declarator.initializer) > 0
            and self._text.texts[start - 1] == ":"
            and statement.tokens.start < start
        )

    def _initial(self, declarator: Declarator, *, is_range: bool) -> Value | None:
        where = declarator.initializer
        if not len(where):
            return None
        if is_range or (
            self._text.texts[where.start] in ("{", "(") and self._text.texts[where.start - 1] != "="
        ):
            return UNKNOWN
        try:
            value = self._reader.read(where)
        except Unread:
            return UNKNOWN
        self._found += self._reader.found
        return value

    def _variable(self, declared: Declared, initial: Value | None) -> Value:
        if declared.by_auto:
            if initial is None or declared.by_auto in ("?", "auto&&"):
                return UNKNOWN
            if declared.by_auto == "auto&":
                return initial
            return replace(initial.decayed() or UNKNOWN, place="thread")
        value = value_of(declared, own_space="thread")
        type_ = declared.type
        if type_ is None or initial is None:
            return value
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
        return value

    def _jump(self, statement: Statement) -> None:
        start = statement.tokens.start
        if self._text.texts[start] != "return":
            return
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
