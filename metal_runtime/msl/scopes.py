"""Which variable a name means: a body's statements in, one name for each token out, variables of one name told apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from metal_runtime.msl.statements import Statement, StatementKind
from metal_runtime.msl.tokens import Token, TokenKind


def unique_names(
    tokens: Sequence[Token], body: Sequence[Statement], parameters: Iterable[str]
) -> list[str]:
    """The texts of ``tokens``, but a variable whose name is declared more than once is ``name@index``.

    The index is that of the token which declares it; a parameter keeps its name.
    """
    counts = Counter(parameters)
    counts.update(
        d.name for statement in body for part in statement.walk() for d in part.declarators
    )
    names = [token.text for token in tokens]
    repeated = {name for name, count in counts.items() if count > 1}
    if repeated:
        _Resolver(tokens, names, repeated).block(body, {})
    return names


class _Resolver:
    """Renames within nested scopes. ``scope`` maps a repeated name to what it means there."""

    def __init__(self, tokens: Sequence[Token], names: list[str], repeated: set[str]) -> None:
        self._tokens = tokens
        self._names = names
        self._repeated = repeated

    def block(self, statements: Sequence[Statement], outer: dict[str, str]) -> None:
        scope = dict(outer)
        for statement in statements:
            self._statement(statement, scope)

    def _statement(self, statement: Statement, scope: dict[str, str]) -> None:
        if statement.kind is StatementKind.BLOCK:
            self.block(statement.body, scope)
            return
        if not statement.body:
            self._simple(statement, scope)
            return
        inner = dict(
            scope
        )  # what a for declares, and a branch that is no block, ends with the statement
        for part in statement.initial:
            self._simple(part, inner)
        self._rename(statement.condition, inner)
        self._rename(statement.step, inner)
        for part in (*statement.body, *statement.otherwise):
            self._statement(part, dict(inner))

    def _simple(self, statement: Statement, scope: dict[str, str]) -> None:
        position = statement.tokens.start
        for declarator in statement.declarators:
            self._rename(range(position, declarator.name_index), scope)
            if declarator.name in self._repeated:
                # The name means the new variable from here on, in its own initial value too.
                scope[declarator.name] = f"{declarator.name}@{declarator.name_index}"
            position = declarator.name_index
        self._rename(range(position, statement.tokens.stop), scope)

    def _rename(self, tokens: range, scope: dict[str, str]) -> None:
        for i in tokens:
            is_member = i > 0 and self._tokens[i - 1].text in (".", "->")
            if self._tokens[i].kind is TokenKind.IDENTIFIER and not is_member:
                self._names[i] = scope.get(self._names[i], self._names[i])
