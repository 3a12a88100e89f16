"""A walk over the body of a function: its statements enter, what each variable holds is known at every expression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from metal_runtime.msl.declarations import Function
from metal_runtime.msl.spaces.checked_text import CheckedText
from metal_runtime.msl.spaces.expressions import ExpressionReader, Unread
from metal_runtime.msl.spaces.values import UNKNOWN, Declared, Value, local_declarators, value_of
from metal_runtime.msl.statements import Declarator, Statement, StatementKind


class BodyWalk:
    """One walk over a body, with the variables of each block. Subclasses look at what they care for."""

    def __init__(self, text: CheckedText, function: Function, reader: ExpressionReader) -> None:
        self._text = text
        self._function = function
        self._reader = reader

    def _walk(self) -> None:
        self._block(self._text.statements(self._function))

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
            if self._text.texts[statement.tokens.start] == "return":
                self._returned(statement)
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
        self._has_read()
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
            if self._is_range(statement, declarator):
                self._expression(declarator.initializer)
                initial: Value | None = UNKNOWN
            else:
                initial = self._initial(declared, declarator)
            self._check_variable(declared, initial)
            self._reader.scopes[-1][declared.name] = self._variable(declared, initial)

    def _is_range(self, statement: Statement, declarator: Declarator) -> bool:
        start = declarator.initializer.start
        return (
            len(declarator.initializer) > 0
            and self._text.texts[start - 1] == ":"
            and statement.tokens.start < start
        )

    def _initial(self, declared: Declared, declarator: Declarator) -> Value | None:
        where = declarator.initializer
        if not len(where):
            return None
        texts = self._text.texts
        if texts[where.start] == "{" or (
            texts[where.start] == "(" and texts[where.start - 1] != "="
        ):
            return self._arguments(declared, where)
        try:
            value = self._reader.read(where)
        except Unread:
            return UNKNOWN
        self._has_read()
        return value

    @staticmethod
    def _variable(declared: Declared, initial: Value | None) -> Value:
        if declared.by_auto:
            if initial is None or declared.by_auto in ("?", "auto&&"):
                return UNKNOWN
            if declared.by_auto == "auto&":
                return initial
            return replace(initial.decayed() or UNKNOWN, place="thread")
        return value_of(declared, own_space="thread")

    # --- for subclasses ----------------------------------------------------------------------------

    def _has_read(self) -> None:
        """An expression has been read to its end."""

    def _arguments(self, declared: Declared, where: range) -> Value | None:
        """The value of `T x(...)` or `T x{...}`, brackets included."""
        return UNKNOWN

    def _check_variable(self, declared: Declared, initial: Value | None) -> None:
        """A variable gets an initial value, None when it gets none."""

    def _returned(self, statement: Statement) -> None:
        """`return ...;`"""
        start = statement.tokens.start
        self._expression(range(start + 1, statement.tokens.stop - 1))
